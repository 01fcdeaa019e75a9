import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { packageFile } from '../../../shared/core/index.js';

const root = packageFile('.');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !/node_modules|\.vitepress/.test(file))
    .map((file) => join('docs', file)),
];

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

  it.each(pages)('%s names commands, options and files that are there', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const faults = callsOf(text).flatMap((call) => {
      const fault = faultOf(call);
      return fault === undefined ? [] : [`${call}: ${fault}`];
    });
    const prose = text.replace(/```[\s\S]*?```/g, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^([a-z]+:|#)/.test(target)) continue;
      const path = join(dirname(join(root, page)), target.replace(/#.*$/, ''));
      if (!existsSync(path)) faults.push(`${target}: ${relative(root, path)} is not there`);
    }
    expect(faults).toEqual([]);
  });

  it('has the blocks that are looked at', () => {
    const all = pages.flatMap((page) => callsOf(readFileSync(join(root, page), 'utf8')));
    expect(all.length).toBeGreaterThan(80);
  });
});
