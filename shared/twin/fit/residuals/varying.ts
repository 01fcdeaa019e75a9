import { choleskySolve, normalCdf } from '../../../kalman/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Coordinate } from '../unknowns/coordinates.js';

/** A parameter that is another elsewhere, as residuals have it: it has taken up a term that the model lacks. */
export interface Varying {
  /** Index of the unknown. */
  unknown: number;
  /** What it varies with; null: the time along the record. */
  by: string | null;
  /** How sure that is, in standard deviations. */
  score: number;
  /** How often chance says so of one of all that was looked at. */
  chance: number;
}

/** Residuals of a fit and what its unknowns do to them, over all channels, in the sensors' noise. */
export interface Whitened {
  /** `NaN` where there is none. */
  residuals: Float64Array;
  /** A column per unknown. */
  columns: readonly Float64Array[];
  /** Factor of the unknowns' precision, priors included. */
  L: Float64Array;
  channels: number;
}

/** How often chance may say that a parameter of an exact model varies. */
const BY_CHANCE = 0.01;
/** Share of a direction that must be left of it when the unknowns have taken theirs. */
const LEAST_LEFT = 1e-3;

/**
 * Looks for a parameter that varies with what the machine does: of each, scores of what it would do if it
 * were larger where an input, an input's size or an output is large, where its own effect is, or the later it
 * is. A term that the model lacks, and a parameter takes up whole, leaves that: R·I|I| looks like an R·I whose R
 * grows with |I|; slow wear of a constant leaves the last. As each such direction runs through the model, it has
 * the model's own lags; and as each is looked at alone, one that shows is not drowned by all the others.
 *
 * @param parameters how many of the unknowns are parameters, which come first
 * @param by what they may vary with, standardised, by name
 * @returns the one that shows most
 * @see Ramsey, J. R. Stat. Soc. B 31 (1969); Hastie & Tibshirani, J. R. Stat. Soc. B 55 (1993)
 */
export function likeliestVarying(
  of: Whitened,
  parameters: number,
  by: readonly { name: Varying['by']; x: Float64Array }[],
): Varying | undefined {
  const { columns, channels } = of;
  const tried: Omit<Varying, 'chance'>[] = [];
  for (let unknown = 0; unknown < parameters; unknown++) {
    const g = columns[unknown]!;
    const most = g.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    if (!(most > 0)) continue;
    const directions = [
      ...by.map(({ name, x }) => ({ name, x: g.map((v, i) => v * x[Math.floor(i / channels)]!) })),
      { name: 'its own effect', x: g.map((v) => (v * Math.abs(v)) / most) },
    ];
    for (const { name, x } of directions) {
      const score = scoreOf(of, x);
      if (score !== undefined) tried.push({ unknown, by: name, score: Math.abs(score) });
    }
  }
  const [first, ...others] = tried;
  if (first === undefined) return undefined;
  const best = others.reduce((a, b) => (b.score > a.score ? b : a), first);
  // Bonferroni's bound: however many of them say the same.
  return { ...best, chance: Math.min(1, tried.length * 2 * normalCdf(-best.score)) };
}

/** Of a direction: xᵀe against its deviation, what the unknowns could have followed left out. */
function scoreOf({ residuals, columns, L }: Whitened, x: Float64Array): number | undefined {
  const n = columns.length;
  const along = new Float64Array(n);
  let [dot, square] = [0, 0];
  residuals.forEach((e, i) => {
    if (Number.isNaN(e)) return;
    dot += x[i]! * e;
    square += x[i]! ** 2;
    for (let j = 0; j < n; j++) along[j]! += x[i]! * columns[j]![i]!;
  });
  const moved = choleskySolve(L, along, n);
  const left = along.reduce((sum, v, j) => sum - v * moved[j]!, square);
  return left > LEAST_LEFT * square ? dot / Math.sqrt(left) : undefined;
}

/** Whether a parameter varies beyond chance. */
export const isVarying = (varying: Varying | undefined): varying is Varying =>
  varying !== undefined && varying.chance <= BY_CHANCE;

/** Names a parameter that varies, beyond chance. */
export function varyingFindings(
  coordinates: readonly Coordinate[],
  varying: Varying | undefined,
): Finding[] {
  if (!isVarying(varying)) return [];
  const { name } = coordinates[varying.unknown]!;
  const sure = `${varying.score.toPrecision(2)} deviations from chance`;
  const reason =
    varying.by === null
      ? `residuals are as if ${name} had changed along the record (${sure}): it may have worn, or the model lacks something that changes with time; where it may wear, give it wearHorizonS, or try it by fit --wear`
      : `the model lacks something that ${name} has taken up: residuals are as if ${name} varied with ${varying.by} (${sure})`;
  return [{ grade: 'care', reason }];
}
