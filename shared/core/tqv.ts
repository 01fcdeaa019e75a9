/** SiteWise's three grades of trust in a sample. */
export const QUALITIES = ['GOOD', 'BAD', 'UNCERTAIN'] as const;
export type Quality = (typeof QUALITIES)[number];

/** What a sample can carry; `null` where the source had no usable value (always of BAD quality). */
export type TqvValue = number | string | boolean | null;

/** Time, quality and value: one sample, from the sensor to the page. */
export interface Tqv<V extends TqvValue = TqvValue> {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  timeNs: bigint;
  quality: Quality;
  value: V;
}

/** A sample together with the stream it belongs to. */
export interface StreamTqv<V extends TqvValue = TqvValue> extends Tqv<V> {
  /** The SiteWise property alias, e.g. `/line1/roller1/w`. */
  alias: string;
}
