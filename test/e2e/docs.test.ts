import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledEntry, packageFile } from '../../shared/core/index.js';

const cwd = mkdtempSync(join(tmpdir(), 'twinloop-docs-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
// The pages' commands are those of a clone's folder.
for (const folder of ['shared', 'dist', 'cloud'])
  symlinkSync(packageFile(folder), join(cwd, folder));
const page = (path: string) => readFileSync(packageFile(`docs/${path}`), 'utf8');

function twinloop(...args: string[]): string {
  return execFileSync(process.execPath, [compiledEntry('cli'), ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
  });
}

const python = spawnSync('python3', ['--version']).status === 0;
it.skipIf(!python)(
  'the Python of the how-to runs as it stands',
  () => {
    const script = /```python\n([\s\S]*?)```/.exec(page('how-to/python-and-matlab.md'))?.[1] ?? '';
    const run = spawnSync('python3', ['-c', script], { cwd, encoding: 'utf8', timeout: 100_000 });
    expect(run.stderr).toBe('');
    expect(run.stdout).toMatch(/^good \[\]\nfouling: 3\.\d\d \(3\.\d\d to 3\.\d\d\)\n720 samples/);
  },
  120_000,
);

it('the files that the tutorial of a deployment names are valid, and have a price', () => {
  const block = /```sh\n(twinloop config validate[\s\S]*?)```/.exec(
    page('tutorials/deploy-to-aws.md'),
  )?.[1];
  const calls = (block ?? '').trim().split('\n');
  expect(calls).toHaveLength(3);
  for (const call of calls) twinloop(...call.split(' ').slice(1));
}, 60_000);

/** Keys whose own keys are names of variables, or words that say which. */
const NAMED = new Set(
  'parameters goesBy virtualSensors measured inputs startStates channels from to skipped unreadable structures pit quantities responseError wearHorizonS noiseStd noiseStdNeeded std versions sources wear'.split(
    ' ',
  ),
);
/** Keys whose content the page names as a whole. */
const WHOLE = /\.(diagnostics|identifiability|readings)$|^yardstick$|^pit$|^heldOut$|^starts$/;

/** The keys of a result as the page writes them. */
function keysOf(value: unknown, path = '', named = false): string[] {
  if (Array.isArray(value)) return value.flatMap((v) => keysOf(v, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const own = path === '' ? key : `${path}.${named ? '<>' : key}`;
    const isEstimate = named && inner !== null && typeof inner === 'object' && 'std' in inner;
    return WHOLE.test(own) || isEstimate
      ? [own]
      : [own, ...keysOf(inner, own, NAMED.has(key) && !named)];
  });
}

describe('the page of results', () => {
  const box = 'shared/twins/heated-box';
  const exchanger = 'shared/twins/heat-exchanger';
  /** Every word in code of the page: names and the last parts of paths. */
  let known: Set<string>;
  beforeAll(() => {
    const codes = [...page('reference/results.md').matchAll(/`([^`]+)`/g)].map(([, c = '']) => c);
    known = new Set(codes.flatMap((c) => c.split(/[.,{}\s[\]]+/)).filter((c) => c !== ''));
    for (const [name, folder] of [
      ['heated-box', box],
      ['heat-exchanger', exchanger],
    ] as const) {
      const fmu = `${folder}/${name}.fmu`;
      const output = `${name}.yaml`;
      twinloop(
        'new',
        fmu,
        '--data',
        `${folder}/export.csv`,
        '--output',
        output,
        '--no-calibrate',
        '--yes',
      );
    }
  }, 60_000);

  it.each([
    [
      'calibrate',
      ['heat-exchanger.yaml', '--data', `${exchanger}/export.csv`, '--to', '60', '--state', 'hx'],
    ],
    ['forecast', ['heat-exchanger.yaml', '--state', 'hx']],
    ['fit', ['heated-box.yaml', '--data', `${box}/export.csv`]],
    ['backtest', ['heated-box.yaml', '--data', `${box}/export.csv`]],
  ] as const)(
    'names every key of %s',
    (command, args) => {
      const result = JSON.parse(twinloop(command, ...args, '--json'));
      const keys = [...new Set(keysOf(result))].filter((key) => !key.endsWith('<>'));
      expect(keys.length).toBeGreaterThan(15);
      expect(keys.filter((key) => !known.has(key.split('.').at(-1)!.replace(/\[\]/g, '')))).toEqual(
        [],
      );
    },
    120_000,
  );
});
