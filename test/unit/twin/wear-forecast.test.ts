import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { filterSettings } from '../../../shared/twin/filter/settings.js';
import {
  firstPassages,
  passedBy,
  sortedQuantile,
} from '../../../shared/twin/forecast/first-passage.js';
import { drawTrendPaths } from '../../../shared/twin/forecast/trend-paths.js';
import { wearHypotheses } from '../../../shared/twin/forecast/wear-hypotheses.js';
import {
  type CalibratorState,
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  forecast,
} from '../../../shared/twin/index.js';
import { courseFindings } from '../../../shared/twin/report/course-findings.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const twin = smallTwin();
const model = linearModel();

/** The state after p has worn as said, from 0.1 on at sample 50. */
async function worn(course: (k: number) => number, until: number, seed = 3) {
  const calibrator = createCalibrator({ twin, model });
  const rng = createRng(seed);
  let state = calibrator.initialState();
  for (let k = 0; k <= until; k++) {
    const p = 0.1 + course(Math.max(0, k - 50));
    const y = [p, 0.1, p + 0.1].map((v) => v + 0.01 * rng.normal());
    ({ state } = await calibrator.step(state, sample(k, y)));
  }
  return state;
}

const timeTo = async (state: CalibratorState) => {
  const { parameters } = await forecast({ twin, model, state, horizonS: 800, points: 80 });
  return parameters.p!.timeToLimitS;
};

/** Where the true time lies among the times at which courses pass the limit, from 12 records with noise. */
function places(course: (age: number) => number, age: number) {
  const JOINED = 5;
  const NOISE = 0.008;
  return Array.from({ length: 12 }, (_, seed) => {
    const rng = createRng(seed + 1);
    const rows = (50 + age) / JOINED;
    const ends = Array.from({ length: rows }, (_, k) => (k + 1) * JOINED - 1);
    const seen = (k: number) => 0.1 + course(Math.max(0, k - 50)) + NOISE * rng.normal();
    const mean = (end: number, of: (k: number) => number) =>
      Array.from({ length: JOINED }, (_, j) => of(end - j)).reduce((a, v) => a + v, 0) / JOINED;
    const hypotheses = wearHypotheses(
      {
        timeS: ends.map((end) => mean(end, (k) => k)),
        lengthS: ends.map(() => JOINED),
        value: ends.map((end) => mean(end, seen)),
        variance: ends.map(() => NOISE ** 2 / JOINED),
        nowS: 50 + age,
        range: 1,
        horizonS: 1000,
        prior: { mean: 0.1, std: 0.05 },
        trendScale: 1,
      },
      1,
    )!;
    const belief = {
      x: Float64Array.of(hypotheses[0]!.mean[0], 0),
      S: Float64Array.of(0.01, 0, 0, 0),
      courses: [{ spanS: 48 + age, hypotheses }],
    };
    const times = Float64Array.from({ length: 201 }, (_, k) => 4 * k);
    const one = smallTwin({ parameters: [{ ...P, prior: { mean: 0.1, std: 0.05 } }] });
    const drawn = drawTrendPaths(belief, filterSettings(one), times, 1000);
    const passed = firstPassages(times, drawn.values, { above: 0.5 });
    return { share: passedBy(passed, 200 - age), width: passed[900]! - passed[100]! };
  });
}

const P = { variable: 'p', alias: '/s/p', lower: 0, upper: 1, wearHorizonS: 1000 };
const PRIOR = { mean: 0.1, std: 0.05 };
const Q = { ...P, variable: 'q', alias: '/s/q' };

