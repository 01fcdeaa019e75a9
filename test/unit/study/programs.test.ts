import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import type { Bench } from '../../bench/common/bench.js';
import { commandFor, type Options, readProgram } from '../../study/common/options.js';

/** Programs of ours that a script of package.json runs, with its own words. */
const scripts = Object.entries(
  (
    JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    }
  ).scripts,
).filter(
  ([name, line]) =>
    // All studies share one main.
    line.startsWith('node ') && !/^pre|^study:(?!wear)/.test(name),
);

const folder = packageFile('.');
function run(line: string, ...more: string[]) {
  const [, ...args] = line.split(' ');
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [...args, ...more], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}
const isStack = (text: string) => /^ {4}at /m.test(text);

describe('what scripts of package.json run', () => {
  it('is some of each kind', () => {
    const names = scripts.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining(['bench', 'study:wear', 'soak:edge', 'corpus', 'ready', 'build:twin']),
    );
  });

  it.each(scripts)(
    '%s answers --help, and ends an unknown option with 2 and a sentence',
    async (_, line) => {
      const [help, unknown] = await Promise.all([run(line, '--help'), run(line, '--nonsense')]);
      expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(/^Usage: /m);
      expect(unknown.code, unknown.stderr).toBe(2);
      expect(unknown.stderr).toContain('--nonsense');
      expect(isStack(unknown.stderr)).toBe(false);
    },
    60_000,
  );
});

describe('benches', () => {
  const areas = readdirSync(packageFile('test/bench'))
    .filter((f) => f.endsWith('.ts') && f !== 'main.ts')
    .map((f) => f.slice(0, -'.ts'.length));

  it.each(areas)(
    '%s tells what it measures, and takes no option that it does not have',
    async (area) => {
      const { bench } = (await import(`../../bench/${area}.ts`)) as { bench: Bench<Options> };
      const program = { ...bench, name: `bench -- ${area}` };
      const help = commandFor(program).helpInformation();
      expect(help.replace(/\s+/g, ' ')).toContain(bench.measures);
      for (const option of Object.keys(bench.options)) expect(help).toContain(`--${option}`);
      for (const wrong of [['--nonsense'], ['nonsense']]) {
        expect(() => readProgram(program, wrong)).toThrow(
          expect.objectContaining({ code: 'USAGE' }),
        );
      }
      expect(Object.keys(readProgram(program, [])!.given)).toEqual(Object.keys(bench.options));
    },
  );

  it('are named where one is asked for that there is not, or an option stands before them', async () => {
    const main = 'node dist/test/bench/main.js';
    for (const args of [['nonsense'], ['--samples', '3']]) {
      const { code, stderr } = await run(main, ...args);
      expect(code).toBe(2);
      expect(stderr).toContain('calibration, edge, fleet');
    }
    const { code, stdout } = await run(main, 'calibration', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--samples <N>');
  });
});
