import { describe, expect, it } from 'vitest';
import { decodeAssetState, runWorker, stateKey } from '../../../cloud/index.js';
import { calibrationEngine } from '../../../cloud/worker/calibration-engine.js';
import type { CalibrationEngine } from '../../../cloud/worker/engine.js';
import { fleetSchema } from '../../../shared/config/index.js';
import { ManualClock, silentLogger, wallTime } from '../../../shared/core/index.js';
import { PUBLISHED, simulateBox } from '../../study/real-box.js';
import { boxTwin } from '../../support/real-machines.js';
import { memoryStore, Streams } from '../../support/worker-fakes.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const FROM_S = 1_800_000_000;
const twin = () => {
  const box = boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });
  box.definition.inputs = box.definition.inputs.map((i) => ({ ...i, alias: `/m/${i.variable}` }));
  return box;
};
const samples = simulateBox({ title: 'right' }, 5);

/** What the machine has sent up to a row. */
function streamsUntil(rows: number, isMeasured = (_row: number) => true): Streams {
  const streams = new Streams();
  for (const [row, { timeS, inputs, measured }] of samples.slice(0, rows).entries()) {
    streams.add('/m/heaterOn', FROM_S + timeS, inputs[0]!);
    streams.add('/m/T_room', FROM_S + timeS, inputs[1]!);
    if (isMeasured(row)) streams.add('/m/T', FROM_S + timeS, measured[0]!);
  }
  return streams;
}

/** One run of a worker when a row has come. */
async function runBox(
  box: ReturnType<typeof twin>,
  store: ReturnType<typeof memoryStore>,
  streams: Streams,
  rows: number,
  engine: CalibrationEngine = calibrationEngine,
) {
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { box: './twin.json' },
    assets: [{ id: 'a1', twin: 'box' }],
    calibration: { settleS: 0, lookbackS: 7 * 86_400 },
  });
  const report = await runWorker(
    { index: 0, timeMap: wallTime },
    {
      source: { fleet, twin: async () => box, close: async () => {} },
      store,
      reader: streams.reader(),
      writer: streams.writer(),
      engine,
      discover: async () => {},
      clock: new ManualClock(BigInt(FROM_S + 12 * rows) * 1_000_000_000n),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    new AbortController().signal,
  );
  return { asset: report.assets[0]!, streams };
}

describe.skipIf(!hasCompiler)('a worker of a moving machine', () => {
  it('fits its constants over the window when that is due, and not before', async () => {
    const store = memoryStore();
    const box = twin();
    const run = (rows: number) => runBox(box, store, streamsUntil(rows), rows);
    const { asset: first, streams } = await run(400);
    expect(first.outcome).toBe('calibrated');
    expect(first.fit).toBeDefined();
    const { G_box } = first.parameters!;
    expect(G_box!.lower95).toBeLessThan(PUBLISHED.G_box!);
    expect(G_box!.upper95).toBeGreaterThan(PUBLISHED.G_box!);
    expect(G_box!.upper95 / G_box!.lower95).toBeLessThan(2);
    // What the fit says stands in SiteWise at the newest sample.
    expect(streams.results.get(`/m/G_box@${BigInt(FROM_S + 12 * 399) * 1_000_000_000n}`)).toBe(
      G_box!.mean,
    );
    const { asset: second } = await run(420);
    expect(second.steps).toBe(20);
    expect(second.fit).toBeUndefined();
    // Between fits the filter leaves the constants as they are.
    expect(second.parameters!.G_box!.mean).toBeCloseTo(G_box!.mean, 2);
    const key = stateKey('f', 'a1');
    const state = decodeAssetState((await store.get(key))!.body, 'a1', key);
    const { filter } = calibrationEngine.decodeCheckpoint(state.checkpoint, box);
    expect(filter.refit?.fitted).toBe(true);
    // With the newest sample, from which the states go on: of a model that is right nothing happens.
    expect(filter.refit?.samples).toBe(400);
    expect(filter.transient?.events?.sinceS).toBeNaN();
    // Measured when the estimate began, and kept: per measured variable, and the tolerance.
    expect(filter.integration).toHaveLength(2);
    expect(filter.integration!.every(Number.isFinite)).toBe(true);
  }, 120_000);

  it('reaches further back for them where what wears is measured irregularly', async () => {
    const box = twin();
    box.definition.estimator.wearHorizonS = 10_000;
    // Two readings, then none for eight rows: the window is meant for 60 and holds a little more than half of them.
    const streams = streamsUntil(420, (row) => row % 10 < 2);
    const { asset } = await runBox(box, memoryStore(), streams, 420);
    expect(asset.steps).toBe(84);
    expect(asset.fit).toBeDefined();
  }, 120_000);

  it('says where a fit contradicts what was published of a constant since the one before', async () => {
    const store = memoryStore();
    const box = twin();
    const { definition } = box;
    definition.parameters = definition.parameters.map((p) => ({ ...p, dynamics: 'constant' }));
    const run = (rows: number, shift: number) =>
      runBox(box, store, streamsUntil(rows), rows, {
        ...calibrationEngine,
        async createRefitter(...args) {
          const refitter = await calibrationEngine.createRefitter!(...args);
          if (refitter === undefined) return undefined;
          return {
            ...refitter,
            async refit(...window) {
              const { state, result } = await refitter.refit(...window);
              const { lower95, upper95, ...band } = result.output.parameters.G_box!;
              const G_box = { ...band, lower95: lower95 + shift, upper95: upper95 + shift };
              const parameters = { ...result.output.parameters, G_box };
              return { state, result: { ...result, output: { ...result.output, parameters } } };
            },
          };
        },
      });
    const reasonsOf = ({ asset }: Awaited<ReturnType<typeof run>>) =>
      asset.verdict!.reasons.filter((reason) => reason.includes('which the one before excluded'));
    // Before a first fit priors are all that was published.
    const first = await run(100, 1);
    expect(first.asset.fit).toBeDefined();
    expect(reasonsOf(first)).toEqual([]);
    const second = await run(220, 0);
    expect(second.asset.fit).toBeDefined();
    expect(reasonsOf(second)).toEqual([]);
    const third = await run(460, 1);
    expect(third.asset.fit).toBeDefined();
    expect(reasonsOf(third)).toEqual([
      expect.stringMatching(/^G_box is 1\.\d+ to 1\.\d+ by the newest fit/),
    ]);
    expect(third.asset.verdict!.grade).not.toBe('good');
  }, 120_000);
});
