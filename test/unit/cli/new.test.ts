import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createRng, packageFile } from '../../../shared/core/index.js';
import { machineFmu } from '../../study/unseen/fmu.js';
import type { Machine } from '../../study/unseen/machines.js';
import { runCommand } from '../../support/run-command.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-new-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fmu = packageFile('shared/twins/heat-exchanger/heat-exchanger.fmu');
const data = packageFile('shared/twins/heat-exchanger/export.csv');
const box = packageFile('shared/twins/heated-box/heated-box.fmu');

/** Header and rows of the box's recording. */
const boxRows = () =>
  readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8').trim().split('\n');

const run = (args: Record<string, unknown>) => runCommand('new', { fmu, data, lanes: 1, ...args });

/** It rests within a minute, and is exported with the recording's half hours as its step. */
const kettle: Machine = {
  name: 'kettle',
  periodS: 1800,
  states: [['T', 60, 40]],
  inputs: [['power', 1, 5, 4]],
  parameters: [['UA', 0.1]],
  measured: [['temperature', 0.1]],
  hidden: ['loss'],
  equations: 'loss = UA * (T - 20.0); der_T = (power - loss) / 4.0; temperature = T;',
  truth() {},
  missing() {},
};

describe('new, as a user calls it', () => {
  it.skipIf(!hasCompiler)(
    'takes rows for states of rest where the machine rests between them, though the FMU’s step is as long as a row',
    async () => {
      const rng = createRng(2);
      const rows = Array.from({ length: 60 }, (_, k) => {
        const power = 1 + 4 * rng.uniform();
        return [1800 * k, power, 20 + power / 0.12 + 0.1 * rng.normal()].join(',');
      });
      const recording = join(folder, 'kettle.csv');
      writeFileSync(recording, ['time,power,temperature', ...rows].join('\n'));
      const output = join(folder, 'kettle.yaml');
      const args = { fmu: machineFmu(kettle), data: recording, output, yes: true, json: true };
      const { text } = await run(args);
      const { simulation } = parse(readFileSync(output, 'utf8'));
      expect(simulation).toMatchObject({ mode: 'steady-state', stepSizeS: 112.5 });
      expect(readFileSync(output, 'utf8')).toMatch(
        /# .*each row is taken for a state of rest; steps of 112.5 s/,
      );
      const { UA } = JSON.parse(text).summary.parameters;
      expect(UA.lower95).toBeLessThan(0.12);
      expect(UA.upper95).toBeGreaterThan(0.12);
      expect(UA.upper95 - UA.lower95).toBeLessThan(0.06);
    },
    120_000,
  );

  it('takes no guess between equals by --yes, and says what to choose from', async () => {
    const [head, ...rows] = boxRows();
    const logged = join(folder, 'equals.csv');
    // Two outputs that are temperatures, and three columns that are: the room's is told by its level.
    const names = head!.replace('T_box', 't1').replace('T_room', 't3');
    writeFileSync(
      logged,
      [`${names},average temp`, ...rows.map((row, k) => `${row},${31 + (k % 7)}`)].join('\n'),
    );
    const output = join(folder, 'equals.yaml');
    const args = { fmu: box, data: logged, output, calibrate: false };
    const refused = run({ ...args, yes: true });
    await expect(refused).rejects.toMatchObject({ code: 'USAGE' });
    await expect(refused).rejects.toThrow(
      /--map 'THeater=average temp' or --map THeater=t1, or --map THeater= for none\n.*--map TAir=t1 or --map 'TAir=average temp'/,
    );
    const told = await run({ ...args, yes: true, map: ['TAir=t1', 'THeater='] });
    expect(told.code).toBe(0);
    const { measured } = parse(readFileSync(output, 'utf8'));
    expect(measured.map((m: { variable: string }) => m.variable)).toEqual(['TAir']);
  });

  it('names weak guesses that --yes takes, on stderr and in the verdict, and none that was said', async () => {
    const [head, ...rows] = boxRows().slice(0, 200);
    const lone = join(folder, 'lone.csv');
    writeFileSync(lone, [head!.replace('heater_on', 'x1'), ...rows].join('\n'));
    const output = join(folder, 'lone.yaml');
    const args = { fmu: box, data: lone, output, yes: true, json: true, overwrite: true };
    const guessed = await run(args);
    expect(guessed.told).toContain(
      'Weak guesses that --yes takes: heaterOn = x1 (the only column that is left and moves)',
    );
    const { summary } = JSON.parse(guessed.text);
    expect(summary.recording.guessedColumns).toMatchObject([
      { variable: 'heaterOn', column: 'x1' },
    ]);
    expect(summary.verdict.grade).not.toBe('good');
    expect(summary.verdict.reasons.join('\n')).toContain('weak guesses: heaterOn = x1');
    // An input moves all.
    expect(summary.quantities.GBox.reasons.join()).toContain('weak guesses');
    const said = await run({ ...args, map: ['heaterOn=x1'] });
    expect(said.told).not.toContain('eak guess');
    expect(JSON.parse(said.text).summary.recording).not.toHaveProperty('guessedColumns');
  }, 120_000);

  it('names an input that is held at its start value while a column is of no variable, unless that was said', async () => {
    const [head, ...rows] = boxRows().slice(0, 200);
    const still = join(folder, 'still.csv');
    // What never moves is taken for no input.
    const moved = [
      head!.replace('T_room', 'TX-7'),
      ...rows.map((r) => r.split(',').with(2, '9000').join(',')),
    ];
    writeFileSync(still, moved.join('\n'));
    const output = join(folder, 'still.yaml');
    const args = { fmu: box, data: still, output, yes: true, json: true, overwrite: true };
    const { summary } = JSON.parse((await run(args)).text);
    expect(summary.recording.guessedInputs).toMatchObject([
      { variable: 'TRoom', columns: ['TX-7'] },
    ]);
    expect(summary.verdict.grade).not.toBe('good');
    expect(summary.verdict.reasons.join('\n')).toContain(
      'no column is like TRoom, which is held at the FMU’s start value',
    );
    const said = await run({ ...args, map: ['TRoom='] });
    expect(JSON.parse(said.text).summary.recording).not.toHaveProperty('guessedInputs');
  }, 120_000);

  it('is written, tried and reported; run again it overwrites nothing that was changed', async () => {
    const output = join(folder, 'twin.yaml');
    const { code, text } = await run({ output });
    expect(code).toBe(0);
    expect(text).toMatch(/good: nothing speaks against it/);
    const found = /fouling +([\d.]+) +95 %: ([\d.]+) to ([\d.]+)/.exec(text)!.slice(1).map(Number);
    // The recording was made with a fouling of 3.5 at its end.
    expect(found[1]).toBeLessThan(3.5);
    expect(found[2]).toBeGreaterThan(3.5);
    const report = readFileSync(join(folder, 'twin.html'), 'utf8');
    for (const part of [
      'good: nothing',
      'Recording',
      'Parameters',
      'Fit and innovations',
      '<svg ',
    ]) {
      expect(report).toContain(part);
    }
    expect((await run({ output, calibrate: false })).code).toBe(0);
    writeFileSync(output, `${readFileSync(output, 'utf8')}# mine\n`);
    await expect(run({ output, calibrate: false })).rejects.toThrow(/--overwrite/);
    expect(readFileSync(output, 'utf8')).toMatch(/# mine/);
    expect((await run({ output, calibrate: false, overwrite: true })).code).toBe(0);
  }, 120_000);
});
