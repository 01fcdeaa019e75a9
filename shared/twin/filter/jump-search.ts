import { cholesky, solveLower } from '../../kalman/index.js';
import { type Gaussian, noiseOf } from './gaussian-update.js';
import type { Linearisation } from './linearise.js';
import type { Observation } from './observation.js';

/** Model runs along each parameter's range. */
const GRID = 9;
/** Of these, each so manieth is run first: its ends and its middle. */
const COARSE = 4;
/** Candidates that are looked at more closely, and how often. */
const CLOSER = 3;
const REFINEMENTS = 8;
/** Of what its channel moves through: a reading so much further off is out of reach. */
export const REACH = 0.5;
/** Share of the channels that must be out of reach for a sample to be rejected. */
export const MISMATCH_SHARE = 0.8;
/** Squared noises by which a reading is off for certain. */
export const OFF = 900;

/** Where one parameter must have jumped to explain a sample, all others as they were known. */
export interface Jump {
  parameter: number;
  value: number;
  /** Its standard deviation by this sample alone. */
  std: number;
}

interface Point {
  value: number;
  /** Residuals of the active channels, whitened. */
  residual: Float64Array;
}

interface Candidate {
  parameter: number;
  points: Point[];
  whiten: (outputs: Float64Array) => Float64Array;
  logDet: number;
}

interface Minimum {
  cost: number;
  value: number;
  std: number;
  /** Index of the point at the segment's left. */
  left: number;
}

/** The least squared residual along the broken line through a candidate's points. */
function minimumOf(points: readonly Point[]): Minimum {
  let best: Minimum = { cost: Number.POSITIVE_INFINITY, value: Number.NaN, std: 0, left: 0 };
  for (let k = 0; k + 1 < points.length; k++) {
    const from = points[k]!.residual;
    const to = points[k + 1]!.residual;
    let dd = 0;
    let dr = 0;
    from.forEach((r, i) => {
      dd += (r - to[i]!) ** 2;
      dr += (r - to[i]!) * r;
    });
    const t = dd > 0 ? Math.min(1, Math.max(0, dr / dd)) : 0;
    const cost = from.reduce((sum, r, i) => sum + (r + t * (to[i]! - r)) ** 2, 0);
    if (cost >= best.cost) continue;
    const width = points[k + 1]!.value - points[k]!.value;
    best = {
      cost,
      value: points[k]!.value + t * width,
      std: dd > 0 ? width / Math.sqrt(dd) : width,
      left: k,
    };
  }
  return best;
}

/** A value of a candidate at which the model is run. */
interface Wanted {
  candidate: Candidate;
  value: number;
}

/** A parameter as the one that may have jumped, with what the uncertainty of the others does to the outputs. */
function candidateOf(
  { active, measured }: Observation,
  base: Gaussian,
  lin: Linearisation,
  noise: Float64Array,
  parameter: number,
): Candidate {
  const N = base.x.length;
  const n = N / 2;
  const m = active.length;
  const effect = new Float64Array(m * N);
  active.forEach((o, r) => {
    for (let j = 0; j < n; j++) {
      if (j === parameter) continue;
      for (let k = 0; k <= j; k++) {
        effect[r * N + k]! += lin.slope[o * n + j]! * base.S[j * N + k]!;
      }
    }
  });
  const covariance = noise.slice();
  for (let r = 0; r < m; r++) {
    for (let q = 0; q < m; q++) {
      for (let k = 0; k < N; k++) covariance[r * m + q]! += effect[r * N + k]! * effect[q * N + k]!;
    }
  }
  const factor = cholesky(covariance, m);
  let logDet = 0;
  for (let i = 0; i < m; i++) logDet += 2 * Math.log(factor[i * m + i]!);
  return {
    parameter,
    points: [],
    logDet,
    whiten: (values) =>
      solveLower(
        factor,
        Float64Array.from(active, (o) => measured[o]! - values[o]!),
        m,
      ),
  };
}

/** Values along a candidate's range, its ends among them. */
function gridAlong({ settings }: Observation, base: Gaussian, candidate: Candidate): Wanted[] {
  const { lower, upper } = settings.bounds;
  const i = candidate.parameter;
  const from = Number.isFinite(lower[i]!) ? lower[i]! : base.x[i]! - settings.range[i]!;
  const to = Number.isFinite(upper[i]!) ? upper[i]! : base.x[i]! + settings.range[i]!;
  return Array.from({ length: GRID }, (_, k) => ({
    candidate,
    value: from + ((to - from) * k) / (GRID - 1),
  }));
}

