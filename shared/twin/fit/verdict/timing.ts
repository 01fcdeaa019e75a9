import { durationText, partitionPoint, percentText, upperMedian } from '../../../core/index.js';
import type { Interpolation } from '../../../fmi/index.js';
import { inputInterpolations, otherInterpolation } from '../../definition/input-interpolation.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { widen } from '../bands/bands.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { type InputCourse, inputCourse } from '../record/input-course.js';
import type { FitRecord } from '../record/record.js';
import { CERTAIN, misfitScore } from '../residuals/lack-of-fit.js';
import { priorOf } from '../unknowns/prior.js';
import { sensorNoise } from '../unseen/hangs-on.js';
import { type Scored, scoreTest } from '../unseen/score-test.js';
import { ranOtherwise } from './run-otherwise.js';

type Asked = NonNullable<Scored['asked']>;

/** Readings that are another time's than their row's, as residuals have it. */
export interface Mistimed {
  /** Whose: one sensor's, all sensors' against the inputs, one input's, or how inputs run between their readings. */
  of: { sensor: number } | { input: number } | { between: number[] } | 'sensors';
  /** How much later than their rows say what they show was; negative: earlier; 0 between readings. */
  lateS: number;
  /** Share of what is too much in the residuals that it explains. */
  explains: number;
  /** How far the fit's unknowns lie off for it, in deviations of their bands. */
  moves: Float64Array;
}

/** Periods by which readings are moved to see what that does. */
const LAGS = [0.5, 1, 2, 4];
/** Share of a lag that residuals must ask for: for more or less of it there is another lag. */
const NEAR = { least: 0.5, most: 2 } as const;
/** Share of what is too much in the residuals that it must explain to be named … */
const EXPLAINS = 0.6;
/** … and what another may lack of it and be named beside it. */
const AS_WELL = 0.1;
/** Deviations from chance where nothing else is amiss: of all that is tried, one fit in some thousands. */
const CERTAIN_ALONE = 4.5;
/** Fewer rows tell nothing. */
const LEAST_ROWS = 20;
/** Inputs that are moved, each at some model runs. */
const MOST_INPUTS = 8;
/** Deviations of its band from which a parameter is named. */
const MOVED = 1;

/** Values of a series at other instants: straight between its own, or held. */
function at(timesS: Float64Array, values: Float64Array, t: number, held: boolean): number {
  const after = partitionPoint(timesS.length, (k) => timesS[k]! <= t);
  if (after === 0) return values[0]!;
  const before = after - 1;
  if (held || after === timesS.length) return values[before]!;
  const share = (t - timesS[before]!) / (timesS[after]! - timesS[before]!);
  return values[before]! + share * (values[after]! - values[before]!);
}

/** The record with one input as it was so much earlier, or with a negative time later. */
export function withInputLate(
  record: FitRecord,
  input: number,
  lateS: number,
  held: boolean,
  course: InputCourse = inputCourse(record),
): FitRecord {
  const known = course.inputOf(input, record.inputs[input]!);
  const of = (t: number) => at(course.timesS, known, t - lateS, held);
  const column = record.timesS.map(of);
  return {
    ...record,
    inputs: record.inputs.map((values, i) => (i === input ? column : values)),
    between: record.between.map(({ row, timeS, by }) => ({
      row,
      timeS,
      by: by.map((v, i) => (i === input ? of(timeS) - column[row]! : v)),
    })),
  };
}

/** What a free run would differ by, were its outputs read so much late; of one channel or all. */
function lateBy({ prediction, record }: Fit, lateS: number, only?: number): Float64Array {
  const { timesS, channels } = record;
  const late = new Float64Array(prediction.length);
  for (let c = 0; c < channels; c++) {
    if (only !== undefined && c !== only) continue;
    const course = timesS.map((_, row) => prediction[row * channels + c]!);
    timesS.forEach((t, row) => {
      const then = Math.min(Math.max(t - lateS, timesS[0]!), timesS.at(-1)!);
      late[row * channels + c] = at(timesS, course, then, false) - course[row]!;
    });
  }
  return late;
}

