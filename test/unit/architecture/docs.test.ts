import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { packageFile } from '../../../shared/core/index.js';
import type { Bench } from '../../bench/common/bench.js';
import type { Options } from '../../study/common/options.js';
import { STUDIES } from '../../study/studies.js';

const root = packageFile('.');
const FOLDERS = [
  'docs',
  'shared',
  'cli',
  'cloud',
  'edge-component',
  'simulators',
  'test',
  'recipes',
];
/** All files, as paths from the root. */
const files = [...FOLDERS, 'scripts'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => !/node_modules|\.vitepress/.test(file))
    .map((file) => join(folder, file)),
);
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...files.filter((file) => file.endsWith('.md') && !file.startsWith('scripts')),
];
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Without its blocks of code. */
const proseOf = (text: string): string => text.replace(/```[\s\S]*?```/g, '');

/** The anchors of a page's headings, as GitHub and VitePress make them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...proseOf(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
  return new Set(headings);
}

/** What a link of a page leads to that is not there; undefined where it is. */
function faultOfLink(page: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? join(root, page) : join(dirname(join(root, page)), file);
  if (!existsSync(path)) return `${target}: ${relative(root, path)} is not there`;
  if (anchor === undefined || !path.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(path, 'utf8')).has(anchor)
    ? undefined
    : `${target}: ${relative(root, path)} has no such heading`;
}

/** A source file that prose names and that is not there; undefined of other words. */
function faultOfSource(page: string, word: string): string | undefined {
  if (!/^(?:\.{0,2}\/)?\w[\w./-]*\.(ts|mjs|c|sh)$/.test(word)) return undefined;
  const beside = join(dirname(page), word);
  return files.some((file) => file === beside || `/${file}`.endsWith(`/${word}`))
    ? undefined
    : `${word}: there is no such file`;
}

/** The options of a study or a bench; undefined of other scripts. */
async function optionsOf(script: string, words: string): Promise<string[] | undefined> {
  const [name, study] = /^study(?::(.*))?$/.exec(script) ?? [];
  if (name !== undefined) {
    const { options } = await STUDIES[study ?? 'web-line']!();
    return [...Object.keys(options), 'jobs', 'results', 'help'];
  }
  const area = script === 'bench' ? /^[a-z-]+(?= |$)/.exec(words)?.[0] : undefined;
  if (area === undefined) return undefined;
  const { bench } = (await import(`../../bench/${area}.ts`)) as { bench: Bench<Options> };
  return [...Object.keys(bench.options), 'help'];
}

/** What is wrong with a call of `npm run`; undefined where nothing is. */
async function faultOfScript(script: string, words: string): Promise<string | undefined> {
  if (!/^[a-z:-]+$/.test(script)) return undefined;
  if (!(script in scripts)) return 'there is no such script';
  const known = await optionsOf(script, words);
  const unknown = [...words.matchAll(/--(?:no-)?([a-z][a-z-]*)/g)]
    .map(([, option = '']) => option)
    .filter((option) => known !== undefined && !known.includes(option));
  return unknown.length === 0 ? undefined : `it has no option --${unknown.join(', --')}`;
}

/** What every command takes: `program.ts` adds it. */
const EVERYWHERE = ['--json', '--help', '--trust', '--strict', '--log-level', '--version'];

/** The calls of `twinloop` in a page's blocks of commands. */
function callsOf(text: string): string[] {
  return [...text.matchAll(/^[ ]*```(?:sh|console|bash)\n([\s\S]*?)^[ ]*```/gm)].flatMap(
    ([, block = '']) =>
      block
        .replace(/\\\n\s*/g, ' ')
        .split('\n')
        .map((line) => line.trim().replace(/^\$ /, ''))
        .filter((line) => line.startsWith('twinloop ')),
  );
}

