import type { CalibrationEngine } from '../../cloud/index.js';
import { twinSchema } from '../../shared/config/index.js';
import { type StreamTqv, type Tqv, TwinError } from '../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import type {
  Calibrator,
  CalibratorState,
  Sample,
  StepResult,
  Twin,
} from '../../shared/twin/index.js';
import type { SensorSlopes } from '../../shared/twin/types.js';

const twins = new Map<string, Twin>();

/** A twin of two sensors and an input that is sent on change. */
export function twinOf(samplePeriodS?: number, isMoving = false): Twin {
  const key = `${samplePeriodS} ${isMoving}`;
  const known = twins.get(key);
  if (known !== undefined) return known;
  const definition = twinSchema.parse({
    name: 'pump',
    fmu: './pump.fmu',
    inputs: [{ variable: 'speed', alias: '/p/speed' }],
    measured: [
      { variable: 'flow', alias: '/p/flow', noiseStd: 0.1 },
      { variable: 'heat', alias: '/p/heat', noiseStd: 0.1 },
    ],
    parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
    estimator: samplePeriodS === undefined ? {} : { samplePeriodS },
    ...(isMoving
      ? {
          simulation: { mode: 'transient' },
          transient: { inputInterpolation: 'hold' },
          calibration: { refit: false },
        }
      : {}),
  });
  const twin = { definition, fmuPath: '/nowhere/pump.fmu', hash: 'abc' };
  twins.set(key, twin);
  return twin;
}

/** What an estimator of {@link fakeEngine} keeps in place of a filter's state. */
interface Memory {
  times: readonly number[];
  x: number;
}
const remembering = (times: readonly number[], x: number) => ({
  filter: { times, x } as unknown as CalibratorState['filter'],
});
const memoryOf = (state: CalibratorState) => state.filter as unknown as Memory;
/** The times of the samples that an estimator of {@link fakeEngine} took, in its order. */
export const timesIn = (checkpoint: Uint8Array): number[] => [
  ...memoryOf(JSON.parse(Buffer.from(checkpoint).toString()) as CalibratorState).times,
];

/** How an estimator that costs nothing follows its samples. */
interface Following {
  begin: number;
  /** Its estimate after a sample. */
  follow: (x: number, sample: Sample) => number;
  startValues?: Record<string, number>;
  slopes?: SensorSlopes;
}

/**
 * An estimator of one number, k, that costs nothing and remembers every sample it was given, so that a
 * test can count them. It fails at a flow of 6.66.
 */
export const fakeEngine = ({
  begin,
  follow,
  startValues = {},
  slopes,
}: Following): CalibrationEngine => ({
  initialSamples: 10,
  startValues: () => Promise.resolve(startValues),
  createModel: ({ definition }) =>
    Promise.resolve({
      outputs: definition.measured.map((m) => m.variable),
      evaluate: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    }),
  createCalibrator: ({ twin }): Calibrator => ({
    twin,
    initialState: () => ({
      twinHash: twin.hash,
      timeS: Number.NEGATIVE_INFINITY,
      timeNs: 0n,
      sampleCount: 0,
      ...remembering([], begin),
    }),
    step: (state, sample) => {
      if (sample.measured[0] === 6.66) {
        return Promise.reject(new TwinError('FMU_CRASHED', 'The FMU crashed.'));
      }
      const { times, x: before } = memoryOf(state);
      const x = follow(before, sample);
      const estimate = { mean: x, std: 1, lower95: x - 2, upper95: x + 2 };
      const result: StepResult = {
        timeS: sample.timeS,
        nis: 1,
        channels: 1,
        logLikelihood: 0,
        parameters: { k: estimate },
        virtualSensors: {},
        measured: Object.fromEntries(twin.definition.measured.map((m) => [m.variable, estimate])),
        alarms: [],
        diagnostics: {
          mode: 'steady-state',
          modelRuns: 1,
          gated: [],
          leftOut: [],
          regimeChange: false,
          nonlinearity: 0,
          noiseStd: {},
        },
      };
      if (!Number.isFinite(sample.inputs[0])) {
        return Promise.resolve({ state, result: { ...result, skipped: 'input-missing' } });
      }
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? 0n,
        sampleCount: state.sampleCount + 1,
        ...remembering([...times, sample.timeS], x),
      };
      return Promise.resolve({ state: next, result, ...(slopes === undefined ? {} : { slopes }) });
    },
  }),
  encodeCheckpoint: (state) =>
    new Uint8Array(
      Buffer.from(
        JSON.stringify({
          ...state,
          timeS: Number.isFinite(state.timeS) ? state.timeS : null,
          timeNs: String(state.timeNs),
        }),
      ),
    ),
  decodeCheckpoint: (bytes) => {
    const s = JSON.parse(Buffer.from(bytes).toString()) as CalibratorState;
    return { ...s, timeNs: BigInt(s.timeNs) };
  },
});