/** What is too much in the residuals, in squares of their deviations: at least that of one. */
function excessOf(twin: Twin, fit: Fit, residuals: Float64Array): number {
  const { record, noiseStd } = fit;
  const noise = noiseStd.map((_, c) => sensorNoise(twin, fit, c));
  const excess = residuals.reduce((sum, v, i) => {
    const c = i % record.channels;
    return Number.isNaN(v) ? sum : sum + (v * v - noise[c]! ** 2) / noiseStd[c]! ** 2;
  }, 0);
  return Math.max(1, excess);
}

/**
 * Asks whether readings are another time's than their rows': a clock that is off, a filter or a slow sensor,
 * means for values, an input that reaches the machine later than it is read. Each sensor, all sensors and each
 * input are moved by some periods; what that does to the outputs is a direction, and the residuals may follow
 * it, beside what the unknowns do. Inputs cost runs of the model, and are asked only where residuals show that
 * something is amiss.
 *
 * @returns what explains most first, and what explains nearly as much; none where chance or other causes do
 */
export async function mistimed(context: FitContext, fit: Fit): Promise<Mistimed[]> {
  const { record, misfit, prediction } = fit;
  const { timesS, channels, inputs } = record;
  if (timesS.length < LEAST_ROWS) return [];
  const amiss = misfit.channels.some((c) => misfitScore(c) >= CERTAIN || c.outliers > 0);
  const least = amiss ? CERTAIN : CERTAIN_ALONE;
  const { residuals, ask } = scoreTest(fit);
  const excess = excessOf(context.twin, fit, residuals);
  const tried: Mistimed[] = [];
  const isAsked = (asked: Scored['asked']): asked is Asked =>
    asked !== undefined &&
    asked.square >= least ** 2 &&
    asked.size > NEAR.least &&
    asked.size < NEAR.most;
  const keep = (of: Mistimed['of'], lateS: number, asked: Asked, along: Float64Array) => {
    const explains = Math.min(1, asked.square / excess);
    const moves = along.map((v) => asked.size * v);
    tried.push({ of, lateS: asked.size * lateS, explains, moves });
  };
  const take = (of: Mistimed['of'], lateS: number, direction: Float64Array) => {
    const { asked, moves } = ask(direction);
    if (isAsked(asked)) keep(of, lateS, asked, moves);
  };
  const periodS = upperMedian(timesS.slice(1).map((t, k) => t - timesS[k]!));
  const lags = LAGS.flatMap((k) => [k * periodS, -k * periodS]);
  for (const lateS of lags) {
    for (let c = 0; c < channels; c++) take({ sensor: c }, lateS, lateBy(fit, lateS, c));
    if (channels > 1) take('sensors', lateS, lateBy(fit, lateS));
  }
  const course = inputCourse(record);
  const interpolations = inputInterpolations(context.twin.definition);
  const moving = inputs.flatMap((values, i) => (values.some((v) => v !== values[0]) ? [i] : []));
  const asked = amiss ? moving.slice(0, MOST_INPUTS) : [];
  const between = await ranOtherwise(context, fit, asked, ask, isAsked, least ** 2);
  if (between !== undefined) keep({ between: between.inputs }, 0, between.asked, between.moves);
  for (const input of asked) {
    const held = interpolations[input] === 'hold';
    // What is held cannot be moved by less than a row.
    for (const lateS of lags.filter((t) => !held || Math.abs(t) >= periodS)) {
      const other = withInputLate(record, input, lateS, held, course);
      const [run] = await fitProblem(context, fit.coordinates, other).simulate([fit.u]);
      if (run === undefined || run instanceof Error) continue;
      take(
        { input },
        lateS,
        run.map((y, k) => y - prediction[k]!),
      );
    }
  }
  const isSame = (a: Mistimed) => (b: Mistimed) => JSON.stringify(a.of) === JSON.stringify(b.of);
  const likely = tried
    .toSorted((a, b) => b.explains - a.explains)
    .filter((a, k, all) => all.findIndex(isSame(a)) === k);
  const most = likely[0]?.explains ?? 0;
  if (most < EXPLAINS) return [];
  const found = likely.filter(({ explains }) => explains > most - AS_WELL);
  // Of a clock and a way to run, the one that has no time to choose comes first: held is late by half a row.
  return found.toSorted((a, b) => Number(isBetween(b)) - Number(isBetween(a)));
}

