import { isLeftOut } from '../filter/left-out.js';
import type { FilterState } from '../state/filter-state.js';
import type { Sample } from '../types.js';

/** A channel that repeats its value this many times while most others move is left out as frozen. */
const FROZEN_REPEATS = 20;
/** Share of its size by which an input has moved for certain. */
const INPUT_MOVED = 0.01;

/** In place of inputs that a value was first read at: that they have moved, wherever they are now. */
const MOVED = Number.POSITIVE_INFINITY;

/** Whether inputs differ so much that no reading stays the same to its last bit. */
function haveMoved(before: Float64Array, now: Float64Array): boolean {
  return before.some((v, i) => {
    if (v === MOVED) return true;
    const size = Math.max(Math.abs(v), Math.abs(now[i]!));
    return Math.abs(now[i]! - v) > INPUT_MOVED * size;
  });
}

/** What the channels of a sample say, and what is remembered of those that repeat themselves. */
export interface HeardChannels extends Pick<FilterState, 'repeats' | 'heldInputs' | 'faults'> {
  /** Measured values; `NaN` where there is none, or its channel is frozen. */
  heard: Float64Array;
  /** The same without channels that are left out as faulty. */
  measured: Float64Array;
}

/**
 * Hears a sample: a channel that repeats one value to the last bit, while others or the inputs move,
 * says nothing.
 *
 * @param before the state that the sample comes to
 */
export function hearChannels(
  before: Pick<FilterState, 'lastValue' | 'repeats' | 'heldInputs' | 'leftOut'>,
  { measured, inputs }: Sample,
): HeardChannels {
  const repeats = Float64Array.from(measured, (v, i) =>
    v === before.lastValue[i] ? before.repeats[i]! + 1 : 0,
  );
  const moving = repeats.filter((r, i) => r === 0 && Number.isFinite(measured[i]!)).length;
  const heldInputs = repeats.some((r) => r > 0) ? before.heldInputs : inputs.slice();
  const driven = moving === 0 && haveMoved(heldInputs, inputs);
  const frozen = (i: number) =>
    repeats[i]! >= FROZEN_REPEATS && (moving * 2 >= measured.length || driven);
  // What was found frozen is until it moves, though a switch is back where it was.
  const isFound = driven && repeats.some((_, i) => frozen(i));
  const heard = measured.map((v, i) => (Number.isFinite(v) && !frozen(i) ? v : NaN));
  return {
    heard,
    measured: heard.map((v, i) => (isLeftOut(before.leftOut, i) ? NaN : v)),
    repeats,
    heldInputs: isFound ? heldInputs.map(() => MOVED) : heldInputs,
    faults: repeats.map((_, i) => (frozen(i) ? 1 : 0)),
  };
}
