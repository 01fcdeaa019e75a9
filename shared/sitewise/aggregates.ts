import {
  BatchGetAssetPropertyAggregatesCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { type Quality, secondsToNs } from '../core/index.js';
import { toTwinError } from './errors.js';

/** Entries in one batch request for aggregates, and aggregates in one page: SiteWise's limits. */
const MAX_ENTRIES_PER_AGGREGATES = 16;
const MAX_AGGREGATES_PER_PAGE = 4000;

/** The widths that SiteWise aggregates over, seconds, the finest first. */
export const RESOLUTION_S = { '1m': 60, '15m': 900, '1h': 3600, '1d': 86_400 } as const;
export type Resolution = keyof typeof RESOLUTION_S;

/** More intervals than a chart has points tell nothing more. */
const MAX_INTERVALS = 1000;

/** The finest resolution that keeps a span, seconds, to at most 1000 intervals; days at most. */
export function resolutionFor(spanS: number): Resolution {
  const names = Object.keys(RESOLUTION_S) as Resolution[];
  return names.find((name) => spanS / RESOLUTION_S[name] <= MAX_INTERVALS) ?? '1d';
}

/** What a stream did in one interval. */
export interface Aggregate {
  /** Inclusive, epoch nanoseconds; whole multiples of the resolution since 1970. */
  startNs: bigint;
  /** Exclusive. */
  endNs: bigint;
  /** Of GOOD and UNCERTAIN values; absent where the interval has BAD ones only. */
  values?: { average: number; minimum: number; maximum: number; count: number };
}

/** Which aggregates to read. */
export interface AggregatesQuery {
  aliases: readonly string[];
  /** Whole intervals from the one that holds this instant, epoch nanoseconds … */
  fromNs: bigint;
  /** … to the one that ends at or before this. */
  untilNs: bigint;
  resolution: Resolution;
  signal?: AbortSignal | undefined;
}

/** Aggregates of streams. */
export interface AggregatesAnswer {
  /** In ascending time; a stream that has none is absent. */
  aggregates: Map<string, Aggregate[]>;
  /** Streams that SiteWise aggregates nothing of, as those of no asset, with its reason. */
  refused: Map<string, string>;
}

const QUALITIES: readonly Quality[] = ['GOOD', 'UNCERTAIN', 'BAD'];
const NOT_AGGREGATED = new Set(['ResourceNotFoundException', 'InvalidRequestException']);

/**
 * Reads averages, minima and maxima of intervals by alias, 16 streams a call and one quality a request:
 * what is GOOD and what is UNCERTAIN are joined by their counts, BAD ones only mark the interval.
 *
 * @throws TwinError `ACCESS_DENIED`, `THROTTLED`, `NETWORK`, `VALUE_INVALID`
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_BatchGetAssetPropertyAggregates.html
 */
export async function readAggregates(
  client: IoTSiteWiseClient,
  query: AggregatesQuery,
): Promise<AggregatesAnswer> {
  const found = new Map<string, Map<bigint, Aggregate>>();
  const refused = new Map<string, string>();
  const aliases = [...new Set(query.aliases)];
  try {
    for (let i = 0; i < aliases.length; i += MAX_ENTRIES_PER_AGGREGATES) {
      for (const quality of QUALITIES) {
        const chunk = aliases
          .slice(i, i + MAX_ENTRIES_PER_AGGREGATES)
          .filter((a) => !refused.has(a));
        if (chunk.length > 0) await readPages(client, query, chunk, quality, found, refused);
      }
    }
  } catch (error) {
    throw toTwinError(error, 'Reading aggregates from SiteWise failed');
  }
  const aggregates = new Map<string, Aggregate[]>();
  for (const [alias, intervals] of found) {
    const list = [...intervals.values()];
    aggregates.set(
      alias,
      list.sort((a, b) => (a.startNs < b.startNs ? -1 : 1)),
    );
  }
  return { aggregates, refused };
}

async function readPages(
  client: IoTSiteWiseClient,
  { fromNs, untilNs, resolution, signal }: AggregatesQuery,
  aliases: readonly string[],
  quality: Quality,
  found: Map<string, Map<bigint, Aggregate>>,
  refused: Map<string, string>,
): Promise<void> {
  const widthNs = secondsToNs(RESOLUTION_S[resolution]);
  const firstNs = (fromNs / widthNs) * widthNs;
  const lastNs = (untilNs / widthNs) * widthNs;
  if (lastNs <= firstNs) return;
  let nextToken: string | undefined;
  do {
    const response = await client.send(
      new BatchGetAssetPropertyAggregatesCommand({
        entries: aliases.map((propertyAlias, i) => ({
          entryId: String(i),
          propertyAlias,
          aggregateTypes: ['AVERAGE', 'MINIMUM', 'MAXIMUM', 'COUNT'],
          resolution,
          // An aggregate carries its interval's end: exclusive here, inclusive there.
          startDate: new Date(Number(firstNs / 1_000_000n)),
          endDate: new Date(Number(lastNs / 1_000_000n)),
          qualities: [quality],
          timeOrdering: 'ASCENDING',
        })),
        maxResults: MAX_AGGREGATES_PER_PAGE,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    for (const { entryId, errorCode, errorMessage } of response.errorEntries ?? []) {
      const alias = aliases[Number(entryId)] ?? '';
      if (!NOT_AGGREGATED.has(errorCode ?? '')) {
        throw toTwinError({ name: errorCode, message: errorMessage }, `Aggregates of ${alias}`);
      }
      refused.set(alias, `${errorCode}: ${errorMessage}`);
    }
    for (const { entryId, aggregatedValues } of response.successEntries ?? []) {
      const alias = aliases[Number(entryId)] ?? '';
      const intervals = found.get(alias) ?? new Map<bigint, Aggregate>();
      for (const { timestamp, value } of aggregatedValues ?? []) {
        if (timestamp === undefined) continue;
        const endNs = BigInt(timestamp.getTime()) * 1_000_000n;
        if (endNs <= firstNs || endNs > lastNs) continue;
        const interval = intervals.get(endNs) ?? { startNs: endNs - widthNs, endNs };
        if (quality !== 'BAD' && value !== undefined) join(interval, value);
        intervals.set(endNs, interval);
      }
      if (intervals.size > 0) found.set(alias, intervals);
    }
    nextToken = response.nextToken;
  } while (nextToken !== undefined);
}

/** Adds what values of another quality did in the interval. */
function join(
  interval: Aggregate,
  more: {
    average?: number | undefined;
    minimum?: number | undefined;
    maximum?: number | undefined;
    count?: number | undefined;
  },
): void {
  const { average, minimum, maximum } = more;
  if (average === undefined || minimum === undefined || maximum === undefined) return;
  const count = more.count ?? 1;
  const known = interval.values;
  if (known === undefined) {
    interval.values = { average, minimum, maximum, count };
    return;
  }
  const all = known.count + count;
  interval.values = {
    average: (known.average * known.count + average * count) / all,
    minimum: Math.min(known.minimum, minimum),
    maximum: Math.max(known.maximum, maximum),
    count: all,
  };
}
