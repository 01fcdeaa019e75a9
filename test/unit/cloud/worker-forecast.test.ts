import { describe, expect, it } from 'vitest';
import { type CalibrationEngine, exitCodeOf, runWorker } from '../../../cloud/index.js';
import { forecastTimesS, forecastTqvs } from '../../../cloud/worker/publish-forecast.js';
import {
  assetStreams,
  FORECAST_AHEAD_S,
  fleetSchema,
  forecastStreams,
  twinSchema,
} from '../../../shared/config/index.js';
import {
  ManualClock,
  nsToSeconds,
  secondsToNs,
  silentLogger,
  type TimeMap,
  TwinError,
  wallTime,
} from '../../../shared/core/index.js';
import type { SiteWiseWriter } from '../../../shared/sitewise/index.js';
import type { Forecast, Twin } from '../../../shared/twin/index.js';
import { countingEngine, memoryStore, Streams, twinOf } from '../../support/worker-fakes.js';

const HOUR_S = 3600;
/** On the forecast's grid of six hours. */
const START_S = 1_800_000_000 - (1_800_000_000 % (6 * HOUR_S));

const definition = twinSchema.parse({
  ...twinOf().definition,
  parameters: [
    { variable: 'k', alias: '/p/k', unit: 'm', prior: { mean: 0, std: 1 }, alarm: { above: 5 } },
    { variable: 'free', alias: '/p/free', prior: { mean: 0, std: 1 } },
  ],
  virtualSensors: [{ variable: 'head', alias: '/p/head', unit: 'm', alarm: { below: 2 } }],
});
const twin: Twin = { ...twinOf(), definition };

/** A forecast that grows by one an hour, from `fromS` on. */
function rising(fromS: number, horizonS: number, points: number): Forecast {
  const aheadS = Array.from({ length: points + 1 }, (_, k) => (k * horizonS) / points);
  const estimates = aheadS.map((s) => {
    const mean = s / HOUR_S;
    return {
      ...{ mean, median: mean, std: 1, lower95: mean - 2, upper95: mean + 2 },
      ...{ lower50: mean, upper50: mean, lower80: mean, upper80: mean },
    };
  });
  return {
    twin: 'pump',
    fromS,
    aheadS,
    inputs: {},
    parameters: { k: { estimates }, free: { estimates } },
    goesBy: { k: { by: 'wear-laws' }, free: { by: 'trend', because: 'few-readings' } },
    virtualSensors: { head: { estimates } },
    measured: {},
    renewed: [],
    paths: 10,
    modelRuns: 7,
    responseError: {},
  };
}

/** An asset with readings each minute, and what became of its forecasts. */
function machine(options: { engine?: Partial<CalibrationEngine>; forecast?: boolean } = {}) {
  const streams = new Streams();
  const store = memoryStore();
  let made = 0;
  const engine: CalibrationEngine = {
    ...countingEngine,
    forecast: async ({ state, horizonS, points }) => {
      made++;
      return rising(state.timeS, horizonS, points);
    },
    ...options.engine,
  };
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { pump: './twin.json' },
    assets: [{ id: 'a1', twin: 'pump' }],
    calibration: {
      settleS: 0,
      ...(options.forecast === undefined ? {} : { forecast: options.forecast }),
    },
  });
  const writer: SiteWiseWriter = {
    write: async (samples) => {
      for (const { alias, timeNs, value } of samples) {
        if (typeof value === 'number') streams.add(alias, nsToSeconds(timeNs), value);
      }
      return { accepted: samples.length, rejected: [], retry: [] };
    },
  };
  let sentS = START_S;
  return {
    streams,
    made: () => made,
    async runAt(atS: number, timeMap: TimeMap = wallTime, takes: SiteWiseWriter = writer) {
      for (; sentS < atS; sentS += 60) {
        for (const name of ['speed', 'flow', 'heat']) streams.add(`/p/${name}`, sentS, 1);
      }
      const report = await runWorker(
        { index: 0, timeMap },
        {
          source: { fleet, twin: async () => twin, close: async () => {} },
          store,
          reader: streams.reader(),
          writer: takes,
          engine,
          discover: async () => {},
          clock: new ManualClock(secondsToNs(atS)),
          logger: silentLogger,
          uptimeS: () => 1,
        },
        new AbortController().signal,
      );
      return { report, asset: report.assets[0]! };
    },
  };
}

