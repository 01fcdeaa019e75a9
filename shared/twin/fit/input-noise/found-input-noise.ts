import { createRng } from '../../../core/index.js';
import { unstatedInputs } from '../../filter/input-noise.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { FoundInput } from '../fitting/added.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { gaussNewtonStep, residualsAfter } from '../least-squares/steps.js';
import type { FitContext } from '../model/fit-context.js';
import { residualsOf } from '../record/record.js';
import { isCertain, likeliestError } from '../residuals/lack-of-fit.js';
import { residualSpectra } from './residual-spectra.js';
import { type Frequency, varianceComponents } from './variance-components.js';

/** Noise of an input that nobody stated. */
export interface FoundInputNoise {
  /** Standard deviation, in the input's unit. */
  std: number;
  /** The same as a share of the input's largest value. */
  share: number;
}

/** Share of its size by which an input is disturbed to see what that does. */
const TRIED = 0.01;
/** Share of a fit's runs that a look may cost, … */
const COST = 0.1;
/** … and records with other noise of an input that it takes at least, and at most. */
const DRAWS = { least: 4, most: 24 } as const;
const SEED = 20_241_129;
/** Rows of a stretch whose frequencies are looked at, and stretches at most, the newest. */
const STRETCH = 256;
const STRETCHES = 4;
/** Fewer rows tell no spectrum. */
const LEAST_ROWS = 40;
/** Deviations beyond which a lone residual is left out. */
const OUTLIER = 5;
/** Median of the size of a standard Gaussian. */
const MEDIAN = 0.6745;
/** Score of residuals larger than the sensors' noise from which a look is worth its runs. */
const LARGE = 2;
/** Nats that the noise of inputs must be worth in all, … */
const FOUND = 6;
/** … and that of each input beside the others'. */
const WORTH = 3;
/** Nats by which anything else may still explain more: what is left over must be chance. */
const REST = 4;
/** Noise of an input that is nothing odd, as a share of its size. */
const PLAUSIBLE = 0.01;
/** Largest that is believed, as a share of its size. */
const MOST = 0.05;

/**
 * Noise of inputs that nobody stated, where a moving machine's residuals are larger than the stated noise
 * of its sensors. The model is run along the record with noise on one input at a time; the spectra of what
 * that does are parts of the residuals' own, and the sizes of the parts follow by maximum likelihood.
 *
 * It is found where the noise of inputs explains all that the sensors' noise leaves: what the residuals
 * might remember otherwise says no more. A term that the model lacks is no noise, and is not explained so.
 *
 * No model runs where no residuals are too large.
 *
 * @see Whittle, Arkiv för Matematik 2 (1953)
 */
export async function findInputNoise(context: FitContext, fit: Fit): Promise<FoundInput[]> {
  const { definition } = context.twin;
  const { record, misfit } = fit;
  const rows = record.timesS.length;
  const large = misfit.channels.some(({ size }) => size >= LARGE);
  if (definition.simulation.mode === 'steady-state' || !large || rows < LEAST_ROWS) return [];
  // What one sensor's error explains needs no noise.
  const error = likeliestError(misfit);
  if (error !== undefined && isCertain(error)) return [];
  const inputs = unstatedInputs(definition.inputs).flatMap((input) => {
    const size = record.inputs[input]!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    return size > 0 ? [{ input, size }] : [];
  });
  const tried = await withNoiseOf(context, fit, inputs);
  if (tried.length === 0) return [];
  const stated = Float64Array.from(definition.measured, ({ noiseStd }, c) =>
    noiseStd === undefined
      ? Number.NaN
      : Math.hypot(noiseStd, record.resolution[c]! / Math.sqrt(12)),
  );
  const of = {
    residuals: withoutOutliers(fit),
    stated,
    draws: tried.map(({ draws }) => draws),
  };
  const length = Math.min(STRETCH, rows);
  const stretches = Math.min(STRETCHES, Math.floor(rows / length));
  const frequencies = Array.from({ length: stretches }, (_, k) =>
    residualSpectra(of, rows - (k + 1) * length, length),
  ).flat();
  return explaining(frequencies, tried, stated);
}

interface TriedInput {
  input: number;
  size: number;
  /** What draws of its noise do to the outputs. */
  draws: readonly Float64Array[];
}

/** Runs with noise on one input at a time; inputs with which the model mostly fails are left out. */
async function withNoiseOf(
  context: FitContext,
  { record, coordinates, u, prediction }: Fit,
  inputs: readonly { input: number; size: number }[],
): Promise<TriedInput[]> {
  const affordable = Math.floor((COST * context.passes) / Math.max(1, inputs.length));
  const count = Math.min(DRAWS.most, Math.max(DRAWS.least, affordable));
  const rng = createRng(SEED);
  const tried: TriedInput[] = [];
  for (const { input, size } of inputs) {
    const draws: Float64Array[] = [];
    for (let d = 0; d < count; d++) {
      const other = record.inputs.map((column, i) =>
        i === input ? column.map((v) => v + TRIED * size * rng.normal()) : column,
      );
      const otherwise = fitProblem(context, coordinates, { ...record, inputs: other });
      const [run] = await otherwise.simulate([u]);
      if (run === undefined || run instanceof Error) continue;
      draws.push(run.map((v, i) => v - prediction[i]!));
    }
    if (draws.length >= DRAWS.least) tried.push({ input, size, draws });
  }
  return tried;
}

