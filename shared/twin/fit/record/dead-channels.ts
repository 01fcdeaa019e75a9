import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { type FitRecord, rangeOf } from './record.js';

/** Channels that hold no value, or one value only. */
export function deadChannels(twin: Twin, record: FitRecord): Set<number> {
  return new Set(
    twin.definition.measured.flatMap((_, c) => {
      const range = rangeOf(record, c);
      const many = record.timesS.length > 2;
      return Number.isNaN(range) || (range === 0 && many) ? [c] : [];
    }),
  );
}

/** The record with some channels' values missing. */
export function withoutChannels(record: FitRecord, dead: ReadonlySet<number>): FitRecord {
  if (dead.size === 0) return record;
  const data = record.data.map((v, i) => (dead.has(i % record.channels) ? Number.NaN : v));
  return { ...record, data };
}

/** What dead channels say against a fit; nothing of a record that has no samples to tell of them. */
export function deadFindings(twin: Twin, record: FitRecord, dead: ReadonlySet<number>): Finding[] {
  if (record.timesS.length === 0) return [];
  const { measured } = twin.definition;
  const names = [...dead].map((c) => measured[c]!.variable);
  if (dead.size === measured.length) {
    return [
      {
        grade: 'unusable',
        reason: `no measured variable has values that move: ${names.join(', ')}`,
      },
    ];
  }
  return names.map((name) => ({
    grade: 'care',
    reason: `${name} holds no value, or one value throughout, and was left out: is the sensor connected?`,
    about: [name],
  }));
}
