import type { EdgeSample } from '../../../edge-component/outbox/record.js';

/** When the tests' time begins. */
export const T0 = 1_800_000_000_000_000_000n;

/** The i-th of many good samples, a nanosecond apart, of three streams in turn. */
export const sample = (i: number, change: Partial<EdgeSample> = {}): EdgeSample => ({
  alias: `/s${i % 3}`,
  timeNs: T0 + BigInt(i),
  quality: 'GOOD',
  value: i,
  dataType: 'DOUBLE',
  ...change,
});
