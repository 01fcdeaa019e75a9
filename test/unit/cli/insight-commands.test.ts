import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRng, packageFile, type StreamTqv, systemClock } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/sitewise/index.js';
import { runCommand } from '../../support/run-command.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twinloop-insight-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Rollers of the web line whose speed is measured. */
const ROLLERS = [1, 2, 3, 4, 5, 7, 8, 9, 10];

const run = (name: string, args: Record<string, unknown>, env: NodeJS.ProcessEnv = {}) =>
  runCommand(name, { lanes: 1, ...args }, env);

/** The web line with other sensor noise. */
async function webLine(noiseStd: number): Promise<string> {
  const source = packageFile('shared/twins/web-line/twin.json');
  const twin = JSON.parse(await readFile(source, 'utf8'));
  twin.fmu = packageFile('shared/twins/web-line/web-line.fmu');
  for (const m of twin.measured) m.noiseStd = noiseStd;
  const path = join(dir, `twin-${noiseStd}.json`);
  await writeFile(path, JSON.stringify(twin));
  return path;
}

describe('twin check', () => {
  it('says at 1e-3 rad/s that drags are not identifiable, and which noise would do', async () => {
    const { code, text } = await run('twin check', { twin: await webLine(1e-3) });
    expect(code).toBe(0);
    expect(text).toMatch(/Each parameter alone worn/);
    expect(text).toMatch(
      /b9 .*not identifiable: noiseStd of every sensor would have to be 0\.00052 or lower/,
    );
  });
});

describe('sensors', () => {
  it('ranks candidates beside the sensors that are there', async () => {
    const plot = join(dir, 'sensors.svg');
    const { code, text } = await run('sensors', {
      twin: await webLine(1e-3),
      candidate: ['S4_Tension_N:0.5:1200', 'NR2_w:0.001'],
      by: 'gain',
      plot,
      json: true,
    });
    expect(code).toBe(0);
    const result = JSON.parse(text);
    expect(result.ranking).toHaveLength(11);
    // A tension says more than a speed at this noise; the driven nip's speed says nothing.
    expect(result.ranking[0]).toMatchObject({ variable: 'S4_Tension_N', cost: 1200 });
    expect(result.additions.map((s: { variable: string }) => s.variable)).toEqual([
      'S4_Tension_N',
      'NR2_w',
    ]);
    expect(result.additions[1].gain).toBeLessThan(1e-3);
    expect(result.existing).toHaveLength(9);
    expect(result.points).toContain('b9 worn 40 %');
    expect(await readFile(plot, 'utf8')).toMatch(/<svg[\s\S]*S4_Tension_N/);
  });

  it('refuses candidates that it cannot read, know or weigh', async () => {
    const twin = await webLine(1e-4);
    const code = (args: Record<string, unknown>) =>
      run('sensors', { twin, by: 'gain', ...args }).then(
        () => 'none',
        (e) => e.code,
      );
    expect(await code({ candidate: ['S4_Tension_N'] })).toBe('USAGE');
    expect(await code({ candidate: ['S4_Tension_N:-1'] })).toBe('USAGE');
    expect(await code({ candidate: ['nothing:1'] })).toBe('VARIABLE_UNKNOWN');
    expect(await code({ candidate: ['Roller1_w:1'] })).toBe('CONFIG_INVALID');
    expect(await code({ candidate: ['S4_Tension_N:1'], by: 'gain-per-cost' })).toBe('USAGE');
    expect(await code({ state: join(dir, 'empty') })).toBe('NOT_FOUND');
  });
});