/** A calibration whose result depends on every sample and their order. */
export const countingEngine = fakeEngine({
  begin: 0.5,
  startValues: { speed: 1 },
  follow: (x, { measured: [flow, heat], inputs, timeS, between = [] }) =>
    Math.sin(
      3 * x +
        (flow || 0) +
        2 * (heat || 0) +
        0.1 * inputs[0]! +
        timeS +
        between.reduce((sum, at) => 2 * sum + at.inputs[0]! * (timeS - at.timeS), 0),
    ),
});

/** An object store in memory, with conditions. */
export function memoryStore(): ObjectStore {
  const objects = new Map<string, { body: Uint8Array; etag: string }>();
  let version = 0;
  return {
    get: (key) => Promise.resolve(objects.get(key)),
    put: (key, body, condition = {}) => {
      const found = objects.get(key)?.etag;
      if (
        (condition.ifNoneMatch === '*' && found !== undefined) ||
        (condition.ifMatch !== undefined && condition.ifMatch !== found)
      ) {
        return Promise.reject(new TwinError('CONFLICT', 'Somebody wrote first.'));
      }
      const etag = String(++version);
      objects.set(key, { body, etag });
      return Promise.resolve({ etag });
    },
    list: (prefix) =>
      Promise.resolve([...objects.keys()].filter((k) => k.startsWith(prefix)).sort()),
    delete: (key) => Promise.resolve(void objects.delete(key)),
  };
}

const byTime = (a: Tqv, b: Tqv) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0);
const toNs = (seconds: number) => BigInt(Math.round(seconds * 1000)) * 1_000_000n;

/** What SiteWise has of an asset: streams in, results out. */
export class Streams {
  readonly #streams = new Map<string, Tqv[]>();
  readonly results = new Map<string, unknown>();

  ensure(alias: string): void {
    if (!this.#streams.has(alias)) this.#streams.set(alias, []);
  }

  add(alias: string, seconds: number, value: number): void {
    this.ensure(alias);
    this.#streams.get(alias)!.push({ timeNs: toNs(seconds), quality: 'GOOD', value });
  }

  /** Another value at a time that has one. */
  change(alias: string, seconds: number, value: number): void {
    const list = this.#streams.get(alias)!;
    const i = list.findIndex((t) => t.timeNs === toNs(seconds));
    list[i] = { ...list[i]!, value };
  }

  /** As if the asset had never been. */
  clear(): void {
    this.#streams.clear();
  }

  of(alias: string): readonly Tqv[] {
    return this.#streams.get(alias) ?? [];
  }

  /** The same readings as if they had arrived in order. */
  sorted(): Streams {
    const copy = new Streams();
    for (const [alias, values] of this.#streams) copy.#streams.set(alias, values.toSorted(byTime));
    return copy;
  }

  reader(): SiteWiseReader {
    return {
      history: ({ aliases, afterNs, untilNs, newest, onMissing }) => {
        const missing = aliases.filter((a) => !this.#streams.has(a));
        if (missing.length > 0) onMissing?.(missing);
        return Promise.resolve(
          new Map(
            aliases.map((alias) => {
              const values = this.of(alias)
                .filter((t) => t.timeNs > afterNs && t.timeNs <= untilNs)
                .toSorted(byTime);
              return [alias, newest === true ? values.slice(-1) : values];
            }),
          ),
        );
      },
      latest: (aliases) => {
        const newest = new Map<string, Tqv>();
        for (const alias of aliases) {
          const last = this.of(alias).toSorted(byTime).at(-1);
          if (last !== undefined) newest.set(alias, last);
        }
        return Promise.resolve(newest);
      },
    };
  }

  writer(): SiteWiseWriter {
    return {
      write: (samples: readonly StreamTqv[]) => {
        for (const s of samples) this.results.set(`${s.alias}@${s.timeNs}`, s.value);
        return Promise.resolve({ accepted: samples.length, rejected: [], retry: [] });
      },
    };
  }
}
