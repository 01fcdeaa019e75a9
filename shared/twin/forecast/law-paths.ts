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
 * Courses of one parameter by laws of wear: each path draws one and keeps it. Its pair, of the same law,
 * mirrors it.
 */
export class LawPaths {
  /** By path, at the time of the last step. */
  readonly value: Float64Array;
  readonly #courses: WearCourses;
  /** Hypothesis of each pair of paths. */
  readonly #chosen: Int32Array;
  /** How far the law has come by now, and the trend beside it; by path. */
  readonly #size: Float64Array;
  readonly #trend: Float64Array;
  /** Of each pair. */
  readonly #third: Float64Array;
  /** The filter's mean and deviation. */
  readonly #now: { mean: number; std: number };
  readonly #trendScale: number;
  /** By hypothesis: what the law adds over the step to a wear of 1. */
  readonly #gain: Float64Array;
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
    this.#third = Float64Array.from({ length: pairs }, () => rng.normal());
    this.#size = new Float64Array(2 * pairs);
    this.#trend = new Float64Array(2 * pairs);
    this.value = new Float64Array(2 * pairs);
    const N = x.length;
    this.#now = { mean: x[i]!, std: Math.hypot(...S.subarray(i * N, i * N + N)) };
    this.#trendScale = settings.trendScale;
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
    const third = path % 2 === 0 ? this.#third[path >> 1]! : -this.#third[path >> 1]!;
    this.value[path] = mean[0] + factor[0]! * z;
    this.#trend[path] = mean[1] + factor[3]! * z + factor[4]! * w;
    this.#size[path] = mean[2] + factor[6]! * z + factor[7]! * w + factor[8]! * third;
  }

  /**
   * Begins a step, in seconds from now.
   *
   * @param noise by the filter's model over its time
   */
  next(fromS: number, toS: number, noise: StepNoise): void {
    this.#noise = noise;
    const { hypotheses, spanS } = this.#courses;
    hypotheses.forEach(({ law }, h) => {
      this.#gain[h] = wearBy(law, 1 + toS / spanS) - wearBy(law, 1 + fromS / spanS);
    });
  }

  /** Moves a path over the step, by normals for value and trend. */
  move(path: number, w1: number, w2: number): void {
    const h = this.#chosen[path >> 1]!;
    const { tau, l11, l21, l22 } = this.#noise;
    // The noise of the filter's model is that of its own trend scale.
    const scale = this.#courses.hypotheses[h]!.scale / this.#trendScale;
    this.value[path]! +=
      this.#gain[h]! * this.#size[path]! + tau * this.#trend[path]! + scale * l11 * w1;
    this.#trend[path]! += scale * (l21 * w1 + l22 * w2);
  }
}
