import { KIND, type StoredValue } from '../../store/block.js';
import { compareTimes, type StoredTime } from '../../store/value-store.js';
import type { Account } from '../account.js';
import { type ComputedProperty, computedProperty } from '../formulas/computed.js';
import type { Stream } from './stream.js';

/** A run of values, in the order asked for, handed over one by one until it returns false. */
export type Visit = (value: StoredValue) => boolean;

/** Numbers with their times: what aggregates and formulas work on. */
export type VisitNumber = (seconds: number, nanos: number, number: number) => boolean;

/** The formula behind a stream, for transforms and metrics; undefined for what is stored. */
function computed(account: Account, stream: Stream): ComputedProperty | undefined {
  return stream.asset === undefined || stream.property === undefined
    ? undefined
    : computedProperty(account, stream.asset, stream.property);
}

/**
 * Hands over a stream's values of one quality in [from, to], stored or computed alike.
 *
 * @param quality its code; undefined for every quality
 */
export function scanStream(
  account: Account,
  stream: Stream,
  from: StoredTime,
  to: StoredTime,
  descending: boolean,
  quality: number | undefined,
  visit: Visit,
): void {
  if (compareTimes(from, to) > 0) return;
  const formula = computed(account, stream);
  if (formula !== undefined) {
    formula.scan(from, to, descending, (v) =>
      quality === undefined || v.quality === quality ? visit(v) : true,
    );
    return;
  }
  if (stream.series === undefined) return;
  account.values.scan(stream.series, from, to, descending, (block, low, high) => {
    for (let i = low; i < high; i++) {
      const row = descending ? low + high - 1 - i : i;
      if (quality !== undefined && block.quality(row) !== quality) continue;
      if (!visit(block.row(row))) return false;
    }
    return true;
  });
}

/** As {@link scanStream}, ascending and numbers only: without an object per value. */
export function scanNumbers(
  account: Account,
  stream: Stream,
  from: StoredTime,
  to: StoredTime,
  quality: number,
  visit: VisitNumber,
): void {
  if (compareTimes(from, to) > 0) return;
  const formula = computed(account, stream);
  if (formula !== undefined) {
    formula.scan(from, to, false, (v) =>
      v.quality === quality && v.kind <= KIND.boolean ? visit(v.seconds, v.nanos, v.number) : true,
    );
    return;
  }
  if (stream.series === undefined) return;
  account.values.scan(stream.series, from, to, false, (block, low, high) => {
    const { seconds, nanos, numbers } = block;
    for (let row = low; row < high; row++) {
      if (block.quality(row) !== quality || block.kind(row) > KIND.boolean) continue;
      const number = numbers[row] ?? 0;
      if (Number.isNaN(number)) continue;
      if (!visit(seconds[row] ?? 0, nanos[row] ?? 0, number)) return false;
    }
    return true;
  });
}

/** The newest value of a stream at or before a time. */
export function latestOf(
  account: Account,
  stream: Stream,
  atOrBefore?: StoredTime,
  quality?: number,
): StoredValue | undefined {
  const formula = computed(account, stream);
  if (formula !== undefined) return formula.latest(atOrBefore);
  return stream.series === undefined
    ? undefined
    : account.values.latest(stream.series, atOrBefore, quality);
}
