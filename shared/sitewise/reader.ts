import {
  BatchGetAssetPropertyValueCommand,
  BatchGetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { nsToDate, type Quality, type Tqv, TwinError } from '../core/index.js';
import { type AggregatesAnswer, type AggregatesQuery, readAggregates } from './aggregates.js';
import { toTwinError } from './errors.js';
import { fromAssetPropertyValue } from './values.js';

/** Entries in one batch request for histories, and for latest values: SiteWise's limits. */
const MAX_ENTRIES_PER_HISTORY = 16;
const MAX_ENTRIES_PER_LATEST = 128;
/** Values in one page of a history. */
const MAX_VALUES_PER_PAGE = 20_000;
const NS_PER_MS = 1_000_000n;

/** Which values to read. */
export interface HistoryQuery {
  aliases: readonly string[];
  /** Exclusive, epoch nanoseconds. */
  afterNs: bigint;
  /** Inclusive, epoch nanoseconds. */
  untilNs: bigint;
  /** Default: all three. SiteWise reads one quality a request. */
  qualities?: readonly Quality[];
  /** Only the newest value of each stream in the range. */
  newest?: boolean;
  /** What an alias without a property means: an error (default), or a stream with no values yet. */
  missing?: 'throw' | 'empty';
  /** Told which aliases have no property or time series, where that is no error. */
  onMissing?: (aliases: readonly string[]) => void;
  signal?: AbortSignal;
}

/** Reads streams back by their alias. */
export interface SiteWiseReader {
  /**
   * Values of streams in ascending time, every alias with an array.
   *
   * @throws TwinError `NOT_FOUND` (naming the aliases), `ACCESS_DENIED`, `THROTTLED`, `NETWORK`
   */
  history(query: HistoryQuery): Promise<Map<string, Tqv[]>>;
  /**
   * The newest value of each stream; streams without any value, or unknown ones, are absent.
   *
   * @throws TwinError `ACCESS_DENIED`, `THROTTLED`, `NETWORK`
   */
  latest(aliases: readonly string[], signal?: AbortSignal): Promise<Map<string, Tqv>>;
  /**
   * Averages, minima and maxima of intervals; left out where the source computes none.
   *
   * @throws TwinError `ACCESS_DENIED`, `THROTTLED`, `NETWORK`, `VALUE_INVALID`
   */
  aggregates?(query: AggregatesQuery): Promise<AggregatesAnswer>;
}

const abortOf = (signal: AbortSignal | undefined) =>
  signal === undefined ? {} : { abortSignal: signal };

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < items.length; i += size) chunks.push(items.slice(i, i + size));
  return chunks;
}

/** A reader over the batch operations: 16 histories or 128 latest values a call. */
export function createSiteWiseReader(options: { client: IoTSiteWiseClient }): SiteWiseReader {
  const { client } = options;

  async function readHistory(
    aliases: readonly string[],
    quality: Quality,
    query: HistoryQuery,
    into: Map<string, Tqv[]>,
    missing: Set<string>,
  ): Promise<void> {
    // The SDK's dates end at milliseconds: ask for whole ones around the range, then cut.
    const startDate = nsToDate(query.afterNs);
    const endDate = nsToDate(query.untilNs + NS_PER_MS - 1n);
    let nextToken: string | undefined;
    do {
      const response = await client.send(
        new BatchGetAssetPropertyValueHistoryCommand({
          entries: aliases.map((propertyAlias, i) => ({
            entryId: String(i),
            propertyAlias,
            startDate,
            endDate,
            qualities: [quality],
            timeOrdering: query.newest === true ? 'DESCENDING' : 'ASCENDING',
          })),
          // The page's limit may be shared among the streams of a request: one stream then.
          maxResults: query.newest === true ? aliases.length : MAX_VALUES_PER_PAGE,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
        abortOf(query.signal),
      );
      for (const entry of response.successEntries ?? []) {
        const values = into.get(aliases[Number(entry.entryId)] ?? '');
        for (const value of entry.assetPropertyValueHistory ?? []) {
          const tqv = fromAssetPropertyValue(value);
          if (tqv.timeNs <= query.afterNs || tqv.timeNs > query.untilNs) continue;
          if (query.newest === true && values !== undefined && values.length > 0) continue;
          values?.push(tqv);
        }
      }
      for (const entry of response.errorEntries ?? []) {
        const alias = aliases[Number(entry.entryId)] ?? '';
        if (entry.errorCode === 'ResourceNotFoundException') missing.add(alias);
        else {
          throw toTwinError(
            { name: entry.errorCode, message: entry.errorMessage },
            `Reading the history of ${alias}`,
          );
        }
      }
      nextToken = response.nextToken;
      // A value within the last millisecond may lie beyond the range: the next page has one before.
      if (query.newest === true && aliases.every((a) => (into.get(a)?.length ?? 0) > 0)) break;
    } while (nextToken !== undefined);
  }

  return {
    async history(query) {
      const qualities = query.qualities ?? (['GOOD', 'BAD', 'UNCERTAIN'] as const);
      const values = new Map<string, Tqv[]>(query.aliases.map((alias) => [alias, []]));
      const missing = new Set<string>();
      const aliases = [...values.keys()];
      if (query.untilNs <= query.afterNs) return values;
      try {
        for (const chunk of chunksOf(
          aliases,
          query.newest === true ? 1 : MAX_ENTRIES_PER_HISTORY,
        )) {
          for (const quality of qualities) {
            await readHistory(chunk, quality, query, values, missing);
          }
        }
      } catch (error) {
        throw toTwinError(error, 'Reading histories from SiteWise failed');
      }
      if (missing.size > 0 && query.missing !== 'empty') {
        throw new TwinError(
          'NOT_FOUND',
          `SiteWise knows no property or time series by the alias ${[...missing].join(', ')}: create the asset, or check the aliases.`,
        );
      }
      if (missing.size > 0) query.onMissing?.([...missing]);
      if (qualities.length > 1) {
        for (const list of values.values()) {
          list.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
        }
      }
      return values;
    },

    aggregates: (query) => readAggregates(client, query),

    async latest(aliases, signal) {
      const values = new Map<string, Tqv>();
      try {
        for (const chunk of chunksOf([...new Set(aliases)], MAX_ENTRIES_PER_LATEST)) {
          let nextToken: string | undefined;
          do {
            const response = await client.send(
              new BatchGetAssetPropertyValueCommand({
                entries: chunk.map((propertyAlias, i) => ({ entryId: String(i), propertyAlias })),
                ...(nextToken === undefined ? {} : { nextToken }),
              }),
              abortOf(signal),
            );
            for (const entry of response.successEntries ?? []) {
              const alias = chunk[Number(entry.entryId)];
              if (alias !== undefined && entry.assetPropertyValue !== undefined) {
                values.set(alias, fromAssetPropertyValue(entry.assetPropertyValue));
              }
            }
            for (const entry of response.errorEntries ?? []) {
              if (entry.errorCode === 'ResourceNotFoundException') continue;
              throw toTwinError(
                { name: entry.errorCode, message: entry.errorMessage },
                `Reading the latest value of ${chunk[Number(entry.entryId)]}`,
              );
            }
            nextToken = response.nextToken;
          } while (nextToken !== undefined);
        }
      } catch (error) {
        throw toTwinError(error, 'Reading latest values from SiteWise failed');
      }
      return values;
    },
  };
}
