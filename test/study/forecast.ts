import { createRng, packageFile, type Rng } from '../../shared/core/index.js';
import {
  createCalibrator,
  type Forecast,
  type ForecastSeries,
  forecast,
  loadTwin,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { webLine } from './algebraic-web-line.js';
import { checkWords, chosen, count, text, words } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown, percent } from './common/table.js';
import { loadTruth, RECORD_PATH, type Truth, truthKey } from './truth.js';

const ROW_S = 1296.65;
const SIGMA = 1e-4;
const LIMIT_B9 = 0.1;
const LIMIT_S9_N = 115;
const HORIZON_S = 10 * 86_400;
const SHARES = [50, 80, 95] as const;
const S9 = 18 + 8;

/** True b3 and b9 by row, and the row to forecast from. */
interface Course {
  drag: readonly (readonly [number, number])[];
  from: number;
}

const drags = ([b3, b9]: readonly [number, number]) => [0, 0, b3, 0, 0, 0, 0, b9, 0];

const model: TwinModel = {
  outputs: [],
  evaluate: async (points) =>
    points.map(([b3 = 0, b9 = 0]) => {
      const y = webLine(drags([b3, b9]));
      return Float64Array.of(...y.subarray(0, 9), y[S9]!);
    }),
  close: async () => {},
};

/** The web line with b3 and b9 to be found, and S9 as its virtual sensor. */
function studyTwin(twin: Twin): Twin {
  const { definition } = twin;
  const parameters = definition.parameters.filter((p) => ['b3', 'b9'].includes(p.variable));
  return {
    ...twin,
    definition: {
      ...definition,
      parameters: parameters.map((p) => ({
        ...p,
        prior: { mean: 0.03, std: 0.02 },
        alarm: { above: LIMIT_B9 },
      })),
      measured: definition.measured.map((m) => ({ ...m, noiseStd: SIGMA })),
      virtualSensors: [
        { variable: 'S9_Tension_N', alias: '/study/s9', unit: 'N', alarm: { below: LIMIT_S9_N } },
      ],
    },
  };
}

const ROWS_AHEAD = Math.ceil(HORIZON_S / ROW_S);

/** Wear by the filter's own trend model: white noise on the trend, integrated exactly. */
function trendCourse(rng: Rng, twin: Twin): Course {
  const from = 350;
  const columns = twin.definition.parameters.map((p) => {
    const range = p.upper! - p.lower!;
    const q = 3 * (range / 2) ** 2;
    const tau = ROW_S / p.wearHorizonS!;
    let b = 0.03 + 0.02 * rng.normal();
    let v = 0.0155 * range * rng.normal();
    return Array.from({ length: from + ROWS_AHEAD + 1 }, () => {
      const here = b;
      const kick = Math.sqrt(q * tau) * rng.normal();
      b += tau * (v + kick / 2) + Math.sqrt((q * tau ** 3) / 12) * rng.normal();
      v += kick;
      return here;
    });
  });
  return { drag: columns[0]!.map((b3, k) => [b3, columns[1]![k]!] as const), from };
}

/** Wear at a steady rate, another one for each seed: 0.1 is reached 1 to 12 days after the forecast. */
function rampCourse(rng: Rng): Course {
  const from = 350;
  const start = 100;
  const passes = from + (1 + 11 * rng.uniform()) * (86_400 / ROW_S);
  const rate = LIMIT_B9 / (passes - start);
  return {
    drag: Array.from({ length: from + ROWS_AHEAD + 1 }, (_, row) => {
      const b = Math.max(0, row - start) * rate;
      return [b, b] as const;
    }),
    from,
  };
}

/** A forecast of a time to a limit, beside the true time. */
export interface Outcome {
  /** Share of the forecast's courses that had passed by the true time. */
  pit: number;
  /** Missing: not within the horizon. */
  trueS?: number;
  medianS: number | null;
  interval80S: readonly [number | null, number | null];
}

/** Where the true time of passing lies in the forecast's distribution. */
export function outcome(
  result: Forecast,
  series: ForecastSeries,
  trueS: number | undefined,
  rng: Rng,
): Outcome {
  const { aheadS } = result;
  const passed = series.passedLimit!;
  let pit: number;
  if (trueS === undefined) {
    // It has not passed within the horizon: anywhere in the rest.
    const last = passed.at(-1)!;
    pit = last + (1 - last) * rng.uniform();
  } else {
    const k = Math.max(
      1,
      aheadS.findIndex((a) => a >= trueS),
    );
    const share = (trueS - aheadS[k - 1]!) / (aheadS[k]! - aheadS[k - 1]!);
    pit = passed[k - 1]! + share * (passed[k]! - passed[k - 1]!);
  }
  return {
    pit,
    ...(trueS === undefined ? {} : { trueS }),
    medianS: series.timeToLimitS!.p50,
    interval80S: series.timeToLimitIntervalsS![80],
  };
}

/** Seconds after a row at which values first pass, by straight lines; undefined: not within the horizon. */
function firstPass(values: readonly number[], from: number, beyond: (v: number) => number) {
  for (let row = from + 1; row <= from + ROWS_AHEAD && row < values.length; row++) {
    const excess = beyond(values[row]!);
    if (excess <= 0) continue;
    const before = beyond(values[row - 1]!);
    return (row - 1 - from + -before / (excess - before)) * ROW_S;
  }
  return undefined;
}

