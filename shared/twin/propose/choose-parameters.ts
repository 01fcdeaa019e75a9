import { symmetricEigen } from '../../kalman/index.js';
import { createFitModel, type FitPoint } from '../fit/index.js';
import { fitRecord } from '../fit/record/arrange.js';
import { headOf } from '../fit/record/record.js';
import type { Sample, Twin } from '../types.js';

/** What a recording can tell of a twin's parameters, before anything is fitted. */
export interface ParameterChoice {
  /** Parameters that are worth calibrating together. */
  keep: string[];
  /** The others, and why each stays at the FMU's start value. */
  left: { variable: string; because: string }[];
}

/** Rows of a moving machine that are run to choose: the beginning tells what the whole could. */
const ROWS = 600;
/** States of rest that are found to choose, from all over the record: each costs runs of its own. */
const REST_ROWS = 12;
/** Step of the differences, as a share of a parameter's prior deviation. */
const STEP = 0.01;
/** A parameter whose whole prior moves no output by this share of its range does nothing. */
const NOTHING = 1e-4;
/**
 * Least singular value, of sensitivities of length 1, below which a direction is not told at all: exact
 * ridges are seen at 1e-5 and below, what is merely hard to tell at 1e-3 and above, and that is left
 * to the fit, which owns up to it by wide bands.
 */
const SAME = 1e-4;
/** A parameter takes part in a direction from this share of the largest on. */
const MEMBER = 0.3;

/** Significant digits that a number was written with: `18.6655` has six, `0.05` one. */
export const digitsOf = (value: number): number =>
  value.toExponential().replace(/e.*$/, '').replace(/[^\d]/g, '').length;

/**
 * Chooses which parameters a recording can tell apart: those without any effect in it are left out,
 * and where some together leave the outputs as they are, one of them is held: the one whose start
 * value was given to the most digits, which nobody writes of a guess; of equals, the last.
 *
 * Sensitivities are taken at the priors' means, of the free run from the record's start, with the
 * start states left free: what those can take over is told by no output.
 *
 * @param twin with every candidate as a parameter
 * @returns undefined where the model does not run at the priors
 */
export async function chooseParameters(
  twin: Twin,
  samples: readonly Sample[],
  options: { lanes?: number; signal?: AbortSignal } = {},
): Promise<ParameterChoice | undefined> {
  const { parameters, simulation } = twin.definition;
  const apart = samples.length / REST_ROWS;
  const record =
    simulation.mode === 'steady-state' && apart > 1
      ? fitRecord(
          twin,
          Array.from({ length: REST_ROWS }, (_, k) => samples[Math.floor(k * apart)]!),
        )
      : headOf(fitRecord(twin, samples), ROWS);
  if (record.timesS.length === 0) return undefined;
  const model = await createFitModel(twin, options);
  try {
    const mean = Float64Array.from(parameters, (p) => p.prior.mean);
    const states = await model.startStates(mean, record);
    const stateSteps = states.map((x) => STEP * Math.max(Math.abs(x), 1));
    const points: FitPoint[] = [{ parameters: mean, states }];
    const moved = (values: Float64Array, j: number, by: number) => {
      const copy = values.slice();
      copy[j] = copy[j]! + by;
      return copy;
    };
    parameters.forEach(({ prior }, j) => {
      for (const side of [1, -1]) {
        points.push({ parameters: moved(mean, j, side * STEP * prior.std), states });
      }
    });
    states.forEach((_, j) => {
      for (const side of [1, -1]) {
        points.push({ parameters: mean, states: moved(states, j, side * stateSteps[j]!) });
      }
    });
    const runs = await model.run(points, record);
    const centre = runs[0];
    if (centre === undefined || centre instanceof Error) return undefined;
    const ranges = rangesOf(record.data, centre.outputs, record.channels);
    const column = (k: number): Float64Array | undefined => {
      const [above, below] = [runs[1 + 2 * k], runs[2 + 2 * k]];
      const up = above === undefined || above instanceof Error ? centre : above;
      const down = below === undefined || below instanceof Error ? centre : below;
      const steps = Number(up !== centre) + Number(down !== centre);
      if (steps === 0) return undefined;
      return up.outputs.map(
        (v, i) => (v - down.outputs[i]!) / (STEP * steps) / ranges[i % record.channels]!,
      );
    };
    return choose(
      parameters.map((p, j) => ({
        variable: p.variable,
        start: p.prior.mean,
        slope: column(j),
      })),
      states.length === 0
        ? []
        : Array.from(states, (_, j) => column(parameters.length + j)).filter(
            (slope) => slope !== undefined,
          ),
    );
  } finally {
    await model.close();
  }
}