describe('docs', async () => {
  const commands = await loadCommands();

  /** What is wrong with a call; undefined where nothing is. */
  function faultOf(call: string): string | undefined {
    const bare = call.replace(/\s+#.*$/, '').replace(/\s(>|&&|\||&)(\s.*)?$/, '');
    const words = (bare.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).slice(1);
    const command = [2, 1]
      .map((n) => commands.find((c) => c.name === words.slice(0, n).join(' ')))
      .find((c) => c !== undefined);
    if (command === undefined) return 'there is no such command';
    const rest = words.slice(command.name.split(' ').length);
    // Usage lines of the reference stand for calls.
    if (rest.includes('[options]')) return undefined;
    let positional = 0;
    for (let i = 0; i < rest.length; i++) {
      const word = rest[i]!;
      if (!word.startsWith('--')) {
        positional++;
        continue;
      }
      const [flag = ''] = word.split('=');
      const option = (command.options ?? []).find((o) => o.flags.split(/[ ,|]+/).includes(flag));
      if (option === undefined) {
        if (!EVERYWHERE.includes(flag)) return `it has no option ${flag}`;
        continue;
      }
      if (!option.flags.includes('<') || word.includes('=')) continue;
      if (option.flags.includes('...'))
        while (i + 1 < rest.length && !rest[i + 1]!.startsWith('--')) i++;
      else i++;
      if (i >= rest.length) return `${flag} lacks its value`;
    }
    const wanted = (command.arguments ?? []).filter((a) => a.name.startsWith('<')).length;
    return positional < wanted && !rest.includes('--help')
      ? `it lacks ${wanted - positional} of its arguments`
      : undefined;
  }

  it('knows a wrong call', () => {
    expect(faultOf('twinloop calibrat x')).toMatch(/no such command/);
    expect(faultOf('twinloop calibrate twin.json --dato x')).toMatch(/no option --dato/);
    expect(faultOf('twinloop config validate fleet.json')).toMatch(/lacks 1/);
    expect(faultOf('twinloop calibrate twin.json --data')).toMatch(/lacks its value/);
  });

  it('knows a wrong link, a wrong source file and a wrong script', async () => {
    expect(faultOfSource('shared/twin/README.md', 'filter/filters.ts')).toMatch(/no such file/);
    expect(faultOfSource('shared/twin/README.md', 'filter/filter.ts')).toBeUndefined();
    expect(faultOfSource('docs/architecture.md', 'shared/core/tqv.ts')).toBeUndefined();
    expect(faultOfLink('README.md', 'docs/nowhere.md')).toMatch(/not there/);
    expect(faultOfLink('README.md', 'docs/architecture.md#nowhere')).toMatch(/no such heading/);
    expect(faultOfLink('README.md', 'docs/architecture.md#parts-and-borders')).toBeUndefined();
    expect(await faultOfScript('studdy', '')).toMatch(/no such script/);
    expect(await faultOfScript('study:lid', '--row 1')).toMatch(/no option --row$/);
    expect(await faultOfScript('bench', 'late --samples 10')).toBeUndefined();
    expect(await faultOfScript('bench', 'late --sample 10')).toMatch(/no option --sample$/);
  });

  it.each(pages)('%s names commands, options, scripts and files that are there', async (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const faults = callsOf(text).flatMap((call) => {
      const fault = faultOf(call);
      return fault === undefined ? [] : [`${call}: ${fault}`];
    });
    for (const [, target = ''] of proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      const fault = faultOfLink(page, target);
      if (fault !== undefined) faults.push(fault);
    }
    for (const [, word = ''] of proseOf(text).matchAll(/`([^`\n]+)`/g)) {
      const fault = faultOfSource(page, word);
      if (fault !== undefined) faults.push(fault);
    }
    for (const [call, script = '', words = ''] of text.matchAll(
      /npm run ([a-z][\w:-]*)(?: -- ([^`\n|]*))?/g,
    )) {
      const fault = await faultOfScript(script, words);
      if (fault !== undefined) faults.push(`${call}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  it('has the blocks that are looked at', () => {
    const all = pages.flatMap((page) => callsOf(readFileSync(join(root, page), 'utf8')));
    expect(all.length).toBeGreaterThan(80);
  });
});
