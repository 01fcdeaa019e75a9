import type { TwinDefinition } from '../../config/index.js';
import { partitionPoint } from '../../core/index.js';
import type { Sample } from '../types.js';
import { isErrorCode, isLarge, isNoReading, MOST_IN_A_ROW } from './no-readings.js';
import { type InputRanges, isDrivenAway } from './wild-inputs.js';
import { isMachine, type WildValues } from './wild-values.js';

/** A value of a measured variable that is an error code. */
export interface ErrorCode {
  channel: number;
  timeS: number;
  value: number;
}

/** Values from which the range of what came before tells an error code. */
const LEAST_SEEN = 8;

/**
 * A sample with the error codes among its measured values as missing ones: what devices send for none, or the same
 * value ten times as large as all before and ten ranges away, for a few samples. What stays there for longer, or
 * varies, is the machine, as where an input or most sensors go where they never were.
 *
 * @param early whether a value is an error code by what comes after it, for channels of which little came before
 */
export function withoutCodes<S extends Sample>(
  ranges: InputRanges,
  sample: S,
  early: (channel: number) => boolean,
): { sample: S; codes: ErrorCode[] } {
  const { timeS, measured } = sample;
  const suspects = [...measured.keys()].flatMap((channel) => {
    const value = measured[channel]!;
    const known = ranges.measured[channel];
    const { from = 0, to = 0, seen = 0, gone } = known ?? {};
    const aside = known?.aside === value;
    if (Number.isNaN(value)) return [];
    if (isNoReading(value) && seen > 0 && isLarge({ from, to }, value)) {
      return [{ channel, isSure: true }];
    }
    if (seen < LEAST_SEEN) return early(channel) ? [{ channel, isSure: true }] : [];
    const isOne =
      gone === undefined && (known?.aside === undefined || (aside && known.times! < MOST_IN_A_ROW));
    return isOne && isErrorCode({ from, to }, value) ? [{ channel, isSure: aside }] : [];
  });
  const mayBeMachine =
    isMachine(suspects.length, measured.length) ||
    ranges.driven === true ||
    isDrivenAway(ranges, sample);
  const coded = new Set(
    suspects.flatMap(({ channel, isSure }) => (isSure || !mayBeMachine ? [channel] : [])),
  );
  if (coded.size === 0) return { sample, codes: [] };
  return {
    sample: { ...sample, measured: measured.map((v, c) => (coded.has(c) ? Number.NaN : v)) },
    codes: [...coded].map((channel) => ({ channel, timeS, value: measured[channel]! })),
  };
}

/**
 * What error codes were found in a span, as they are named.
 *
 * @param codes in order of time: each sample asks for its own
 */
export function errorCodesWithin(
  { measured }: TwinDefinition,
  ranges: InputRanges,
  codes: readonly ErrorCode[],
  fromS: number,
  toS: number,
): WildValues[] {
  const until = (isBefore: (timeS: number) => boolean) =>
    partitionPoint(codes.length, (k) => isBefore(codes[k]!.timeS));
  const within = codes.slice(
    until((t) => t < fromS),
    until((t) => t <= toS),
  );
  return measured.flatMap(({ variable }, c) => {
    const values = within.flatMap(({ channel, timeS, value }) =>
      channel === c ? [{ timeS, value }] : [],
    );
    const { from = Number.NaN, to = Number.NaN } = ranges.measured[c] ?? {};
    return values.length === 0 ? [] : [{ variable, values, from, to }];
  });
}
