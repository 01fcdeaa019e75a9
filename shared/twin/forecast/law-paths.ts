import { createRng } from '../../core/index.js';
import type { FilterSettings } from '../filter/settings.js';
import type { CourseBelief, WearCourses } from './course-belief.js';
import { wearBy } from './wear-law.js';

/** How a parameter and its trend move over a step by the filter's model: see trend-paths.ts. */
export interface StepNoise {
  tau: number;
  /** Factor of the noise of value and trend. */
  l11: number;
  l21: number;
  l22: number;
}

/**
 * Of so many pairs of paths one changes its pace from now on, by a factor between half and double in
 * most: no reading tells what may come to a machine, whatever law it bears. 95 % intervals, which leave
 * out one course in forty at either side, reach into these; 80 % intervals hardly.
 */
const CHANGING = { oneIn: 12, spread: Math.LN2 } as const;

/**
 * Courses of one parameter by laws of wear: each path draws one and keeps it, some at another pace. Its
 * pair, of the same law, mirrors it.
 */
export class LawPaths {
  /** By path, at the time of the last step. */
  readonly value: Float64Array;
  readonly #courses: WearCourses;
  /** Hypothesis of each pair of paths. */
  readonly #chosen: Int32Array;
  /** How far the law has come by now, what strays from it, and what carries that on; by path. */
  readonly #size: Float64Array;
  readonly #stray: Float64Array;
  readonly #carrier: Float64Array;
  /** By path: pace of its law from now on, in that of until now. */
  readonly #pace: Float64Array;
  /** Two normals of each pair. */
  readonly #normals: Float64Array;
  /** The filter's mean and deviation. */
  readonly #now: { mean: number; std: number };
  readonly #halfRange: number;
  /** By hypothesis: what the law adds over the step to a wear of 1. */
  readonly #gain: Float64Array;
  /** By hypothesis that swings: how it turns over the step, and its noise. */
  readonly #turns: { cos: number; sin: number; noise: number }[] = [];
  #noise: StepNoise = { tau: 0, l11: 0, l21: 0, l22: 0 };

  /** @param i the parameter's place */
  constructor(
    courses: WearCourses,
    i: number,
    { x, S }: CourseBelief,
    settings: FilterSettings,
    pairs: number,
    seed: number,
  ) {
    this.#courses = courses;
    const count = courses.hypotheses.length;
    const rng = createRng(1009 * seed + i);
    // Each as often as any other, in an order of its own.
    const order = Array.from({ length: count }, (_, k) => [rng.uniform(), k] as const);
    order.sort(([a], [b]) => a - b);
    this.#chosen = Int32Array.from({ length: pairs }, (_, pair) => order[pair % count]![1]);
    this.#normals = Float64Array.from({ length: 2 * pairs }, () => rng.normal());
    this.#pace = new Float64Array(2 * pairs).fill(1);
    for (let pair = 0; pair < 2 * pairs; pair += 2 * CHANGING.oneIn) {
      const by = Math.exp(CHANGING.spread * rng.normal());
      this.#pace[pair] = by;
      this.#pace[pair + 1] = 1 / by;
    }
    this.#size = new Float64Array(2 * pairs);
    this.#stray = new Float64Array(2 * pairs);
    this.#carrier = new Float64Array(2 * pairs);
    this.value = new Float64Array(2 * pairs);
    const N = x.length;
    this.#now = { mean: x[i]!, std: Math.hypot(...S.subarray(i * N, i * N + N)) };
    this.#halfRange = settings.range[i]! / 2;
    this.#gain = new Float64Array(count);
  }

  /**
   * Puts a path to where it is now.
   *
   * @param drawn its value as drawn from the filter's belief with all other parameters: where it is in
   *   its distribution hangs together with theirs
   * @param w a normal
   */
  begin(path: number, drawn: number, w: number): void {
    const { mean, factor } = this.#courses.hypotheses[this.#chosen[path >> 1]!]!;
    const { mean: m, std } = this.#now;
    const z = std > 0 ? (drawn - m) / std : 0;
    const pair = path & ~1;
    const sign = path === pair ? 1 : -1;
    const normals = [z, w, sign * this.#normals[pair]!, sign * this.#normals[pair + 1]!];
    const part = (r: number) => {
      let sum = mean[r]!;
      for (let c = 0; c <= r; c++) sum += factor[4 * r + c]! * normals[c]!;
      return sum;
    };
    this.value[path] = part(0);
    this.#carrier[path] = part(1);
    this.#stray[path] = part(2);
    this.#size[path] = part(3);
  }

  /**
   * Begins a step, in seconds from now.
   *
   * @param noise by the filter's model over its time
   */
  next(fromS: number, toS: number, noise: StepNoise): void {
    this.#noise = noise;
    const { hypotheses, spanS } = this.#courses;
    const halfRange = this.#halfRange;
    hypotheses.forEach(({ law, straying }, h) => {
      this.#gain[h] = wearBy(law, 1 + toS / spanS) - wearBy(law, 1 + fromS / spanS);
      if (straying.kind === 'drifting') return;
      const periods = (toS - fromS) / (straying.period * spanS);
      const kept = Math.exp(-periods / straying.coherence);
      const turned = 2 * Math.PI * periods;
      this.#turns[h] = {
        cos: kept * Math.cos(turned),
        sin: kept * Math.sin(turned),
        noise: straying.size * halfRange * Math.sqrt(1 - kept * kept),
      };
    });
  }

  /** Moves a path over the step, by normals for value and trend. */
  move(path: number, w1: number, w2: number): void {
    const h = this.#chosen[path >> 1]!;
    const { straying } = this.#courses.hypotheses[h]!;
    this.value[path]! += this.#pace[path]! * this.#gain[h]! * this.#size[path]!;
    if (straying.kind === 'drifting') {
      const { tau, l11, l21, l22 } = this.#noise;
      // The noise is of the filter's own trend scale, which readings have their factors on.
      const { scale } = straying;
      this.value[path]! += tau * this.#carrier[path]! + scale * l11 * w1;
      this.#carrier[path]! += scale * (l21 * w1 + l22 * w2);
      return;
    }
    const { cos, sin, noise } = this.#turns[h]!;
    const [stray, carrier] = [this.#stray[path]!, this.#carrier[path]!];
    this.#stray[path] = cos * stray - sin * carrier + noise * w1;
    this.#carrier[path] = sin * stray + cos * carrier + noise * w2;
    this.value[path]! += this.#stray[path]! - stray;
  }
}
