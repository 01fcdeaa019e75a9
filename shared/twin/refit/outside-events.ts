import type { Sample } from '../types.js';

/** Times after `sinceS` and up to `untilS`, s. */
export interface Span {
  sinceS: number;
  untilS: number;
}

const isIn = (spans: readonly Span[], timeS: number) =>
  spans.some(({ sinceS, untilS }) => timeS > sinceS && timeS <= untilS);

/** The same samples, with what was measured during events as missing: it is not the model's. */
export function withoutEvents(
  window: readonly Sample[],
  spans: readonly Span[],
): readonly Sample[] {
  if (!window.some(({ timeS }) => isIn(spans, timeS))) return window;
  return window.map((sample) =>
    isIn(spans, sample.timeS)
      ? { ...sample, measured: sample.measured.map(() => Number.NaN) }
      : sample,
  );
}

/**
 * The samples outside of events, for a fit that begins anew after each of these as after a gap; undefined where no
 * sample lies in one, or the newest does.
 */
export function aroundEvents(
  window: readonly Sample[],
  spans: readonly Span[],
): readonly Sample[] | undefined {
  const newest = window.at(-1);
  if (newest === undefined || isIn(spans, newest.timeS)) return undefined;
  const around = window.flatMap((sample, k): Sample[] => {
    if (isIn(spans, sample.timeS)) return [];
    const before = window[k - 1];
    if (before === undefined || !isIn(spans, before.timeS)) return [sample];
    // What inputs were since the last sample of the event tells nothing of those before.
    const { between: _, ...after } = sample;
    return [after];
  });
  return around.length < window.length ? around : undefined;
}
