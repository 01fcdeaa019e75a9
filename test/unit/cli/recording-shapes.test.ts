import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRng, packageFile } from '../../../shared/core/index.js';
import { runCommand } from '../../support/run-command.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-shapes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const example = (name: string) => ({
  fmu: packageFile(`shared/twins/${name}/${name}.fmu`),
  data: packageFile(`shared/twins/${name}/export.csv`),
});

const run = (name: string, args: Record<string, unknown>) =>
  runCommand(name, { lanes: 1, ...args });

/** The exchanger's month as one reading a row, each tag at minutes of its own. */
function longForm(): string {
  const rng = createRng(3);
  const [, header = '', ...rows] = readFileSync(example('heat-exchanger').data, 'utf8').split('\n');
  const tags = header.trim().split(';').slice(1);
  const readings = rows.flatMap((row, hour) =>
    row
      .trim()
      .split(';')
      .slice(1)
      .map((value, i) => ({
        s: 3600 * hour + 900 * rng.uniform(),
        text: `${tags[i]};${value.replace(',', '.')}`,
      })),
  );
  return [
    'time;tag;value',
    ...readings.sort((a, b) => a.s - b.s).map((r) => `${r.s};${r.text}`),
  ].join('\n');
}

describe('a machine that moves', () => {
  it('has constants, its own step, and a limit within which its model rests', async () => {
    const output = at('box.yaml');
    const { text } = await run('new', { ...example('heated-box'), output, calibrate: false });
    const written = readFileSync(output, 'utf8');
    expect(written.match(/dynamics: "constant"/g)).toHaveLength(2);
    expect(written).not.toMatch(/^estimator:/m);
    expect(text).toMatch(/GBox .* constant; tunable/);
    const [, step, limit] = /stepSizeS: (\d+), maxTimeS: (\d+)/.exec(written)!.map(Number);
    expect(step).toBe(10);
    // The box follows its heater with a time constant of 20 minutes.
    expect(limit).toBeGreaterThan(10 * 1200);
  });

  it('moves where its rows are far apart and its model takes far longer to rest', async () => {
    const { fmu } = example('heated-box');
    const rows = Array.from({ length: 48 }, (_, k) => {
      const on = k % 5 < 2 ? 1 : 0;
      return `${660 * k},${on},22,${30 + 5 * on}`;
    });
    writeFileSync(at('rare.csv'), ['time,heaterOn,TRoom,TAir', ...rows].join('\n'));
    const output = at('rare.yaml');
    const { text } = await run('new', { fmu, data: at('rare.csv'), output, calibrate: false });
    expect(readFileSync(output, 'utf8')).toMatch(/mode: "transient"/);
    expect(text).toMatch(/rows are 11\.0 min apart: the machine moves between them.* rests after/);
  });

  it('begins at its start values where it never rests', async () => {
    const { restTime } = await import('../../../shared/twin/propose/index.js');
    const { twinSchema } = await import('../../../shared/config/index.js');
    const { fmu } = example('heated-box');
    const definition = twinSchema.parse({
      name: 'box',
      fmu,
      inputs: [
        { variable: 'heaterOn', value: 1 },
        { variable: 'TRoom', value: 22 },
      ],
      measured: [{ variable: 'TAir', alias: '/b/t' }],
      parameters: [{ variable: 'GBox', alias: '/b/g', prior: { mean: 1e-9, std: 1 } }],
      simulation: { mode: 'transient', stepSizeS: 10 },
    });
    // A box that loses nothing grows hotter for good.
    const found = await restTime({ definition, fmuPath: fmu, hash: '' }, [Float64Array.of(1, 22)]);
    expect(found.maxTimeS).toBeUndefined();
    expect(found.because).toMatch(/does not rest within .*\d s/);
  }, 60_000);
});

