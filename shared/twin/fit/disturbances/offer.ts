import { forceBasis } from '../../disturbances/index.js';
import type { Fit } from '../fitting/fit.js';
import { fitPointAt, negligible } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { residualsOf, rmsPerChannel } from '../record/record.js';
import { nelderMead } from '../residuals/nelder-mead.js';
import { integratedOut, throughFilter } from '../residuals/residual-model.js';

/** A disturbance that would explain a fit's residuals. */
export interface OfferedDisturbance {
  on: string;
  std: number;
  timeConstantS: number;
  /** Nats by which it explains them better than a disturbance of the sensors does. */
  gain: number;
}

/** Variables that are tried at most. */
const MOST_TRIED = 5;
/** Shapes of a course that each is tried with. */
const SHAPES = 16;
/** Time constant that the shapes are those of, as a share of the record. */
const SHAPE_SHARE = 1 / 8;
/** Nats behind the best within which another is offered beside it. */
const AS_GOOD = 6;
/** Nats that a disturbance must gain over what the residuals were taken for. */
const LEAST_GAIN = 3;
/** Residuals worth more of their samples than this tell of no disturbance. */
const NEARLY_WHITE = 0.5;
/** Step of the trial, as a share of a channel's noise in what it does at most. */
const FIRST_STEP = 1e-3;
const LARGEST_STEP = 5;

/**
 * The disturbances that would explain a fit's residuals, the best first: each by itself, the model made straight about the
 * fit: its evidence is compared with that of the white noise and Ornstein–Uhlenbeck errors of the sensors
 * that the residuals were taken for. All unknowns are integrated out in both.
 *
 * About a fit that an unknown disturbance has pulled aside the comparison is coarse: what is nearly as good
 * is offered too, and who knows the machine chooses.
 *
 * @see Kristensen, Madsen & Jørgensen, Automatica 40 (2004)
 */
export async function offeredDisturbances(
  context: FitContext,
  fit: Fit,
): Promise<OfferedDisturbance[]> {
  const { model } = context;
  const { record, residualModels } = fit;
  const missed = rmsPerChannel(record, record.data, fit.prediction);
  const lasting = residualModels.some(
    ({ samples, nEff }, c) =>
      samples > 0 && nEff < NEARLY_WHITE * samples && missed[c]! > negligible(record, c),
  );
  if (!lasting || model.disturbable === undefined) return [];
  const { timesS, channels } = record;
  const n = fit.coordinates.length;
  const residuals = residualModels.map((_, c) => residualsOf(record, fit.prediction, c));
  const ofChannel = (column: Float64Array, c: number) =>
    timesS.map((_, row) => column[row * channels + c]!);
  const present = fit.columns.map((g) => residuals.map((_, c) => ofChannel(g, c)));

  /** −2 ln L with all unknowns integrated out. */
  const devianceOf = (
    columns: readonly (readonly Float64Array[])[],
    precision: (j: number) => number,
    noise: (c: number) => { white: number; std: number; tauS: number },
  ) => {
    const size = columns.length;
    const A = new Float64Array(size * size);
    const b = new Float64Array(size);
    let sum = 0;
    for (let j = 0; j < size; j++) {
      A[j * size + j] = precision(j);
      b[j] = j < n ? -fit.u[j]! : 0;
      sum -= Math.log(precision(j));
    }
    residuals.forEach((e, c) => {
      const of = columns.map((column) => column[c]!);
      sum += throughFilter(e, timesS, noise(c), of, A, b);
    });
    return sum + integratedOut(A, b);
  };
  const without = devianceOf(
    present,
    () => 1,
    (c) => {
      const { white, ou } = residualModels[c]!;
      return { white, std: ou.std, tauS: ou.timeConstantS };
    },
  );

  const spanS = timesS.at(-1)! - timesS[0]!;
  const periodS = spanS / Math.max(1, timesS.length - 1);
  const shapeS = SHAPE_SHARE * spanS;
  const unit = { name: '', on: '', std: 1, timeConstantS: shapeS };
  const shapes = forceBasis(unit, timesS[0]!, timesS.at(-1)!).terms.slice(0, SHAPES);
  /** A shape's variance for another time constant: the spectrum at its frequency. */
  const relative = (k: number, tauS: number) => {
    const w = ((k + 0.5) * Math.PI) / spanS;
    const spectrum = (tau: number) => tau / (1 + (w * tau) ** 2);
    return spectrum(tauS) / spectrum(shapeS);
  };
  const offers: OfferedDisturbance[] = [];
  for (const on of model.disturbable.slice(0, MOST_TRIED)) {
    const answers = await answersTo(context, fit, on, shapes);
    if (answers === undefined) continue;
    const columns = [...present, ...answers.map((g) => residuals.map((_, c) => ofChannel(g, c)))];
    const most = answers.reduce((sum, g) => Math.max(sum, ...g.map(Math.abs)), 0);
    if (!(most > 0)) continue;
    const tauOf = (x: number) => Math.min(spanS, Math.max(3 * periodS, Math.exp(x)));
    const size = Math.max(...residualModels.map((r) => Math.hypot(r.white, r.ou.std)));
    // What the shapes are too slow for stays with the sensors.
    const { x, value } = nelderMead(
      ([noise = 0, std = 0, tau = 0, left = 0, leftTau = 0]) =>
        devianceOf(
          columns,
          (j) => (j < n ? 1 : 1 / (Math.exp(2 * std) * relative(j - n, tauOf(tau)))),
          (c) => ({
            white: residualModels[c]!.white * Math.exp(noise),
            std: residualModels[c]!.ou.std * Math.exp(left),
            tauS: tauOf(leftTau),
          }),
        ) +
        noise ** 2 +
        (Math.max(0, left) / 0.1) ** 2,
      Float64Array.of(0.1, Math.log(size / most), Math.log(shapeS), -2, Math.log(shapeS / 4)),
      0.7,
      300,
    );
    const gain = (without - value) / 2;
    if (gain < LEAST_GAIN) continue;
    const [, std = 0, tau = 0] = x;
    const two = (v: number) => Number(v.toPrecision(2));
    offers.push({ on, std: two(Math.exp(std)), timeConstantS: two(tauOf(tau)), gain });
  }
  const most = Math.max(...offers.map(({ gain }) => gain));
  return offers.filter(({ gain }) => gain > most - AS_GOOD).toSorted((a, b) => b.gain - a.gain);
}