async function forecastCourse(twin: Twin, course: Course, rng: Rng) {
  const calibrator = createCalibrator({ twin, model });
  const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? 0);
  let state = calibrator.initialState();
  for (let row = 0; row <= course.from; row++) {
    const exact = webLine(drags(course.drag[row]!));
    const measured = Float64Array.from({ length: 9 }, (_, i) => exact[i]! + SIGMA * rng.normal());
    ({ state } = await calibrator.step(state, { timeS: row * ROW_S, inputs, measured }));
  }
  const result = await forecast({ twin, model, state, horizonS: HORIZON_S, points: 40 });
  const b9 = course.drag.map(([, b]) => b);
  const s9 = course.drag.map((pair) => webLine(drags(pair))[S9]!);
  const outcomes: Record<string, Outcome | undefined> = {
    'b9 > 0.1':
      b9[course.from]! < LIMIT_B9
        ? outcome(
            result,
            result.parameters.b9!,
            firstPass(b9, course.from, (v) => v - LIMIT_B9),
            rng,
          )
        : undefined,
    'S9 < 115 N':
      s9[course.from]! > LIMIT_S9_N
        ? outcome(
            result,
            result.virtualSensors.S9_Tension_N!,
            firstPass(s9, course.from, (v) => LIMIT_S9_N - v),
            rng,
          )
        : undefined,
  };
  return outcomes;
}

/** Percent of the forecasts whose 50, 80 and 95 % intervals held the true time. */
export function insideOf(outcomes: readonly Outcome[]): string[] {
  return SHARES.map((share) => {
    const tail = (1 - share / 100) / 2;
    return percent(
      outcomes.filter(({ pit }) => pit >= tail && pit <= 1 - tail).length,
      outcomes.length,
    );
  });
}

function rowOf(title: string, quantity: string, outcomes: readonly Outcome[]) {
  const inside = insideOf(outcomes);
  const early = outcomes.filter(({ pit }) => pit > 0.5).length;
  const passed = outcomes.filter((o) => o.trueS !== undefined);
  const median = (values: (number | null | undefined)[]) => {
    const sorted = values.map((v) => v ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
    const value = sorted[sorted.length >> 1];
    return value === undefined || !Number.isFinite(value) ? '–' : (value / 86_400).toFixed(2);
  };
  return [
    title,
    quantity,
    outcomes.length,
    ...inside,
    percent(early, outcomes.length),
    median(passed.map((o) => o.trueS)),
    median(passed.map((o) => o.medianS)),
    `${median(passed.map((o) => o.interval80S[0]))} to ${median(passed.map((o) => o.interval80S[1]))}`,
  ];
}

/** The kinds of wear. */
const KINDS: Readonly<Record<string, (rng: Rng, twin: Twin, truth: Truth) => Course>> = {
  'the trend model itself': trendCourse,
  'steady wear': rampCourse,
  ...Object.fromEntries(
    [0.01, 0.02, 0.04, 0.07].map((b9) => [
      `the record at b9 = ${b9}`,
      (_: Rng, __: Twin, truth: Truth) => ({
        drag: truth.drag.map((d) => [d[2]!, d[7]!] as const),
        from: truth.drag.findIndex((d) => d[7]! > b9),
      }),
    ]),
  ),
};
type Drawn = Job & { kind: string; seed: number };

/** Whether forecasts mean what they say. */
export const study = defineStudy({
  name: 'study:forecast',
  measures:
    'Whether forecasts mean what they say: b3 and b9 of the web line wear in several ways; after a while the time is forecast at which b9 passes 0.1 and S9 falls below 115 N, and compared with when it does.',
  takes: 'about 5 s a forecast',
  options: {
    seeds: count('forecasts of each kind of wear', 100),
    only: words('kinds of wear whose names contain one of these'),
    data: text('the 30-day record; without it a synthetic course', 'CSV', RECORD_PATH),
  },
  jobs({ seeds, only, data }): Drawn[] {
    const kinds = Object.keys(KINDS);
    checkWords(only, kinds);
    return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      chosen(kinds, only, (kind) => kind).map((kind) => ({
        key: [kind, ...truthKey(data), seed].join('/'),
        kind,
        seed,
      })),
    );
  },
  async run({ kind, seed }, { data }) {
    const twin = studyTwin(await loadTwin(packageFile('shared/twins/web-line/twin.json')));
    const rng = createRng(seed);
    return forecastCourse(twin, KINDS[kind]!(rng, twin, loadTruth(data)), rng);
  },
  tables(done, { data }) {
    const rows = Object.keys(KINDS).flatMap((kind) => {
      const found = new Map<string, Outcome[]>();
      for (const { result } of done.filter((d) => d.job.kind === kind)) {
        for (const [quantity, o] of Object.entries(result)) {
          if (o !== undefined) found.set(quantity, [...(found.get(quantity) ?? []), o]);
        }
      }
      return [...found].map(([quantity, outcomes]) => rowOf(kind, quantity, outcomes));
    });
    return markdown(
      `Times to limit within ${HORIZON_S / 86_400} days, σ = ${SIGMA} rad/s; record: ${loadTruth(data).source}`,
      [
        'wear',
        'limit',
        'forecasts',
        'in 50 %',
        'in 80 %',
        'in 95 %',
        'median too early',
        'true time, days',
        'forecast median',
        '80 % interval',
      ],
      rows,
    );
  },
});
