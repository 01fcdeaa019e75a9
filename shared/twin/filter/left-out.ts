import { type Companions, noCompanions } from './companions.js';
import type { Gaussian } from './gaussian-update.js';

/** Channels that are left out as faulty, and what was believed before a fault could have a part in it. */
export interface LeftOut {
  /** Offset by which each channel was found wrong, in its unit; 0 for those that count, m. */
  readonly offset: Float64Array;
  /** What all sensors say of each other since, those that are left out too: see report/redundancy.ts. */
  readonly watch?: Float64Array | undefined;
  /** What is known of each channel's being wrong. */
  readonly companions: Companions;
  /** The belief of some time ago, … */
  readonly anchor?: Anchor | undefined;
  /** … and a newer one, which takes its place. */
  readonly next?: Anchor | undefined;
}

/** A belief with the samples that have come since. */
export interface Anchor extends Gaussian {
  readonly timeS: number;
  readonly age: number;
}

/** Samples after which the belief is kept anew: a fault that is found began after the older of two. */
const KEPT_EACH = 20;
/** Largest deviation of the channels' residuals at which a belief is kept. */
const CALM = 3;
/** Nothing is left out. */
export const nothingLeftOut = (m: number, n: number): LeftOut => ({
  companions: noCompanions(m, n),
  offset: new Float64Array(m),
});

/** Whether a channel is left out. */
export const isLeftOut = (of: LeftOut | undefined, channel: number): boolean =>
  of !== undefined && of.offset[channel] !== 0;

/** Keeps the belief each {@link KEPT_EACH} samples, while no channel is unusual. */
export function keepAnchor(
  of: LeftOut,
  belief: Gaussian,
  timeS: number,
  deviations: number,
): LeftOut {
  const aged = (a: Anchor | undefined) => a && { ...a, age: a.age + 1 };
  const anchor = aged(of.anchor);
  const next = aged(of.next);
  const due = next === undefined || next.age >= KEPT_EACH;
  if (!due || deviations >= CALM) return { ...of, anchor, next };
  return { ...of, anchor: next, next: { x: belief.x, S: belief.S, timeS, age: 0 } };
}
