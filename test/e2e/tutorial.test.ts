import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { compiledEntry, packageFile } from '../../shared/core/index.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-tutorial-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

/** Wall times differ from run to run; nothing else may. */
const timeless = (text: string) => text.replace(/, [\d.]+ s$/gm, ', … s').trimEnd();

it('the tutorial shows the terminal’s text word for word', () => {
  const page = readFileSync(packageFile('docs/tutorials/your-first-twin.md'), 'utf8');
  const blocks = [...page.matchAll(/```console\n\$ twinloop ([^\n]+)\n([\s\S]*?)```/g)];
  expect(blocks).toHaveLength(4);
  symlinkSync(packageFile('shared'), join(folder, 'shared'));
  const exported = readFileSync(packageFile('shared/twins/heat-exchanger/export.csv'), 'utf8');
  writeFileSync(join(folder, 'kelvin.csv'), inKelvin(exported));
  const codes = blocks.map(([, command = '', shown = '']) => {
    // Both streams go to one place, as in a terminal.
    const run = spawnSync(
      'sh',
      ['-c', `'${process.execPath}' '${compiledEntry('cli')}' ${command} 2>&1`],
      { cwd: folder, encoding: 'utf8', timeout: 60_000 },
    );
    expect(timeless(run.stdout), command).toBe(timeless(shown));
    if (command.startsWith('new')) {
      const path = join(folder, 'twin.yaml');
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(/(std: 2\.5 \}) \}/, '$1, alarm: { above: 4 } }'));
    }
    return run.status;
  });
  expect(codes).toEqual([0, 0, 0, 1]);
}, 180_000);

it('the example’s FMU and recording are what its sources make', () => {
  if (spawnSync('cc', ['--version']).status !== 0) return;
  const output = mkdtempSync(join(folder, 'build-'));
  execFileSync(process.execPath, [packageFile('shared/twins/heat-exchanger/build.mjs'), output]);
  const kept = packageFile('shared/twins/heat-exchanger/export.csv');
  expect(readFileSync(join(output, 'export.csv'), 'utf8')).toBe(readFileSync(kept, 'utf8'));
});