/** Looks of a search: runs with one parameter elsewhere, and through what they moved each active channel. */
function looks(observation: Observation, base: Gaussian, variance: Float64Array) {
  const { active, measured } = observation;
  const n = base.x.length / 2;
  const m = active.length;
  const low = new Float64Array(m).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(m).fill(Number.NEGATIVE_INFINITY);
  return {
    /** Adds points to candidates; a run that fails adds none. */
    async lookAt(wanted: readonly Wanted[]): Promise<void> {
      const values = await observation.evaluate(
        wanted.map(({ candidate, value }) => {
          const point = base.x.slice(0, n);
          point[candidate.parameter] = value;
          return point;
        }),
      );
      wanted.forEach(({ candidate, value }, k) => {
        const y = values[k];
        if (!(y instanceof Float64Array)) return;
        active.forEach((o, r) => {
          low[r] = Math.min(low[r]!, y[o]!);
          high[r] = Math.max(high[r]!, y[o]!);
        });
        candidate.points.push({ value, residual: candidate.whiten(y) });
        candidate.points.sort((a, b) => a.value - b.value);
      });
    },
    span: () => high.map((h, r) => Math.max(0, h - low[r]!)),
    /** Whether most channels read what lies beyond all looks by this share of their span, and for certain. */
    isOutOfReach(reach: number): boolean {
      const beyond = active.filter((o, r) => {
        const off = Math.max(low[r]! - measured[o]!, measured[o]! - high[r]!);
        return off > reach * (high[r]! - low[r]!) && off ** 2 > OFF * variance[o]!;
      });
      return beyond.length >= MISMATCH_SHARE * m;
    },
  };
}

/** A candidate, and where it explains the sample best. */
interface Rated {
  candidate: Candidate;
  best: Minimum;
}

/** Looks closer at candidates until each one's minimum is known to a part of its deviation. */
async function refine(
  closer: readonly Rated[],
  lookAt: (wanted: readonly Wanted[]) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < REFINEMENTS; round++) {
    const wanted = closer.filter(({ candidate: { points }, best }) => {
      const [a, b] = [points[best.left]!.value, points[best.left + 1]!.value];
      return Math.min(best.value - a, b - best.value) > 1e-3 * best.std && b - a > best.std / 3;
    });
    if (wanted.length === 0) return;
    // With the middle of each segment: before a kink the line's minimum alone hardly moves.
    await lookAt(
      wanted.flatMap(({ candidate, best }) => {
        const [a, b] = [candidate.points[best.left]!, candidate.points[best.left + 1]!];
        return [best.value, (a.value + b.value) / 2].map((value) => ({ candidate, value }));
      }),
    );
    for (const c of closer) c.best = minimumOf(c.candidate.points);
  }
}

/**
 * Looks along each parameter's whole range for the one that explains a sample best, whatever it
 * was before. Between the points the model is a broken line, refined where it comes closest.
 *
 * @param base where the others are, and how well they are known
 * @param lin the model's slopes there
 * @param parameters those that may have jumped
 * @returns without `jump` where no parameter changes any output; `span`: how far the outputs moved;
 *   `outOfReach` where most channels read what no value of any parameter comes near
 */
export async function findJump(
  observation: Observation,
  base: Gaussian,
  lin: Linearisation,
  variance: Float64Array,
  parameters: readonly number[],
): Promise<{ jump?: Jump; span: Float64Array; outOfReach?: boolean }> {
  const outputs = lin.mean.length;
  const zero = new Float64Array(outputs * outputs);
  const noise = noiseOf(zero, outputs, variance, observation.active);
  const candidates = parameters.map((j) => candidateOf(observation, base, lin, noise, j));
  const { lookAt, span, isOutOfReach } = looks(observation, base, variance);
  const grid = candidates.map((candidate) => gridAlong(observation, base, candidate));
  await lookAt(grid.flatMap((points) => points.filter((_, k) => k % COARSE === 0)));
  // At a standstill no parameter brings any channel near, and each further run may be slow.
  if (isOutOfReach(2 * REACH)) return { span: span(), outOfReach: true };
  await lookAt(grid.flatMap((points) => points.filter((_, k) => k % COARSE !== 0)));
  if (isOutOfReach(REACH)) return { span: span(), outOfReach: true };
  const rated = candidates
    .map((candidate): Rated => ({ candidate, best: minimumOf(candidate.points) }))
    .filter(({ best }) => Number.isFinite(best.cost) && best.std > 0);
  const score = (c: Rated) => c.best.cost + c.candidate.logDet;
  const closer = rated.sort((a, b) => score(a) - score(b)).slice(0, CLOSER);
  await refine(closer, lookAt);
  const [first] = closer.sort((a, b) => score(a) - score(b));
  if (first === undefined) return { span: span() };
  const { candidate, best } = first;
  return {
    jump: { parameter: candidate.parameter, value: best.value, std: best.std },
    span: span(),
  };
}