/** What the outputs make of one unit of each shape; undefined where the model does not take it. */
async function answersTo(
  context: FitContext,
  fit: Fit,
  on: string,
  shapes: readonly ((timeS: number) => number)[],
): Promise<Float64Array[] | undefined> {
  const { coordinates, u, record, noiseStd } = fit;
  const { timesS, channels } = record;
  const point = fitPointAt(coordinates, u, timesS);
  const run = async (of: readonly ((timeS: number) => number)[], step: number) => {
    context.passes += of.length;
    const points = of.map((shape) => {
      return { ...point, trial: { on, values: timesS.map((t) => step * shape(t)) } };
    });
    const runs = await context.model.run(points, record);
    return runs.flatMap((found) => (found instanceof Error ? [] : [found.outputs]));
  };
  // How large a step tells the model from its rounding is not known of a variable that stands at zero.
  const [tiny] = await run(shapes.slice(0, 1), FIRST_STEP);
  if (tiny === undefined) return undefined;
  const shown = tiny.reduce(
    (most, v, i) => Math.max(most, Math.abs(v - fit.prediction[i]!) / noiseStd[i % channels]!),
    0,
  );
  if (!(shown > 0)) return undefined;
  const step = (FIRST_STEP * LARGEST_STEP) / shown;
  const answers = await run(shapes, step);
  if (answers.length < shapes.length) return undefined;
  return answers.map((found) => found.map((v, i) => (v - fit.prediction[i]!) / step));
}

/** What to write into the definition, for people. */
export function offerText(offers: readonly OfferedDisturbance[]): string[] {
  const [first, ...others] = offers;
  if (first === undefined) return [];
  const { on, std, timeConstantS, gain } = first;
  const also =
    others.length === 0 ? '' : ` (on ${others.map((o) => o.on).join(' or ')} about as well)`;
  return [
    `Something unknown that acts on ${on}${also} would explain the residuals better than errors of the sensors do, by ${gain.toFixed(0)} nats: if that may be, declare it, e.g. "disturbances": [{ "on": "${on}", "std": ${std}, "timeConstantS": ${timeConstantS} }], and fit again`,
  ];
}
