import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { type InputRanges, isDrivenAway } from './wild-inputs.js';
import { isErrorCode, isMachine, type WildValues } from './wild-values.js';

/** A value of a measured variable that is an error code. */
export interface ErrorCode {
  channel: number;
  timeS: number;
  value: number;
}

/** Values from which the range of what came before tells an error code. */
const LEAST_SEEN = 8;

/**
 * A sample with the error codes among its measured values as missing ones: ten times as large as all before,
 * and ten ranges away (−9999, 65535). What then is as large but another value is the machine, as where an
 * input or most sensors go where they never were.
 *
 * @param early whether a value is an error code by what comes after it, for channels of which little came before
 */
export function withoutCodes<S extends Sample>(
  ranges: InputRanges,
  sample: S,
  early: (channel: number) => boolean,
): { sample: S; codes: ErrorCode[] } {
  const { timeS, measured } = sample;
  const suspects = [...measured.keys()].filter((c) => {
    const known = ranges.measured[c];
    const value = measured[c]!;
    if (!Number.isFinite(value)) return false;
    if ((known?.seen ?? 0) < LEAST_SEEN) return early(c);
    const { from = 0, to = 0, aside = value, gone } = known!;
    return gone === undefined && aside === value && isErrorCode({ from, to }, value);
  });
  if (suspects.length === 0) return { sample, codes: [] };
  const isKnown = (c: number) => ranges.measured[c]?.aside !== undefined;
  const isTold = (c: number) => (ranges.measured[c]?.seen ?? 0) >= LEAST_SEEN;
  const away = ranges.driven === true || isDrivenAway(ranges, sample);
  const mayBeMachine =
    isMachine(suspects.length, measured.length) ||
    (away && suspects.some((c) => isTold(c) && !isKnown(c)));
  if (mayBeMachine && !suspects.every(isKnown)) return { sample, codes: [] };
  const coded = new Set(suspects);
  return {
    sample: { ...sample, measured: measured.map((v, c) => (coded.has(c) ? Number.NaN : v)) },
    codes: suspects.map((channel) => ({ channel, timeS, value: measured[channel]! })),
  };
}

/** What error codes were found in a span, as they are named. */
export function errorCodesWithin(
  { measured }: TwinDefinition,
  ranges: InputRanges,
  codes: readonly ErrorCode[],
  fromS: number,
  toS: number,
): WildValues[] {
  return measured.flatMap(({ variable }, c) => {
    const values = codes.flatMap(({ channel, timeS, value }) =>
      channel === c && timeS >= fromS && timeS <= toS ? [{ timeS, value }] : [],
    );
    const { from = Number.NaN, to = Number.NaN } = ranges.measured[c] ?? {};
    return values.length === 0 ? [] : [{ variable, values, from, to }];
  });
}
