import { secondsToNs, TwinError } from '../../shared/core/index.js';
import {
  type Aggregate,
  RESOLUTION_S,
  type Resolution,
  resolutionFor,
  type SiteWiseReader,
} from '../../shared/sitewise/index.js';
import type { Detail, Row } from './browser/protocol.js';
import { Channel } from './channel.js';
import { type StreamTarget, usableNumber } from './streams.js';

/** A span up to this is read as it was written, wall time; longer ones as aggregates. */
const RAW_NS = secondsToNs(6 * 3600);
/** Most rows of a quantity that one answer holds; past it, every second, third … is given. */
const MAX_DETAIL_ROWS = 10_000;
/** A stream counts as interrupted past so many times its usual distance: one of 20 min in intervals of 15 is not. */
const MISSED = 2;

/** Where a channel's rows go. */
type ChannelOf = (id: string) => Channel;

/**
 * Where the aggregated past ends and raw values begin: some 6 h before now, at an interval's end.
 *
 * @returns undefined where the whole history is short enough to be read as it was written
 */
export function pastOf(
  startNs: bigint,
  nowNs: bigint,
): { untilNs: bigint; resolution: Resolution } | undefined {
  const spanNs = nowNs - startNs;
  if (spanNs <= RAW_NS + secondsToNs(60)) return undefined;
  const resolution = resolutionFor(Number(spanNs / 1_000_000_000n));
  const widthNs = secondsToNs(RESOLUTION_S[resolution]);
  const untilNs = ((nowNs - RAW_NS) / widthNs) * widthNs;
  return untilNs <= startNs ? undefined : { untilNs, resolution };
}

/**
 * Puts aggregates of a stream into its channel, each in the middle of its interval. A sensor gets the
 * range of its values beside their average; ends of a band go to where they were farthest out, so that a
 * band never looks narrower than it was. What is missing stays a gap.
 */
export function placeAggregates(
  target: StreamTarget,
  aggregates: readonly Aggregate[],
  channel: Channel,
  newestNs: bigint,
  toX: (timeNs: bigint) => number,
): void {
  const first = aggregates[0];
  if (first === undefined) return;
  const widthNs = first.endNs - first.startNs;
  // The interval of the newest value is not over: what stands for it is no later than that value.
  const middle = (startNs: bigint) => {
    const endNs = [startNs + widthNs, newestNs].reduce((a, b) => (a < b ? a : b));
    return toX(startNs + (endNs - startNs) / 2n);
  };
  const steps = aggregates
    .slice(1)
    .map((a, i) => Number(a.startNs - (aggregates[i]?.startNs ?? 0n)))
    .sort((a, b) => a - b);
  // A result an hour in intervals of a minute is no gap.
  const usual = steps[steps.length >> 1] ?? Number(widthNs);
  let before: Aggregate | undefined;
  for (const aggregate of aggregates) {
    if (before !== undefined && Number(aggregate.startNs - before.startNs) > MISSED * usual) {
      channel.set(middle(before.endNs), target.column, null);
    }
    before = aggregate;
    const x = middle(aggregate.startNs);
    const { values } = aggregate;
    if (values === undefined) channel.set(x, target.column, null);
    else if (target.column !== 'value') {
      channel.set(x, target.column, target.column === 'lower' ? values.minimum : values.maximum);
    } else {
      channel.set(x, 'value', values.average);
      if (target.origin !== 'machine') continue;
      channel.set(x, 'lower', values.minimum);
      channel.set(x, 'upper', values.maximum);
    }
  }
}

/** What to read closely. */
export interface SpanQuery {
  reader: SiteWiseReader;
  targets: readonly StreamTarget[];
  fromNs: bigint;
  untilNs: bigint;
  toX: (timeNs: bigint) => number;
  signal?: AbortSignal | undefined;
}

/**
 * Reads a span of some quantities: as it was written where it is short enough, else as aggregates as
 * fine as its length allows. A stream that SiteWise does not aggregate is read raw.
 *
 * @throws TwinError as SiteWise's readers do; `VALUE_INVALID` for an empty span
 */
export async function readSpan(query: SpanQuery): Promise<Detail> {
  const { reader, targets, fromNs, untilNs, toX, signal } = query;
  if (untilNs <= fromNs) {
    throw new TwinError('VALUE_INVALID', 'A span must end after it begins: give from < to.');
  }
  const channels = new Map<string, Channel>();
  const channelOf: ChannelOf = (id) => {
    const channel = channels.get(id) ?? new Channel();
    channels.set(id, channel);
    return channel;
  };
  let left = targets;
  let resolution: Resolution | undefined;
  if (untilNs - fromNs > RAW_NS && reader.aggregates !== undefined) {
    resolution = resolutionFor(Number((untilNs - fromNs) / 1_000_000_000n));
    const { aggregates } = await reader.aggregates({
      aliases: targets.map((t) => t.alias),
      fromNs,
      untilNs,
      resolution,
      signal,
    });
    for (const target of targets) {
      const found = aggregates.get(target.alias) ?? [];
      placeAggregates(target, found, channelOf(target.channel), untilNs, toX);
    }
    left = targets.filter((t) => !aggregates.has(t.alias));
    if (left.length === targets.length) resolution = undefined;
  }
  if (left.length > 0) {
    const history = await reader.history({
      aliases: left.map((t) => t.alias),
      afterNs: fromNs - 1n,
      untilNs,
      missing: 'empty',
      ...(signal === undefined ? {} : { signal }),
    });
    for (const target of left) {
      const channel = channelOf(target.channel);
      for (const { timeNs, quality, value } of history.get(target.alias) ?? []) {
        channel.set(toX(timeNs), target.column, usableNumber(quality, value));
      }
    }
  }
  const longest = Math.max(0, ...[...channels.values()].map((c) => c.rows().length));
  const every = Math.max(1, Math.ceil(longest / MAX_DETAIL_ROWS));
  const rows: Record<string, Row[]> = {};
  for (const [id, channel] of channels) {
    rows[id] = channel.rows().filter((_, i) => i % every === 0);
  }
  return {
    fromX: toX(fromNs),
    toX: toX(untilNs),
    resolution: resolution ?? 'raw',
    every,
    channels: rows,
  };
}