describe('calibrate', () => {
  /** Rows of a healthy line, by time and roller. */
  const rows = (count: number) => {
    const rng = createRng(4);
    return Array.from({ length: count }, () =>
      ROLLERS.map((r) => 20 + (r >= 7 ? 0.0024994 : 0) + 1e-4 * rng.normal()),
    );
  };

  it('tells what can be identified, draws, keeps states and forecasts from them', async () => {
    const twin = await webLine(1e-4);
    const data = join(dir, 'recording.csv');
    const header = `t,${ROLLERS.map((r) => `Main.R${r}.w`).join(',')}`;
    const lines = rows(6).map((row, k) => `${1300 * k},${row.join(',')}`);
    await writeFile(data, [header, ...lines, ''].join('\n'));
    const state = join(dir, 'states');
    const plot = join(dir, 'plot.svg');
    const done = await run('calibrate', { twin, data, state, plot, json: true });
    const { summary } = JSON.parse(done.text);
    expect(summary.assimilated).toBe(6);
    expect(summary.identifiability.parameters.b9.identifiable).toBe(true);
    const svg = await readFile(plot, 'utf8');
    for (const text of ['limit 0.1', 'NIS per channel', 'virtual sensors (N)', '97.5 %']) {
      expect(svg).toContain(text);
    }
    const listed = JSON.parse((await run('state list', { twin, state, json: true })).text);
    expect(listed).toMatchObject([{ sampleCount: 6, latest: true }]);
    await run('state restore', { twin, samples: '6', state });

    // The definition changes: what is known is taken over, by a command that the refusal names.
    const definition = JSON.parse(await readFile(twin, 'utf8'));
    definition.parameters = definition.parameters.filter(
      (p: { variable: string }) => p.variable !== 'b1',
    );
    const later = join(dir, 'later.json');
    await writeFile(later, JSON.stringify(definition));
    const more = rows(2).map((row, k) => `${1300 * (6 + k)},${row.join(',')}`);
    const moreData = join(dir, 'more.csv');
    await writeFile(moreData, [header, ...more, ''].join('\n'));
    const moved = join(dir, 'moved');
    await cp(state, moved, { recursive: true });
    const goOn = { twin: later, data: moreData, state: moved, json: true };
    await expect(run('calibrate', goOn)).rejects.toMatchObject({
      code: 'STATE_MISMATCH',
      message: expect.stringContaining('twinloop state migrate'),
    });
    const migrated = await run('state migrate', { twin: later, state: moved, widen: 2 });
    expect(migrated.code).toBe(0);
    expect(migrated.text).toMatch(/migrated, [0-9a-f]{12} → [0-9a-f]{12}/);
    expect(migrated.text).toMatch(/b9: [-0-9.e]+ ± [0-9.e-]+ \(± [0-9.e-]+ before\)/);
    expect(migrated.text).toMatch(/b1: removed, was/);
    const wentOn = JSON.parse((await run('calibrate', goOn)).text);
    expect(wentOn.summary.assimilated).toBe(2);
    expect(wentOn.twinVersion).toMatch(/^[0-9a-f]{12}$/);
    const kept = JSON.parse((await run('state list', { ...goOn, json: true })).text);
    expect(kept.at(-1)).toMatchObject({ sampleCount: 8, latest: true });
    const wrong = { twin: later, state: moved, widen: 2, rename: ['b1=b0'] };
    await expect(run('state migrate', wrong)).rejects.toMatchObject({ code: 'USAGE' });
    const backup = join(dir, 'backup');
    const copied = await run('store backup', { store: moved, to: backup, json: true });
    expect(JSON.parse(copied.text)).toMatchObject({ states: 1 });
    const empty = join(dir, 'empty-store');
    await run('store restore', { from: backup, store: empty });
    const back = await run('state list', { twin: later, state: empty, json: true });
    expect(JSON.parse(back.text)).toEqual(kept);

    const fan = join(dir, 'fan.svg');
    const ahead = await run('forecast', {
      ...{ twin, state, days: 5, plot: fan, show: ['b9', 'S9_Tension_N'], json: true },
    });
    const forecast = JSON.parse(ahead.text);
    expect(Object.keys(forecast.parameters.b9)).toEqual([
      'estimates',
      'beyondLimit',
      'passedLimit',
      'timeToLimitS',
      'timeToLimitIntervalsS',
    ]);
    expect(forecast.parameters.b9.timeToLimitIntervalsS['80']).toHaveLength(2);
    expect(forecast.virtualSensors.S9_Tension_N.estimates[0]).toMatchObject({
      lower50: expect.any(Number),
      upper95: expect.any(Number),
    });
    expect(Object.keys(forecast.goesBy)).toEqual(Object.keys(forecast.parameters));
    expect(await readFile(fan, 'utf8')).toContain('probability passed');
  });

  it('refuses options that would do nothing', async () => {
    const twin = await webLine(1e-4);
    for (const args of [
      {},
      { data: 'a.csv', asset: '/line1/roller1/w' },
      { data: 'a.csv', since: 1n },
      { asset: '/line1/roller1/w', stride: 2 },
      { data: 'a.csv', tune: true, state: 'states' },
      { data: 'a.csv', tune: true, output: 'a.csv' },
    ]) {
      await expect(run('calibrate', { twin, ...args })).rejects.toMatchObject({ code: 'USAGE' });
    }
    await expect(run('calibrate', { twin, asset: '/elsewhere' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('reads what SiteWise has of another asset since its state, and writes nothing', async () => {
    const twin = await webLine(1e-4);
    const siteWise = await startSiteWise({ activationMs: 5 });
    vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
    const { endpoint, region, credentials } = siteWise;
    const client = createSiteWiseClient({ endpoint, region, credentials });
    try {
      const aliases = ROLLERS.map((r) => `/hall/line7/roller${r}/w`);
      await ensureAsset(client, {
        model: { externalId: 'line', name: 'Line' },
        asset: { externalId: 'line7', name: 'Line 7' },
        streams: aliases.map((alias, i) => ({ alias, name: `w${i}`, unit: 'rad/s' })),
        pollMs: 2,
      });
      const now = systemClock.nowNs();
      const samples = rows(5).flatMap((row, k): StreamTqv[] =>
        row.map((value, i) => ({
          alias: aliases[i]!,
          timeNs: now - BigInt(6 - k) * 600_000_000_000n,
          quality: 'GOOD',
          value,
        })),
      );
      const writer = createSiteWiseWriter({ client });
      await writer.write(samples.slice(0, 27));
      const args = { twin, asset: aliases[0], state: join(dir, 'assets'), endpoint, json: true };
      const env = { AWS_REGION: region };
      const first = JSON.parse((await run('calibrate', args, env)).text);
      expect(first.summary).toMatchObject({ samples: 3, assimilated: 3 });
      await writer.write(samples.slice(27));
      const output = join(dir, 'of-streams.json');
      await run('calibrate', { ...args, output }, env);
      const second = JSON.parse(await readFile(output, 'utf8'));
      expect(second.summary).toMatchObject({ samples: 2, assimilated: 2 });
      // Times in nanoseconds are too large for JSON's numbers.
      expect(second.steps.map((step: { timeNs: string }) => step.timeNs)).toEqual(
        samples.slice(-18).flatMap(({ timeNs }, i) => (i % 9 === 0 ? [String(timeNs)] : [])),
      );
      const listed = await run('state list', { ...args, asset: '/hall/line7/roller9/b' });
      expect(JSON.parse(listed.text)).toHaveLength(2);
      // The definition's own asset is another one: it has no state here, nor streams in SiteWise.
      expect(JSON.parse((await run('state list', { ...args, asset: undefined })).text)).toEqual([]);
      await expect(
        run('calibrate', { ...args, asset: '/line1/roller1/w' }, env),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    } finally {
      client.destroy();
      await siteWise.close();
      vi.unstubAllEnvs();
    }
  });
});

describe('worker run', () => {
  it('refuses an asset that SiteWise does not have, and names the one of the twin’s streams', async () => {
    const twin = await webLine(1e-4);
    const siteWise = await startSiteWise({ activationMs: 5 });
    vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
    const { endpoint, region, credentials } = siteWise;
    const client = createSiteWiseClient({ endpoint, region, credentials });
    try {
      await ensureAsset(client, {
        model: { externalId: 'line', name: 'Line' },
        asset: { externalId: 'line1', name: 'Line 1' },
        streams: ROLLERS.map((r) => ({
          alias: `/line1/roller${r}/w`,
          name: `w${r}`,
          unit: 'rad/s',
        })),
        pollMs: 2,
      });
      const args = { twin, store: join(dir, 'worker-store'), endpoint, json: true };
      const env = { AWS_REGION: region };
      const refused = await run('worker run', { ...args, asset: ['nosuch'] }, env);
      expect(refused.code).toBe(2);
      expect(JSON.parse(refused.text).assets[0].error).toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringMatching(
          /external id nosuch.*asset "Line 1" with the external id line1/,
        ),
      });
      for (const asset of [['line1'], undefined]) {
        const { text } = await run('worker run', { ...args, asset }, env);
        expect(JSON.parse(text).assets[0].error).toBeUndefined();
      }
    } finally {
      client.destroy();
      await siteWise.close();
      vi.unstubAllEnvs();
    }
  });
});

describe('state list', () => {
  it('says where no folder of states is', async () => {
    const state = join(dir, 'no-states');
    await expect(run('state list', { twin: await webLine(1e-4), state })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(`No folder of states at ${state}`),
    });
  });
});
