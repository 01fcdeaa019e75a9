import type { TwinDefinition } from '../../shared/config/index.js';
import { secondsToNs, type Tqv, TwinError } from '../../shared/core/index.js';
import type { SiteWiseReader } from '../../shared/sitewise/index.js';
import { ledgerAliases, type Mark } from '../../shared/twin/index.js';

export type Streams = Map<string, Tqv[]>;

/** A window with fewer values than this is followed by one so many times as long. */
const SPARSE_VALUES = 1000;
const WINDOW_GROWTH = 4;

/** What reading an asset's streams needs. */
export interface StreamSource {
  assetId: string;
  definition: TwinDefinition;
  reader: SiteWiseReader;
  readWindowS: number;
  signal: AbortSignal;
}

/**
 * Reads all streams of an asset, window by window.
 *
 * @param afterNs exclusive
 * @param untilNs inclusive
 * @throws TwinError `NOT_FOUND` when SiteWise knows none of them; as the reader
 */
export async function* readWindows(
  source: StreamSource,
  afterNs: bigint,
  untilNs: bigint,
): AsyncGenerator<{ streams: Streams; endNs: bigint; last: boolean }> {
  const { assetId, signal } = source;
  const aliases = ledgerAliases(source.definition);
  let windowS = source.readWindowS;
  while (afterNs < untilNs) {
    let endNs = afterNs + secondsToNs(windowS);
    if (endNs > untilNs) endNs = untilNs;
    const streams = await source.reader.history({
      aliases,
      afterNs,
      untilNs: endNs,
      // The estimator leaves out what is not GOOD anyway; each quality would be a request.
      qualities: ['GOOD'],
      // A stream may be new. But an asset of which none is known is not set up, or was removed.
      missing: 'empty',
      onMissing: (unknown) => {
        if (unknown.length < aliases.length) return;
        throw new TwinError(
          'NOT_FOUND',
          `SiteWise knows none of the streams of ${assetId} (${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ', …' : ''}): check the asset's aliases, and aliasPrefix in the fleet.`,
        );
      },
      signal,
    });
    let count = 0;
    for (const values of streams.values()) count += values.length;
    // After a pause there is little to read in much time.
    if (count < SPARSE_VALUES) windowS *= WINDOW_GROWTH;
    yield { streams, endNs, last: endNs === untilNs };
    afterNs = endNs;
  }
}

const isNumber = (t: Tqv | undefined): t is Tqv & { value: number } =>
  t !== undefined && t.quality === 'GOOD' && typeof t.value === 'number';

/**
 * The values that inputs have at an instant, however long ago they were sent: from history, and where
 * that no longer has them, from the latest values.
 *
 * @param aliases inputs whose value is not known
 */
export async function inputsBefore(
  source: StreamSource,
  aliases: readonly string[],
  atNs: bigint,
): Promise<Mark['inputs']> {
  const found: Record<string, { timeNs: bigint; value: number }> = {};
  if (aliases.length === 0) return found;
  const history = await newestOf(source, aliases, atNs);
  for (const [alias, values] of history) {
    const value = values.findLast(isNumber);
    if (value !== undefined) found[alias] = { timeNs: value.timeNs, value: value.value };
  }
  const rest = aliases.filter((alias) => found[alias] === undefined);
  if (rest.length === 0) return found;
  for (const [alias, value] of await source.reader.latest(rest, source.signal)) {
    if (isNumber(value) && value.timeNs <= atNs) {
      found[alias] = { timeNs: value.timeNs, value: value.value };
    }
  }
  return found;
}

/** The time of the newest reading of a sensor up to an instant; undefined where history has none. */
export async function newestBefore(
  source: StreamSource,
  atNs: bigint,
): Promise<bigint | undefined> {
  const sensors = source.definition.measured.map((m) => m.alias);
  let newest: bigint | undefined;
  for (const values of (await newestOf(source, sensors, atNs)).values()) {
    const timeNs = values.findLast(isNumber)?.timeNs;
    if (timeNs !== undefined && (newest === undefined || timeNs > newest)) newest = timeNs;
  }
  return newest;
}

/** The newest value of each stream up to an instant, as history has it. */
const newestOf = (source: StreamSource, aliases: readonly string[], atNs: bigint) =>
  source.reader.history({
    aliases,
    afterNs: 0n,
    untilNs: atNs,
    qualities: ['GOOD'],
    newest: true,
    missing: 'empty',
    signal: source.signal,
  });