/** Which inputs' noise explains the residuals: without anything else, and each of them needed. */
function explaining(
  frequencies: readonly Frequency[],
  seen: readonly { input: number; size: number }[],
  stated: Float64Array,
): FoundInput[] {
  const start = startSizes(frequencies);
  const base = [...stated.keys()].flatMap((c) =>
    Number.isNaN(stated[c]!) ? [seen.length + c] : [],
  );
  const shareOf = (sizes: Float64Array, i: number) => TRIED * Math.sqrt(sizes[i]!);
  const by = (kept: readonly number[]) => {
    const { sizes, logLikelihood } = varianceComponents(frequencies, [...base, ...kept], start);
    // Of inputs that act alike the one is likelier that needs less noise.
    const doubt = kept.reduce((sum, i) => sum + (shareOf(sizes, i) / PLAUSIBLE) ** 2 / 2, 0);
    return { kept, sizes, logLikelihood, worth: logLikelihood - doubt };
  };
  let best = by([...seen.keys()]);
  while (best.kept.length > 1) {
    const { kept } = best;
    const fewer = kept
      .map((out) => by(kept.filter((i) => i !== out)))
      .reduce((a, b) => (b.worth > a.worth ? b : a));
    if (best.worth - fewer.worth >= WORTH) break;
    best = fewer;
  }
  const none = by([]).logLikelihood;
  const any = varianceComponents(frequencies, [...start.keys()], start).logLikelihood;
  const { kept, sizes, logLikelihood } = best;
  if (logLikelihood - none < FOUND || any - logLikelihood > REST) return [];
  if (kept.some((i) => shareOf(sizes, i) > MOST)) return [];
  const others = [...seen.keys()].filter((i) => !kept.includes(i));
  return kept.map((i) => ({
    input: seen[i]!.input,
    std: shareOf(sizes, i) * seen[i]!.size,
    share: shareOf(sizes, i),
    orElse: others.flatMap((o) => {
      const instead = by(kept.map((k) => (k === i ? o : k)));
      const share = shareOf(instead.sizes, o);
      return instead.worth > best.worth - WORTH && share <= MOST ? [seen[o]!.input] : [];
    }),
  }));
}

/** Sizes to begin with: each component a fifth of the residuals. */
function startSizes(frequencies: readonly Frequency[]): Float64Array {
  const parts = frequencies[0]!.parts.length;
  return Float64Array.from({ length: parts }, (_, i) => {
    let [power, had] = [0, 0];
    for (const { z, parts: of } of frequencies) {
      for (let j = 0; j < z.length; j++) {
        const v = of[i]![j * z.length + j]!;
        if (v <= 0) continue;
        power += z[j]! ** 2 * 2;
        had += v;
      }
    }
    return had > 0 ? (0.2 * power) / had : 0;
  });
}

/**
 * Residuals without those far beyond the others, by channel, and without what those did to the unknowns:
 * one step of a search that does not see them.
 */
function withoutOutliers(fit: Fit): Float64Array[] {
  const { record, coordinates, prediction, columns } = fit;
  const { channels, data } = record;
  const kept = data.slice();
  for (let c = 0; c < channels; c++) {
    const residuals = residualsOf(record, prediction, c);
    const sizes = residuals
      .filter((v) => !Number.isNaN(v))
      .map(Math.abs)
      .sort();
    const most = (OUTLIER * (sizes[sizes.length >> 1] ?? 0)) / MEDIAN;
    residuals.forEach((v, row) => {
      if (Math.abs(v) > most) kept[row * channels + c] = Number.NaN;
    });
  }
  const { step } = gaussNewtonStep({ coordinates, data: kept, channels }, columns, fit);
  const e = residualsAfter(step, kept, prediction, columns);
  return Array.from({ length: channels }, (_, c) => e.filter((_, i) => i % channels === c));
}

/** What was found, per input of the definition; undefined where nothing was. */
export function foundInputStd(
  { inputs }: Twin['definition'],
  found: readonly FoundInput[] = [],
): Float64Array | undefined {
  if (found.length === 0) return undefined;
  return Float64Array.from(inputs, (_, i) => found.find(({ input }) => input === i)?.std ?? 0);
}

/** By variable, as a fit gives it out. */
export function foundInputNoise(
  { inputs }: Twin['definition'],
  found: readonly FoundInput[] = [],
): { inputNoise?: Record<string, FoundInputNoise> } {
  if (found.length === 0) return {};
  return {
    inputNoise: Object.fromEntries(
      found.map(({ input, std, share }) => [inputs[input]!.variable, { std, share }]),
    ),
  };
}

/** Names what was found. */
export function foundInputNoiseFindings(
  { inputs }: Twin['definition'],
  found: readonly FoundInput[],
): Finding[] {
  return found.map(({ input, std, share, orElse }) => {
    const { variable, unit = '' } = inputs[input]!;
    const size = `${std.toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
    return {
      grade: 'care',
      reason: `noise of ${variable} found: about ${size}, ${(100 * share).toPrecision(2)} % of its size, would explain residuals that are larger than the sensors’ noise, and is in the bands${orElse.length === 0 ? '' : ` (noise of ${orElse.map((o) => inputs[o]!.variable).join(' or ')} would do as well)`}; if it is no disturbance that acts like it, state it with inputs[].noiseStd (0: the readings are exact)`,
    };
  });
}
