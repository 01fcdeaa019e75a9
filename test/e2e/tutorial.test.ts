import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-tutorial-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With this set, pages are rewritten to what the commands print: look at the difference. */
const renew = process.env.TWINLOOP_RENEW_TUTORIALS === '1';

/** The outlet temperatures of an export in kelvin. */
function inKelvin(text: string): string {
  const [title = '', header = '', ...rows] = text.trimEnd().split('\n');
  const kelvin = (cell: string) =>
    /^\d/.test(cell)
      ? (Number(cell.replace(',', '.')) + 273.15).toFixed(3).replace('.', ',')
      : cell;
  const changed = rows.map((row) => {
    const cells = row.split(';');
    return [...cells.slice(0, 5), ...cells.slice(5).map(kelvin)].join(';');
  });
  return `${[title, header, ...changed].join('\n')}\n`;
}

function edit(path: string, change: (text: string) => string): void {
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  writeFileSync(path, changed);
}

/** Wall times differ from run to run; nothing else may. */
const timeless = (text: string) => text.replace(/, [\d.]+ s$/gm, ', … s').trimEnd();

interface Tutorial {
  page: string;
  /** What the reader has beside the repository. */
  prepare?: (cwd: string) => void;
  /** What the text between two commands asks the reader to do, by the first word of the next. */
  before?: Readonly<Record<string, (cwd: string) => void>>;
  codes: readonly number[];
}

const tutorials: readonly Tutorial[] = [
  {
    page: 'docs/tutorials/your-first-twin.md',
    prepare: (cwd) => {
      const exported = readFileSync(packageFile('shared/twins/heat-exchanger/export.csv'), 'utf8');
      writeFileSync(join(cwd, 'kelvin.csv'), inKelvin(exported));
    },
    before: {
      'calibrate twin.yaml --data shared': (cwd) =>
        edit(join(cwd, 'twin.yaml'), (text) =>
          text.replace(/(std: 2\.5 \}) \}/, '$1, alarm: { above: 4 } }'),
        ),
    },
    codes: [0, 0, 0, 1],
  },
  {
    page: 'docs/tutorials/a-machine-that-moves.md',
    before: {
      fit: (cwd) =>
        edit(join(cwd, 'box.yaml'), (text) => text.replace(', interpolation: "hold"', '')),
    },
    codes: [0, 0, 0],
  },
];

it.each(tutorials)(
  '$page shows the terminal’s text word for word',
  ({ page, prepare, before = {}, codes }) => {
    const cwd = join(folder, page.replace(/\W+/g, '-'));
    mkdirSync(cwd);
    symlinkSync(packageFile('shared'), join(cwd, 'shared'));
    prepare?.(cwd);
    const path = packageFile(page);
    let text = readFileSync(path, 'utf8');
    const blocks = [...text.matchAll(/```console\n\$ twinloop ([^\n]+)\n([\s\S]*?)```/g)];
    const found = blocks.map(([block, command = '', shown = '']) => {
      for (const [start, act] of Object.entries(before)) if (command.startsWith(start)) act(cwd);
      // Both streams go to one place, as in a terminal.
      const run = spawnSync(
        'sh',
        ['-c', `'${process.execPath}' '${compiledEntry('cli')}' ${command} 2>&1`],
        { cwd, encoding: 'utf8', timeout: 60_000 },
      );
      if (renew)
        text = text.replace(
          block,
          `\`\`\`console\n$ twinloop ${command}\n${run.stdout.trimEnd()}\n\`\`\``,
        );
      else expect(timeless(run.stdout), command).toBe(timeless(shown));
      return run.status;
    });
    if (renew) writeFileSync(path, text);
    expect(found).toEqual(codes);
  },
  180_000,
);

it.each(['heat-exchanger', 'heated-box'])('%s: the recording is what its source makes', (name) => {
  const output = mkdtempSync(join(folder, 'build-'));
  if (!hasCompiler) return;
  const build = packageFile(`shared/twins/${name}/build.mjs`);
  execFileSync(process.execPath, [build, output, '--this-machine']);
  const kept = packageFile(`shared/twins/${name}/export.csv`);
  expect(readFileSync(join(output, 'export.csv'), 'utf8')).toBe(readFileSync(kept, 'utf8'));
});