/** What each channel moves through, in the record or in the model, whichever is more. */
function rangesOf(data: Float64Array, outputs: Float64Array, channels: number): Float64Array {
  return Float64Array.from({ length: channels }, (_, c) => {
    const span = (values: Float64Array) => {
      let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = c; i < values.length; i += channels) {
        const v = values[i]!;
        if (v < least) least = v;
        if (v > most) most = v;
      }
      return most > least ? most - least : 0;
    };
    return Math.max(span(data), span(outputs)) || 1;
  });
}

/** A parameter and how its prior's deviation moves the outputs, in units of their ranges. */
export interface Candidate {
  variable: string;
  start: number;
  /** Samples × channels; undefined where the model fails beside the start value. */
  slope: Float64Array | undefined;
}

/**
 * The choice from sensitivities.
 *
 * @param free sensitivities of what is free in any case, of the same length
 */
export function choose(
  candidates: readonly Candidate[],
  free: readonly Float64Array[],
): ParameterChoice {
  const left: ParameterChoice['left'] = [];
  const basis = orthonormal(free);
  let kept = candidates.flatMap(({ variable, start, slope }) => {
    if (slope === undefined) {
      left.push({ variable, because: 'the model fails beside its start value' });
      return [];
    }
    if (!slope.some((v) => Math.abs(v) > NOTHING)) {
      left.push({ variable, because: 'it does nothing in this recording' });
      return [];
    }
    const own = without(slope, basis);
    const length = Math.sqrt(dot(own, own));
    if (length < SAME * Math.sqrt(dot(slope, slope))) {
      left.push({ variable, because: 'the states at the start could do the same' });
      return [];
    }
    return [{ variable, start, unit: own.map((v) => v / length) }];
  });
  while (kept.length > 1) {
    const n = kept.length;
    const gram = new Float64Array(n * n);
    kept.forEach((a, i) => {
      kept.forEach((b, j) => {
        gram[i * n + j] = dot(a.unit, b.unit);
      });
    });
    const { values, vectors } = symmetricEigen(gram, n);
    const least = values.indexOf(Math.min(...values));
    if (values[least]! > SAME * SAME) break;
    const shares = kept.map((_, j) => Math.abs(vectors[j * n + least]!));
    const members = kept.filter((_, j) => shares[j]! >= MEMBER * Math.max(...shares));
    const digits = Math.max(...members.map((m) => digitsOf(m.start)));
    const held = members.findLast((m) => digitsOf(m.start) === digits)!;
    const others = members.filter((m) => m !== held).map((m) => m.variable);
    left.push({
      variable: held.variable,
      because: `this recording cannot tell it from ${others.join(', ')}${
        members.some((m) => digitsOf(m.start) < digits)
          ? `; held, as its start value ${held.start} is given to ${digits} digits`
          : ''
      }`,
    });
    kept = kept.filter((k) => k !== held);
  }
  return { keep: kept.map((k) => k.variable), left };
}

const dot = (a: Float64Array, b: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** A vector without its part in the span of orthonormal ones. */
function without(vector: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const rest = vector.slice();
  for (const q of basis) {
    const share = dot(rest, q);
    for (let i = 0; i < rest.length; i++) rest[i]! -= share * q[i]!;
  }
  return rest;
}

/** Gram–Schmidt, twice for its rounding; what adds nothing is left out. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = without(without(vector, basis), basis);
    const length = Math.sqrt(dot(rest, rest));
    if (length > 1e-9 * Math.sqrt(dot(vector, vector)) && length > 0) {
      basis.push(rest.map((v) => v / length));
    }
  }
  return basis;
}
