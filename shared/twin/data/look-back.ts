import type { TwinDefinition } from '../../config/index.js';
import { secondsToNs, type TimeMap, type Tqv } from '../../core/index.js';
import { lookBackS } from '../refit/schedule.js';
import { type AlignedSample, alignStreams } from './align.js';

/** How much further the next look goes where so little has come that no interval is known. */
const FURTHER = 4n;

type Streams = Map<string, Tqv[]>;

/** How much time of the clock a window of the machine's takes; undefined without an interval. */
function wantedSpanNs(
  definition: TwinDefinition,
  samples: readonly AlignedSample[],
): bigint | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || !(last.timeS > first.timeS)) return undefined;
  const spanS = last.timeS - first.timeS;
  const wantedS = lookBackS(definition, spanS / (samples.length - 1));
  return BigInt(Math.ceil((wantedS / spanS) * Number(last.timeNs - first.timeNs)));
}

/**
 * Reads measured streams as far back as a first calibration needs: a month, and further where samples come
 * so seldom that a window of constants lasts longer.
 *
 * @param read the streams after a time, up to another, epoch nanoseconds
 * @returns the streams, and the time after which they were read
 */
export async function readBack(
  definition: TwinDefinition,
  read: (afterNs: bigint, untilNs: bigint) => Promise<Streams>,
  untilNs: bigint,
  timeMap?: TimeMap,
): Promise<{ streams: Streams; afterNs: bigint }> {
  const back = (spanNs: bigint) => (spanNs < untilNs ? untilNs - spanNs : 0n);
  let afterNs = back(secondsToNs(lookBackS(definition)));
  const streams = await read(afterNs, untilNs);
  for (let found = true; found && afterNs > 0n; ) {
    const { samples } = alignStreams({
      definition,
      streams,
      untilNs,
      ...(timeMap === undefined ? {} : { timeMap }),
    });
    const wantedNs = wantedSpanNs(definition, samples) ?? (untilNs - afterNs) * FURTHER;
    const fromNs = back(wantedNs);
    if (fromNs >= afterNs) break;
    const older = await read(fromNs, afterNs);
    found = samples.length < 2;
    for (const [alias, values] of older) {
      found ||= values.length > 0;
      streams.set(alias, [...values, ...(streams.get(alias) ?? [])]);
    }
    afterNs = fromNs;
  }
  return { streams, afterNs };
}
