import { filterSettings } from '../filter/settings.js';
import type { Twin } from '../types.js';
import {
  analyseInformation,
  fisherInformation,
  type Sensitivity,
  sensitivities,
  UNIFORM_VARIANCE,
} from './fisher-information.js';
import type { Slopes } from './operating-points.js';

/** A sensor that is there, or that might be bought. */
export interface SensorOption {
  variable: string;
  existing: boolean;
  /** Standard deviation of its noise, in the variable's unit. */
  noiseStd: number;
  cost?: number;
}

/** A step of the greedy order. */
export interface RankedSensor extends SensorOption {
  /** What it adds to log det of the information beyond those before it, mean of the points. */
  gain: number;
  gainPerCost?: number;
  /** Standard deviation of each parameter with it and all before it, largest of the points. */
  std: Record<string, number>;
}

/** What an existing sensor contributes. */
export interface SensorContribution extends SensorOption {
  /** What log det of the information loses when it is removed and all others stay. */
  loss: number;
  /** Standard deviation of each parameter without it, largest of the points. */
  stdWithout: Record<string, number>;
}

export interface SensorRanking {
  twin: string;
  /** The operating points that it holds for. */
  points: string[];
  /** Points that the model could not answer at. */
  failed: { point: string; error: string }[];
  /** Largest over the points: before any sensor, and with the existing ones. */
  std: { prior: Record<string, number>; existing: Record<string, number> };
  /** Existing and candidate sensors together, the most telling first. */
  ranking: RankedSensor[];
  /** What to buy next: candidates upon the existing sensors. */
  additions: RankedSensor[];
  existing: SensorContribution[];
}

/** One sensor's scaled slopes at each operating point. */
interface Candidate {
  option: SensorOption;
  rows: Sensitivity[];
}

/**
 * Before any sensor a parameter may be anywhere in its range, which keeps the information regular and
 * one sensor's gain finite.
 */
function regular(rows: readonly Sensitivity[], n: number): Float64Array {
  const information = fisherInformation(rows, n);
  for (let i = 0; i < n; i++) information[i * n + i]! += 1 / UNIFORM_VARIANCE;
  return information;
}

/** Gain in log det by one more row (matrix determinant lemma). */
function gainOf(covariance: Float64Array, { row }: Sensitivity): number {
  const n = row.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sum += row[i]! * covariance[i * n + j]! * row[j]!;
  }
  return Math.log1p(sum);
}

/**
 * Ranks sensors by D-optimality: greedily the one that adds most to the mean over the operating
 * points of log det of the Fisher information of one sample.
 *
 * @param options existing sensors and candidates; each variable is one of the outputs
 * @param outputs names of the slopes' outputs
 * @param by what the order maximises; `gain-per-cost` needs a cost for each
 * @see Atkinson, Donev & Tobias, Optimum Experimental Designs (2007), 11; the gain is submodular, so
 *   that the greedy set is within 1 − 1/e of the best (Krause, Singh & Guestrin, JMLR 9, 2008)
 */
export function rankSensors(
  twin: Twin,
  slopes: readonly Slopes[],
  outputs: readonly string[],
  options: readonly SensorOption[],
  by: 'gain' | 'gain-per-cost' = 'gain',
): Omit<SensorRanking, 'failed'> {
  const { range } = filterSettings(twin);
  const n = range.length;
  const candidates = options.map((option): Candidate => {
    const o = outputs.indexOf(option.variable);
    return {
      option,
      rows: slopes.map((s) => sensitivities(s.slope, range, [option.noiseStd], [o])[0]!),
    };
  });
  const information = (chosen: readonly Candidate[]) =>
    slopes.map((_, k) =>
      regular(
        chosen.map((c) => c.rows[k]!),
        n,
      ),
    );
  const analyse = (chosen: readonly Candidate[]) =>
    information(chosen).map((m) => analyseInformation(m, n));
  const stdOf = (analyses: readonly { share: Float64Array }[]) =>
    Object.fromEntries(
      twin.definition.parameters.map((p, i) => [
        p.variable,
        range[i]! * Math.max(...analyses.map((a) => a.share[i]!)),
      ]),
    );
  const greedy = (from: readonly Candidate[], pool: readonly Candidate[]): RankedSensor[] => {
    const chosen = [...from];
    const left = new Set(pool);
    const order: RankedSensor[] = [];
    let now = analyse(chosen);
    while (left.size > 0) {
      let best: { candidate: Candidate; gain: number; merit: number } | undefined;
      for (const candidate of left) {
        const gain =
          candidate.rows.reduce((sum, row, k) => sum + gainOf(now[k]!.covariance!, row), 0) /
          slopes.length;
        const merit = by === 'gain' ? gain : gain / candidate.option.cost!;
        if (best === undefined || merit > best.merit) best = { candidate, gain, merit };
      }
      const { candidate, gain } = best!;
      left.delete(candidate);
      chosen.push(candidate);
      now = analyse(chosen);
      order.push({
        ...candidate.option,
        gain,
        ...(candidate.option.cost === undefined
          ? {}
          : { gainPerCost: gain / candidate.option.cost }),
        std: stdOf(now),
      });
    }
    return order;
  };
  const existing = candidates.filter((c) => c.option.existing);
  const logDet = (chosen: readonly Candidate[]) =>
    analyse(chosen).reduce(
      (sum, a) => sum + a.eigenvalues.reduce((logs, value) => logs + Math.log(value), 0),
      0,
    ) / slopes.length;
  const all = logDet(existing);
  return {
    twin: twin.definition.name,
    points: slopes.map((s) => s.point.name),
    std: { prior: stdOf(analyse([])), existing: stdOf(analyse(existing)) },
    ranking: greedy([], candidates),
    additions: greedy(
      existing,
      candidates.filter((c) => !c.option.existing),
    ),
    existing: existing
      .map((c) => {
        const others = existing.filter((o) => o !== c);
        return { ...c.option, loss: all - logDet(others), stdWithout: stdOf(analyse(others)) };
      })
      .sort((a, b) => b.loss - a.loss),
  };
}