describe('the forecast of the coming week', () => {
  it('has streams for what has a limit, and for nothing else', () => {
    expect(forecastStreams(definition).map((s) => [s.alias, s.name, s.unit])).toEqual([
      ['/p/k_in7d', 'k_in7d', 'm'],
      ['/p/k_in7d_lower', 'k_in7d_lower', 'm'],
      ['/p/k_in7d_upper', 'k_in7d_upper', 'm'],
      ['/p/head_in7d', 'head_in7d', 'm'],
      ['/p/head_in7d_lower', 'head_in7d_lower', 'm'],
      ['/p/head_in7d_upper', 'head_in7d_upper', 'm'],
    ]);
    const names = assetStreams(definition).map((s) => s.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('lies on a grid, between soon and a week from now', () => {
    for (const offsetS of [0, 1, 1800, 3 * HOUR_S, 6 * HOUR_S - 1]) {
      const nowS = START_S + offsetS;
      const times = forecastTimesS(secondsToNs(nowS));
      expect(times.every((t) => t % (6 * HOUR_S) === 0)).toBe(true);
      expect(times[0]).toBeGreaterThanOrEqual(nowS + 1800);
      expect(times.at(-1)).toBeLessThanOrEqual(nowS + FORECAST_AHEAD_S);
      expect(times.length).toBeGreaterThanOrEqual(27);
    }
  });

  it('is written a week before the time that it is of, as the model has it at that time', () => {
    const nowS = START_S + 100;
    const times = forecastTimesS(secondsToNs(nowS));
    const samples = forecastTqvs(definition, rising(nowS - 20, 8 * 86_400, 28), times, wallTime);
    expect(samples).toHaveLength(times.length * 6);
    const k = samples.filter((s) => s.alias === '/p/k_in7d');
    k.forEach(({ timeNs, value }, i) => {
      expect(nsToSeconds(timeNs)).toBe(times[i]! - FORECAST_AHEAD_S);
      expect(value).toBeCloseTo((times[i]! - nowS + 20) / HOUR_S, 9);
      // SiteWise takes values from a week ago to ten minutes ahead.
      expect(nsToSeconds(timeNs)).toBeGreaterThan(nowS - FORECAST_AHEAD_S);
      expect(nsToSeconds(timeNs)).toBeLessThanOrEqual(nowS);
    });
    // A time that the forecast does not reach has no value.
    const short = forecastTqvs(definition, rising(nowS, 86_400, 28), times, wallTime);
    expect(short.length).toBeLessThan(samples.length);
    expect(short.every((s) => Number.isFinite(s.value))).toBe(true);
  });

  it('is made once for each time of the grid, and takes the place of the one before', async () => {
    const { runAt, made, streams } = machine();
    const { asset: first } = await runAt(START_S + HOUR_S);
    expect(first.forecast).toEqual({ values: 6 * 28, modelRuns: 7 });
    expect(first.verdict.reasons.join()).not.toContain('forecast');
    const { asset: second } = await runAt(START_S + 2 * HOUR_S);
    expect(second.steps).toBeGreaterThan(0);
    expect(second.forecast).toBeUndefined();
    const { asset: third } = await runAt(START_S + 6.5 * HOUR_S);
    expect(third.forecast?.values).toBe(6 * 28);
    expect(made()).toBe(2);
    // The forecast of noon tomorrow has two values now at one time: SiteWise keeps the newer.
    const of = streams.of('/p/k_in7d');
    const times = of.map((t) => t.timeNs);
    expect(times.length - new Set(times).size).toBe(27);
  });

  it('that fails is told, costs the good grade, and is tried again', async () => {
    let fails = true;
    const { runAt } = machine({
      engine: {
        forecast: async ({ state, horizonS, points }) => {
          if (fails) throw new TwinError('FMU_CRASHED', 'The FMU crashed.');
          return rising(state.timeS, horizonS, points);
        },
      },
    });
    const { asset, report } = await runAt(START_S + HOUR_S);
    expect(asset.forecast).toEqual({ values: 0, modelRuns: 0, fault: 'The FMU crashed.' });
    expect(asset.outcome).toBe('calibrated');
    expect(asset.verdict.grade).toBe('care');
    expect(asset.verdict.reasons.join()).toContain('no forecast of the coming week');
    expect(exitCodeOf(report, true)).toBe(1);
    fails = false;
    const { asset: next } = await runAt(START_S + 1.5 * HOUR_S);
    expect(next.forecast).toEqual({ values: 6 * 28, modelRuns: 7 });
  });

  it('that SiteWise does not take is told with the reason', async () => {
    const { runAt } = machine();
    const { asset } = await runAt(START_S + HOUR_S, wallTime, {
      write: async (samples) => {
        const refused = samples.filter((s) => s.alias.includes('_in7d'));
        const rejected = refused.map((sample) => ({
          ...{ sample, code: 'TimestampOutOfRangeException', message: 'too old' },
        }));
        return { accepted: samples.length - refused.length, rejected, retry: [] };
      },
    });
    expect(asset.forecast).toMatchObject({ values: 0, modelRuns: 7 });
    expect(asset.forecast?.fault).toContain('168 of its 168 values');
    expect(asset.forecast?.fault).toContain('TimestampOutOfRangeException');
  });

  it('is not made for a machine whose time runs faster, nor where it is not wanted', async () => {
    const faster: TimeMap = {
      segments: [{ wallNs: secondsToNs(START_S), machineS: 0, scale: 60 }],
    };
    const fast = machine();
    expect((await fast.runAt(START_S + HOUR_S, faster)).asset.forecast).toBeUndefined();
    const without = machine({ forecast: false });
    expect((await without.runAt(START_S + HOUR_S)).asset.forecast).toBeUndefined();
    expect(fast.made() + without.made()).toBe(0);
    // At the wall's pace from another beginning, it is.
    const shifted = machine();
    const same: TimeMap = { segments: [{ wallNs: secondsToNs(START_S), machineS: 0, scale: 1 }] };
    expect((await shifted.runAt(START_S + HOUR_S, same)).asset.forecast?.values).toBe(6 * 28);
  });
});