describe('a recording of one reading a row', () => {
  beforeAll(() => writeFileSync(at('long.csv'), longForm()));

  it('is told what it lacks where no value of it can be read', async () => {
    const mixed = at('mixed.csv');
    const { fmu } = example('heat-exchanger');
    writeFileSync(mixed, readFileSync(at('long.csv'), 'utf8').replace(/\.(\d+)$/gm, ',$1'));
    const args = { fmu, data: mixed, output: at('mixed.yaml'), calibrate: false };
    await expect(run('new', args)).rejects.toThrow(
      /No value could be read of .*TI-103 hot outlet .*e\.g\. "\d+,\d+"/,
    );
  });

  it('is taken by samples, not by readings, and by the period of a tag', async () => {
    const output = at('long.yaml');
    const { fmu } = example('heat-exchanger');
    await run('new', { fmu, data: at('long.csv'), output, calibrate: false });
    expect(readFileSync(output, 'utf8')).toMatch(/mode: "steady-state"/);
    const args = { twin: output, data: at('long.csv'), stride: 6, json: true };
    const { summary, steps } = JSON.parse((await run('calibrate', args)).text);
    // 720 hours: a stride over readings would leave one tag of each scan.
    expect(steps).toHaveLength(120);
    expect(summary.assimilated).toBeGreaterThan(117);
    expect(summary.parameters.fouling.lower95).toBeLessThan(3.5);
    expect(summary.parameters.fouling.upper95).toBeGreaterThan(3.5);
    expect(summary.recording.readings).toEqual({ rows: 4320, leftOut: {} });
  }, 60_000);
});

describe('a channel that never moves', () => {
  it('is among the alarms of calibrate and of fit', async () => {
    const { fmu, data } = example('heat-exchanger');
    const output = at('hx.yaml');
    await run('new', { fmu, data, output, calibrate: false });
    const dead = at('dead.csv');
    const lines = readFileSync(data, 'utf8').split('\n');
    const stuck = lines.map((line, i) =>
      i < 2 ? line : line.replace(/;[^;]+(\r?)$/, ';46,013$1'),
    );
    writeFileSync(dead, stuck.join('\n'));
    for (const command of ['calibrate', 'fit']) {
      const args = { twin: output, data: dead, to: 60, json: true };
      const { summary } = JSON.parse((await run(command, args)).text);
      expect(summary.alarms, command).toContainEqual(
        expect.objectContaining({ code: 'sensor-frozen', subject: 'TColdOut' }),
      );
      expect(summary.recording.deadChannels).toEqual(['TColdOut']);
      expect(summary.verdict.grade).not.toBe('good');
      expect(summary.verdict.reasons.join()).toContain('TColdOut');
    }
  }, 60_000);
});

describe('a channel that freezes', () => {
  it('is named once by calibrate, with since when, and is among its alarms', async () => {
    const output = at('box-frozen.yaml');
    await run('new', { ...example('heated-box'), output, calibrate: false });
    const lines = readFileSync(example('heated-box').data, 'utf8').trim().split('\n');
    const frozen = lines.map((line, i) => (i <= 300 ? line : line.replace(/,[^,]+/, ',35.375')));
    const data = at('frozen.csv');
    writeFileSync(data, frozen.slice(0, 400).join('\n'));
    const args = { twin: output, data };
    const { summary } = JSON.parse((await run('calibrate', { ...args, json: true })).text);
    expect(summary.recording.frozenChannels).toMatchObject([{ variable: 'TAir', samples: 100 }]);
    const named = (r: string) =>
      r.startsWith('TAir moves, yet') || r.startsWith('TAir has repeated');
    expect(summary.verdict.reasons.filter(named)).toHaveLength(1);
    const alarms = summary.alarms.filter((a: { code: string }) => a.code === 'sensor-frozen');
    expect(alarms).toMatchObject([{ subject: 'TAir' }]);
    const { text } = await run('calibrate', args);
    expect(text.match(/sensor frozen|sensor-frozen/g)).toHaveLength(1);
  }, 180_000);
});

describe('sensors', () => {
  it('tells which recording it rests on, and leaves out what is 0 where it looks', async () => {
    const twin = at('box.yaml');
    const { data } = example('heated-box');
    const prior = JSON.parse((await run('sensors', { twin, json: true })).text);
    expect(prior.summary.recording).toBeNull();
    expect(prior.ranking.map((s: { variable: string }) => s.variable)).not.toContain('loss');
    expect(prior.summary.verdict.reasons.join()).toMatch(/loss is 0 at the operating points/);
    const state = at('states');
    await run('fit', { twin, data, state });
    const found = JSON.parse((await run('sensors', { twin, state, json: true })).text);
    expect(found.summary.recording).toMatchObject({ rows: 1080, used: 1080 });
  }, 60_000);
});