/** Inputs that run otherwise between their readings; undefined of readings that are another time's. */
const betweenOf = ({ of }: Mistimed): readonly number[] | undefined =>
  of !== 'sensors' && 'between' in of ? of.between : undefined;

const isBetween = (found: Mistimed) => betweenOf(found) !== undefined;

/** How inputs look as if they ran between their readings, where that is the likeliest cause of the residuals. */
export function offeredInterpolations(
  { definition }: Twin,
  [most]: readonly Mistimed[],
): Record<string, Interpolation> {
  const between = (most && betweenOf(most)) ?? [];
  const said = inputInterpolations(definition);
  return Object.fromEntries(
    between.map((i) => [definition.inputs[i]!.variable, otherInterpolation(said[i]!)]),
  );
}

/**
 * A fit whose bands hold what wrong times may have done to it: each of the explanations is as likely, and one of
 * them is right.
 */
export function withWrongTimes(fit: Fit, found: readonly Mistimed[]): Fit {
  if (found.length === 0) return fit;
  const { coordinates, covariance } = fit;
  const n = coordinates.length;
  const before = covariance.covariance;
  const parts = found.map(({ moves }) => ({
    shift: moves.map((v, j) => v * Math.sqrt(before[j * (n + 1)]!)),
    variance: 1 / found.length,
  }));
  const wide = before.slice();
  widen(wide, n, parts, priorOf(coordinates));
  return {
    ...fit,
    covariance: { ...covariance, covariance: wide },
    wrongTimes: Float64Array.from(
      { length: n },
      (_, j) => wide[j * (n + 1)]! - before[j * (n + 1)]!,
    ),
  };
}

/** Names readings that are another time's, and what they move. */
export function mistimedFindings(
  { twin }: FitContext,
  fit: Fit,
  found: readonly Mistimed[],
): Finding[] {
  const [most, ...others] = found;
  if (most === undefined) return [];
  const { inputs, measured } = twin.definition;
  const said = inputInterpolations(twin.definition);
  const betweenText = (between: readonly number[]) => {
    const those = (how: Interpolation) =>
      between.flatMap((i) => (said[i] === how ? [inputs[i]!.variable] : []));
    const [straight, held] = [those('linear'), those('hold')];
    return [
      ...(straight.length > 0
        ? [`${straight.join(' and ')} held between readings, not straight`]
        : []),
      ...(held.length > 0 ? [`${held.join(' and ')} straight between readings, not held`] : []),
    ].join(', ');
  };
  const text = ({ of, lateS }: Mistimed) => {
    if (of !== 'sensors' && 'between' in of) return betweenText(of.between);
    const by = durationText(Number(Math.abs(lateS).toPrecision(2)));
    const how = lateS > 0 ? 'late' : 'early';
    if (of === 'sensors') return `all measured variables ${by} ${how} against the inputs`;
    if ('sensor' in of) return `${measured[of.sensor]!.variable} ${by} ${how}`;
    return `${inputs[of.input]!.variable} acting ${by} ${lateS > 0 ? 'after' : 'before'} its times`;
  };
  const moved = fit.coordinates
    .flatMap(({ kind, name }, j) =>
      kind === 'parameter' ? [{ name, by: Math.abs(most.moves[j]!) }] : [],
    )
    .filter(({ by }) => by > MOVED)
    .toSorted((a, b) => b.by - a.by);
  const also = others.length === 0 ? '' : ` (or ${others.map(text).join(', or ')})`;
  const moves =
    moved.length === 0
      ? ''
      : `; that moves ${moved[0]!.name} by ${moved[0]!.by.toPrecision(2)} deviations, which bands are widened by`;
  const remedy = isBetween(most)
    ? 'set inputs[].interpolation, and fit again'
    : 'look at clocks, filters, slow sensors, means taken for values, and dead times';
  return [
    {
      grade: 'care',
      reason: `residuals are as if times were wrong: ${text(most)}${also} would explain ${percentText(most.explains)} of what is too much in them: ${remedy}${moves}`,
      about: [
        ...(most.of !== 'sensors' && 'sensor' in most.of
          ? [measured[most.of.sensor]!.variable]
          : []),
        ...moved.map(({ name }) => name),
      ],
    },
  ];
}
