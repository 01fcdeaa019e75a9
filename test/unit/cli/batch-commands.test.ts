import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { createRng } from '../../../shared/core/index.js';
import { openStore } from '../../../shared/store/index.js';
import { loadState, loadTwin } from '../../../shared/twin/index.js';
import { runCommand } from '../../support/run-command.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

describe.skipIf(!hasCompiler)('fit and backtest, as a user calls them', () => {
  let dir: string;
  let twin: string;
  let data: string;

  // x' = k (u − x), y2 = 2 x + u: k is 0.2 in the record, 1 in the definition.
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'twinloop-batch-'));
    await copyFile(buildFmu('decay', 2), join(dir, 'decay.fmu'));
    twin = join(dir, 'twin.json');
    await writeFile(
      twin,
      JSON.stringify({
        name: 'decay',
        fmu: './decay.fmu',
        inputs: [{ variable: 'u', column: 'u' }],
        measured: [{ variable: 'y', alias: '/d/y' }],
        parameters: [{ variable: 'k', alias: '/d/k', lower: 0, prior: { mean: 1, std: 1 } }],
        virtualSensors: [{ variable: 'y2', alias: '/d/y2' }],
        simulation: { mode: 'transient', stepSizeS: 1 },
        transient: { inputInterpolation: 'hold' },
      }),
    );
    const rng = createRng(11);
    const rows = ['time,u,y'];
    let u = 1;
    let x = 3;
    for (let t = 0; t < 400; t++) {
      if (rng.uniform() < 0.08) u = 4 * rng.uniform();
      rows.push(`${t},${u},${x + 0.02 * rng.normal()}`);
      x = u + (x - u) * Math.exp(-0.2);
    }
    data = join(dir, 'record.csv');
    await writeFile(data, `${rows.join('\n')}\n`);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const run = (name: string, args: Record<string, unknown>) =>
    runCommand(name, { twin, data, lanes: 1, ...args }, {}, { withStderr: true });

  it('fits, writes what it was asked for, and a state that calibrate goes on from', async () => {
    const file = (name: string) => join(dir, name);
    const { code, text } = await run('fit', {
      to: 300,
      output: file('fit.json'),
      plot: file('fit.svg'),
      report: file('fit.html'),
      state: file('states'),
    });
    expect(code).toBe(0);
    expect(text).toContain('good: ');
    const output = JSON.parse(await readFile(file('fit.json'), 'utf8'));
    expect(output).toMatchObject({
      twin: 'decay',
      verdict: { grade: 'good', reasons: [] },
      summary: { verdict: { grade: 'good' }, recording: { rows: 300, used: 300 } },
      residuals: { white: expect.any(Number), ou: { std: expect.any(Number) } },
      ridges: [],
    });
    expect(output.nEff).toBeGreaterThan(50);
    const { k } = output.parameters;
    expect(k.lower95).toBeLessThan(0.2);
    expect(k.upper95).toBeGreaterThan(0.2);
    expect(k.std).toBeLessThan(0.01);
    expect(output.startStates.x.mean).toBeCloseTo(3, 1);
    expect(await readFile(file('fit.svg'), 'utf8')).toContain('<svg');
    expect(await readFile(file('fit.html'), 'utf8')).toContain('<h2>Parameters</h2>');

    const stored = await loadState(openStore(file('states')), await loadTwin(twin));
    expect(stored!.state).toMatchObject({ timeS: 299, sampleCount: 300 });
    expect(stored!.state.filter.x[0]).toBeCloseTo(k.mean, 12);
    const calibrated = await run('calibrate', {
      from: 300,
      state: file('states'),
      output: file('calibration.json'),
    });
    expect(calibrated.code).toBe(0);
    const { steps, summary } = JSON.parse(await readFile(file('calibration.json'), 'utf8'));
    expect(summary.assimilated).toBe(100);
    expect(Math.abs(steps[0].parameters.k.mean - k.mean)).toBeLessThan(3 * k.std);
    expect(summary.meanNisPerChannel).toBeGreaterThan(0.5);
    expect(summary.meanNisPerChannel).toBeLessThan(2);
  });

  it.each(['fit', 'calibrate'])(
    '%s --json has every key at its place on stdout, also beside a file',
    async (name) => {
      const output = join(dir, `${name}-told.json`);
      const { text } = await runCommand(name, {
        twin,
        data,
        to: 300,
        lanes: 1,
        output,
        json: true,
      });
      const { steps, ...written } = JSON.parse(await readFile(output, 'utf8'));
      const told = JSON.parse(text);
      expect(told).toEqual(written);
      expect(told).toMatchObject({ twin: 'decay', summary: { verdict: {}, recording: {} } });
      expect(steps !== undefined).toBe(name === 'calibrate');
    },
  );

  it('ends with 1 where the result is not to be used, and writes no state', async () => {
    const { code, text } = await run('fit', { to: 2, state: join(dir, 'none') });
    expect(code).toBe(1);
    expect(text).toContain('do not use');
    expect(await loadState(openStore(join(dir, 'none')), await loadTwin(twin))).toBeUndefined();
  });

  it('ends with 1 on --strict unless the result is good', async () => {
    expect((await run('fit', { to: 30, strict: true })).code).toBe(1);
    expect((await run('fit', { to: 30 })).code).toBe(0);
  });

  it('ends a calibration with its last sample, though no sensor told of it', async () => {
    const silent = join(dir, 'silent.csv');
    const rows = (await readFile(data, 'utf8')).trim().split('\n').slice(0, 101);
    // The input steps in its last rows, and nobody reads what that does.
    const last = rows.map((r, k) => (k > 85 ? r.replace(/,.*/, ',9,') : r));
    await writeFile(silent, last.join('\n'));
    const output = join(dir, 'silent.json');
    await run('calibrate', { data: silent, output });
    const { steps, summary } = JSON.parse(await readFile(output, 'utf8'));
    expect(steps.at(-1).skipped).toBe('no-usable-channel');
    expect(summary.virtualSensors).toEqual(steps.at(-1).virtualSensors);
    expect(summary.virtualSensors.y2.mean).toBeGreaterThan(24);
  });

  it('tells in the report of calibrate which wear was assumed, of constants none', async () => {
    const definition = JSON.parse(await readFile(twin, 'utf8'));
    const report = join(dir, 'wear.html');
    const horizonOf = async (changes: Record<string, unknown>) => {
      const path = join(dir, 'assumed.json');
      const parameters = [{ ...definition.parameters[0], ...changes }];
      await writeFile(path, JSON.stringify({ ...definition, parameters }));
      await run('calibrate', { twin: path, to: 60, report });
      return /Wear horizon: [^.,]*/.exec(await readFile(report, 'utf8'))?.[0];
    };
    expect(await horizonOf({ wearHorizonS: 864_000 })).toMatch(/10$/);
    expect(await horizonOf({ dynamics: 'constant' })).toBe('Wear horizon: none');
  });

  it('tests predictions and bands', async () => {
    const output = join(dir, 'backtest.json');
    const { code, text } = await run('backtest', { output, plot: join(dir, 'pit.svg') });
    expect(code).toBe(0);
    expect(text).toContain('Predictions of rows that the fit had not seen');
    const result = JSON.parse(await readFile(output, 'utf8'));
    expect(result.horizons[0]).toMatchObject({ samples: 1, channel: 'y', n: expect.any(Number) });
    expect(Object.keys(result.horizons[0])).toEqual(
      expect.arrayContaining(['coverage50', 'coverage80', 'coverage95', 'crps', 'rmse']),
    );
    expect(result.splitHalf).toMatchObject({ agree: 1, pairs: 1 });
    expect(result.heldOut).toEqual([]);
    expect(result.verdict.grade).toBe('good');
  });

  it('takes care where none of the predictions that were asked for could be tested', async () => {
    const args = { horizons: [1, 500], yardstick: false, json: true };
    const { text } = await runCommand('backtest', { twin, data, lanes: 1, ...args });
    const { horizons, verdict } = JSON.parse(text);
    expect(horizons.map((h: { samples: number | string }) => h.samples)).toEqual([1, 'free-run']);
    expect(verdict).toMatchObject({
      grade: 'care',
      reasons: [
        expect.stringMatching(/^of the predictions asked for .*500 samples ahead.* of 80 samples/),
      ],
    });
  });

  it('remarks on usual predictions that could not be tested', async () => {
    const args = { twin, data, lanes: 1, yardstick: false };
    const { horizons, untested, verdict } = JSON.parse(
      (await runCommand('backtest', { ...args, json: true })).text,
    );
    expect(horizons.map((h: { samples: number | string }) => h.samples)).not.toContain(100);
    expect(untested).toEqual({ samples: [100], longest: 80 });
    expect(verdict.grade).toBe('good');
    const report = join(dir, 'untested.html');
    const { text } = await runCommand('backtest', { ...args, report });
    for (const told of [text, await readFile(report, 'utf8')]) {
      expect(told).toContain('none could be tested 100 samples ahead');
    }
  });

  it.each(['fit', 'calibrate', 'backtest'])(
    '%s: names an input that has no value, and blames no sensor',
    async (name) => {
      const blank = join(dir, 'blank.csv');
      const rows = (await readFile(data, 'utf8')).trim().split('\n');
      await writeFile(
        blank,
        rows.map((r, k) => (k === 0 ? r : r.replace(/,.*,/, ',,'))).join('\n'),
      );
      const output = join(dir, `blank-${name}.json`);
      expect((await run(name, { data: blank, output })).code).toBe(1);
      const { verdict } = JSON.parse(await readFile(output, 'utf8')).summary;
      expect(verdict.grade).toBe('unusable');
      expect(verdict.reasons).toContain('none of 400 samples was used: 400 input-missing');
      expect(verdict.reasons.join('; ')).toContain('u has no value in any of 400 rows');
      expect(verdict.reasons.join('; ')).not.toMatch(/measured variable/);
    },
  );

  it('takes an export that tells inputs only when they change as one that tells them in each row', async () => {
    const told = join(dir, 'changes.csv');
    let before = '';
    const rows = (await readFile(data, 'utf8'))
      .trim()
      .split('\n')
      .map((row) => {
        const [time, u, y] = row.split(',');
        const isNew = u !== before;
        before = u!;
        return [time, isNew ? u : '', y].join(',');
      });
    await writeFile(told, rows.join('\n'));
    const [changes, whole] = await Promise.all(
      [told, data].map(async (file) => {
        const output = join(dir, `changes-${file === told}.json`);
        expect((await run('calibrate', { data: file, to: 150, output })).code).toBe(0);
        return JSON.parse(await readFile(output, 'utf8')).summary;
      }),
    );
    expect(changes).toMatchObject({ samples: 150, assimilated: 150, skipped: 0 });
    expect(changes.parameters).toEqual(whole.parameters);
    expect(changes.virtualSensors).toEqual(whole.virtualSensors);
    expect(changes.verdict).toEqual(whole.verdict);
  });

  it('refuses horizons that are none', async () => {
    const command = (await loadCommands()).find((c) => c.name === 'backtest')!;
    const horizons = command.options!.find((o) => o.flags.startsWith('--horizons'))!;
    expect(() => horizons.parse!('1,x')).toThrow('whole number');
    expect(horizons.parse!('10,1,10')).toEqual([1, 10]);
  });
});