describe('forecast of wear', () => {
  // Each reaches the limit of 0.5 after 200 samples; about 60 % of it is worn.
  const shapes: [string, (age: number) => number, number][] = [
    ['steady', (age) => 0.002 * age, 120],
    ['ever faster', (age) => 1e-5 * age ** 2, 155],
    ['ever slower', (age) => (0.4 * Math.expm1(-age / 200)) / Math.expm1(-1), 95],
    ['steady, with a swing', (age) => 0.002 * age + 0.02 * Math.sin(age / 4), 120],
  ];
  for (const [name, course, age] of shapes) {
    it(`takes wear that is ${name} for what it is, and knows how well`, () => {
      const found = places(course, age);
      const within = (percent: number) =>
        found.filter(({ share }) => Math.abs(share - 0.5) <= percent / 200).length;
      expect(within(80)).toBeGreaterThanOrEqual(7);
      expect(within(95)).toBeGreaterThanOrEqual(10);
      const widths = found.map(({ width }) => width).sort((a, b) => a - b);
      expect(widths[6]!).toBeLessThan(200 - age);
    });
  }

  it('finds a swing by the clock, whatever else would fit the readings too', () => {
    const rows = 32;
    const found = [1, 2, 3, 4].map((seed) => {
      const rng = createRng(seed);
      const timeS = Array.from({ length: rows }, (_, k) => 10 * k + 5);
      const worn = (t: number) => 0.001 * Math.max(0, t - 60);
      const hypotheses = wearHypotheses(
        {
          timeS,
          lengthS: timeS.map(() => 10),
          value: timeS.map(
            (t) => 0.1 + worn(t) + 0.02 * Math.sin((2 * Math.PI * t) / 60) + 0.004 * rng.normal(),
          ),
          variance: timeS.map(() => 0.004 ** 2),
          nowS: 320,
          range: 1,
          horizonS: 1000,
          prior: PRIOR,
          trendScale: 1,
        },
        1,
      )!;
      const swings = hypotheses.flatMap(({ straying }) =>
        straying.kind === 'swinging' ? [straying.period * 315] : [],
      );
      return {
        share: swings.length / hypotheses.length,
        period: sortedQuantile(Float64Array.from(swings).sort(), 0.5),
      };
    });
    // What drifts at random fits such readings as well as any law lets it, but e^17 times less probably.
    for (const { share, period } of found) {
      expect(share).toBeGreaterThan(0.9);
      expect(Math.abs(period / 60 - 1)).toBeLessThan(0.15);
    }
  });

  it('lets one course in twelve change its pace, whatever is known of its law', () => {
    const now = {
      law: { kind: 'exponential', power: 0, bend: 0, from: 0 },
      straying: { kind: 'drifting', scale: 0 },
      mean: [0.3, 0, 0, 0.2],
      factor: new Float64Array(16),
    } as const;
    const belief = {
      x: Float64Array.of(0.3, 0),
      S: new Float64Array(4),
      courses: [{ spanS: 100, hypotheses: [now] }],
    };
    const one = smallTwin({ parameters: [{ ...P, prior: PRIOR }] });
    const times = Float64Array.of(0, 100);
    const { values } = drawTrendPaths(belief, filterSettings(one), times, 2000);
    const gained = values[1]!.map((b) => b - 0.3);
    const others = gained.filter((g) => Math.abs(g / 0.2 - 1) > 1e-9).sort();
    expect(others).toHaveLength(168);
    // About two in three between half of it and twice as much.
    const between = others.filter((g) => g > 0.1 && g < 0.4).length;
    expect(between).toBeGreaterThan(90);
    expect(between).toBeLessThan(135);
    expect(others.filter((g) => g > 0.2)).toHaveLength(84);
    expect(others[0]).toBeGreaterThan(0);
  });

  it('says what each course goes by, and why not by laws of wear', async () => {
    const state = await worn((age) => 0.002 * age, 170);
    const sourcesOf = async (options: Partial<Parameters<typeof forecast>[0]> = {}) =>
      (await forecast({ twin, model, state, horizonS: 10, paths: 100, ...options })).goesBy;
    expect((await sourcesOf()).p).toEqual({
      by: 'wear-laws',
      strays: expect.any(Number),
      turned: expect.any(Number),
    });
    expect(await sourcesOf({ renewed: ['p'] })).toMatchObject({
      p: { by: 'trend', because: 'renewed' },
    });
    const { readings: _, ...unread } = state.filter;
    expect(await sourcesOf({ state: { ...state, filter: unread } })).toMatchObject({
      p: { by: 'trend', because: 'few-readings' },
    });
    const surer = { ...state.filter, S: state.filter.S.map((s) => s / 10) };
    expect(await sourcesOf({ state: { ...state, filter: surer } })).toMatchObject({
      p: { by: 'trend', because: 'filter-knows-more' },
    });
    const elsewhere = { ...state.filter, x: state.filter.x.map((b) => b + 0.2) };
    expect(await sourcesOf({ state: { ...state, filter: elsewhere } })).toMatchObject({
      p: { by: 'trend', because: 'filter-disagrees' },
    });
    const walking = smallTwin({
      parameters: [
        { ...P, dynamics: 'random-walk', prior: PRIOR },
        { ...Q, prior: PRIOR },
      ],
    });
    expect((await sourcesOf({ twin: walking })).p).toEqual({ by: 'random-walk' });
  });

  it('owns up to wear that follows no law or has turned, and to none that goes by one', async () => {
    const changed = async (course: (age: number) => number) => {
      const state = await worn(course, 210);
      const { goesBy } = await forecast({ twin, model, state, horizonS: 10, paths: 100 });
      return { ...goesBy.p!, findings: courseFindings(goesBy) };
    };
    const steady = await changed((age) => 0.002 * age);
    expect(steady.strays! + steady.turned!).toBeLessThan(0.5);
    expect(steady.findings).toEqual([]);
    // At first steady, then four times as fast.
    const faster = await changed((age) => 0.001 * age + 0.003 * Math.max(0, age - 100));
    expect(faster.strays).toBeGreaterThan(0.5);
    expect(faster.findings).toEqual([
      {
        grade: 'care',
        reason: expect.stringContaining('wear of p follows no law ('),
        about: ['p'],
      },
    ]);
    // Ever faster, then tired: a law that fits well, and does not tell how it ends.
    const tired = await changed((age) => 0.3 / (1 + Math.exp(-(age - 120) / 20)));
    expect(tired.turned).toBeGreaterThan(0.5);
    expect(tired.findings).toEqual([
      { grade: 'care', reason: expect.stringContaining('wear of p has turned ('), about: ['p'] },
    ]);
  });

  it('expects nothing of a parameter that has not moved', async () => {
    const state = await worn(() => 0, 150);
    const { parameters } = await forecast({ twin, model, state, horizonS: 200 });
    expect(parameters.p!.passedLimit!.at(-1)).toBeLessThan(0.03);
  });

  it('gives little to wear that would just have begun, however fast it would grow', async () => {
    // What has many parts adds up the risks of all of them.
    const risks: number[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const state = await worn(() => 0, 150, seed);
      const { parameters } = await forecast({ twin, model, state, horizonS: 500 });
      risks.push(parameters.p!.passedLimit!.at(-1)!);
    }
    const mean = risks.reduce((sum, risk) => sum + risk, 0) / risks.length;
    expect(mean).toBeLessThan(0.05);
    // It cannot be excluded either.
    expect(mean).toBeGreaterThan(0);
  });

  it('forgets what was worn before a jump', async () => {
    // A new part: worn to 0.34, then as new, and at rest since.
    const state = await worn((age) => (age < 120 ? 0.002 * age : 0), 200);
    expect(state.filter.readings!.sinceS[0]).toBeGreaterThan(165);
    expect(state.filter.readings!.sinceS[1]).toBe(Number.NEGATIVE_INFINITY);
    const { parameters } = await forecast({ twin, model, state, horizonS: 60 });
    expect(parameters.p!.passedLimit!.at(-1)).toBeLessThan(0.2);
  });

  it('says the same from a state that was stored', async () => {
    const state = await worn((age) => 0.002 * age, 170);
    const again = decodeCheckpoint(encodeCheckpoint(state), twin);
    expect(again.filter.readings).toEqual(state.filter.readings);
    expect(await timeTo(again)).toEqual(await timeTo(state));
  });

  it('asks about a state again without drawing its laws anew, whichever object it is', async () => {
    const state = await worn((age) => 0.002 * age, 170);
    const took = async (of: CalibratorState) => {
      const startMs = process.cpuUsage().user;
      await forecast({ twin, model, state: of, horizonS: 10, points: 1, paths: 2 });
      return process.cpuUsage().user - startMs;
    };
    const later = { ...state, timeS: state.timeS + 1 };
    const first = await took(later);
    const again = await took(structuredClone(later));
    expect(again).toBeLessThan(first / 3);
  });

  it('keeps no more readings than it needs, and each with its own error', async () => {
    const { readings } = (await worn((age) => 0.002 * age, 400)).filter;
    const { timeS, value, precision, meanTimeS } = readings!;
    expect(timeS.length).toBeLessThanOrEqual(32);
    let squares = 0;
    timeS.forEach((end, k) => {
      // Where the wear begins a reading holds a bend.
      if (end >= 50 && (timeS[k - 1] ?? 0) < 50) return;
      const truth = 0.1 + 0.002 * Math.max(0, meanTimeS[2 * k]! - 50);
      squares += (value[2 * k]! - truth) ** 2 * precision[2 * k]!;
    });
    expect(squares / timeS.length).toBeGreaterThan(0.4);
    expect(squares / timeS.length).toBeLessThan(2);
    // Old ones hold more samples: the newest are told apart.
    expect(timeS.at(-1)! - timeS.at(-2)!).toBeLessThan(timeS[2]! - timeS[1]!);
  });
});
