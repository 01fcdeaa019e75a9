import type { Force } from './force.js';

/** A disturbance's course along a record: a sum of fixed shapes with independent standard normal weights. */
export interface ForceBasis {
  /** Each shape's value at a time of the record, in the disturbance's unit; the slowest first. */
  readonly terms: readonly ((timeS: number) => number)[];
  /** Variance that the shapes leave out, as a share of the disturbance's. */
  readonly leftOut: number;
}

/** Share of the variance that may be left out. */
const MAY_LEAVE_OUT = 0.05;
/** Most shapes: each is an unknown of the fit, and a model run along the record at each step of it. */
const MOST_TERMS = 40;
const BISECTIONS = 60;

function root(low: number, high: number, rising: (x: number) => number): number {
  let [a, b] = [low, high];
  for (let k = 0; k < BISECTIONS; k++) {
    const middle = (a + b) / 2;
    if (rising(middle) < 0) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/**
 * The Karhunen–Loève expansion of an Ornstein–Uhlenbeck process over a record: of all sums of so many
 * shapes the one that leaves out least. With a = T/2 and c = 1/τ the shapes are cos ωt and sin ωt about the
 * middle, ω from ω tan ωa = c and ω + c tan ωa = 0, their variances 2c/(ω² + c²).
 *
 * @see Ghanem & Spanos, Stochastic Finite Elements (1991), section 2.3.3
 */
export function forceBasis(force: Force, fromS: number, toS: number): ForceBasis {
  const a = Math.max((toS - fromS) / 2, 1e-9 * force.timeConstantS);
  const c = 1 / force.timeConstantS;
  const middleS = (fromS + toS) / 2;
  const terms: ((timeS: number) => number)[] = [];
  let left = 1;
  for (let k = 0; left > MAY_LEAVE_OUT && terms.length < MOST_TERMS; k++) {
    const even = k % 2 === 0;
    const from = (k * Math.PI) / 2;
    const x = root(from, from + Math.PI / 2, (at) =>
      even ? (at / a) * Math.tan(at) - c : at / a + c * Math.tan(at),
    );
    const w = x / a;
    const variance = (2 * c) / (w * w + c * c);
    const half = Math.sin(2 * x) / (2 * w);
    const norm = Math.sqrt(even ? a + half : a - half);
    const size = (force.std * Math.sqrt(variance)) / norm;
    const wave = even ? Math.cos : Math.sin;
    terms.push((timeS) => size * wave(w * (timeS - middleS)));
    left -= variance / (2 * a);
  }
  return { terms, leftOut: Math.max(0, left) };
}
