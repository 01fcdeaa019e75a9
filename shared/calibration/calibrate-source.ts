import { readFile } from 'node:fs/promises';
import { aliasPrefix, withAliasPrefix } from '../config/index.js';
import {
  type CommandIo,
  decodeTimeMap,
  messageOf,
  nsToDate,
  systemClock,
  type TimeMap,
  TwinError,
  wallTime,
} from '../core/index.js';
import { keySegment } from '../storage/index.js';
import { alignStreams } from './align.js';
import type { CalibratorState, Sample, Twin } from './types.js';

/** A twin on one asset, and the key that the asset's states are kept under. */
export interface AssetTwin {
  twin: Twin;
  asset: string;
}

/**
 * The twin with the aliases of the asset that a stream belongs to: what the definition's aliases
 * have in common gives way to what the stream begins with.
 *
 * @param alias of any of the asset's streams, e.g. `/line2/roller1/w`
 * @throws TwinError `NOT_FOUND` when no stream of the twin ends like it
 */
export function twinOfAsset(twin: Twin, alias: string): AssetTwin {
  const { definition } = twin;
  const own = aliasPrefix(definition);
  const known = [
    ...definition.inputs,
    ...definition.measured,
    ...definition.parameters,
    ...definition.virtualSensors,
  ].flatMap((s) => (s.alias?.startsWith(`${own}/`) ? [s.alias.slice(own.length)] : []));
  const tail = known.find((t) => alias.endsWith(t));
  if (tail === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `--asset is "${alias}": expected the alias of one of the twin's streams on that asset, ending in ${known.slice(0, 3).join(', ')} …`,
    );
  }
  const prefix = alias.slice(0, alias.length - tail.length);
  if (prefix === own) return { twin, asset: definition.name };
  return {
    twin: { ...twin, definition: withAliasPrefix(definition, prefix) },
    asset: keySegment(`${definition.name}@${prefix}`),
  };
}

async function timeMapOf(path: unknown): Promise<TimeMap> {
  if (typeof path !== 'string') return wallTime;
  try {
    return decodeTimeMap(await readFile(path, 'utf8'), path);
  } catch (cause) {
    if (cause instanceof TwinError) throw cause;
    throw new TwinError('FILE_NOT_FOUND', `No time map at ${path}: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

/**
 * What SiteWise has of a twin's streams since a state's watermark, as samples. Nothing is written
 * back: that is the worker's part.
 *
 * @param args `endpoint`, `region`, `since` (epoch nanoseconds), `timeMap` of the command
 * @throws TwinError `NOT_FOUND` where the asset or a measured stream is missing, `ACCESS_DENIED`,
 *   `THROTTLED`, `NETWORK`
 */
export async function readAsset(
  twin: Twin,
  alias: string,
  state: CalibratorState | undefined,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<Sample[]> {
  const { definition } = twin;
  // Loaded here: other commands need no AWS SDK.
  const { createSiteWiseClient, createSiteWiseReader, describeAssetByAlias } = await import(
    '../sitewise/index.js'
  );
  const endpoint = (args.endpoint as string | undefined) ?? io.env.TWINLOOP_SITEWISE_ENDPOINT;
  const region =
    (args.region as string | undefined) ?? io.env.AWS_REGION ?? io.env.AWS_DEFAULT_REGION;
  const timeMap = await timeMapOf(args.timeMap);
  const client = createSiteWiseClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
  });
  try {
    const asset = await describeAssetByAlias(client, alias);
    const there = new Set(asset.streams.map((s) => s.alias));
    const missing = definition.measured.filter((m) => !there.has(m.alias)).map((m) => m.alias);
    if (missing.length > 0) {
      throw new TwinError(
        'NOT_FOUND',
        `The asset ${asset.name} has no ${missing.join(', ')}: the twin measures them. Give the asset these aliases, or mend the twin definition.`,
      );
    }
    const reader = createSiteWiseReader({ client });
    const untilNs = systemClock.nowNs();
    const sinceNs = args.since as bigint;
    const afterNs = state === undefined || state.timeNs === 0n ? sinceNs : state.timeNs;
    const common = { untilNs, missing: 'empty' as const, signal: io.signal };
    const streams = await reader.history({
      ...common,
      aliases: definition.measured.map((m) => m.alias),
      afterNs,
      qualities: ['GOOD'],
    });
    const inputs = definition.inputs.flatMap((i) =>
      i.value === undefined && i.alias !== undefined ? [i.alias] : [],
    );
    if (inputs.length > 0) {
      // An input holds its last value: it may be older than the newest state.
      const held = await reader.history({
        ...common,
        aliases: inputs,
        afterNs: sinceNs < afterNs ? sinceNs : afterNs,
        qualities: ['GOOD'],
      });
      for (const [name, values] of held) streams.set(name, values);
    }
    const { samples } = alignStreams({ definition, streams, afterNs, untilNs, timeMap });
    if (samples.length === 0) {
      io.logger.info('SiteWise has no newer values', { since: nsToDate(afterNs).toISOString() });
    }
    return samples;
  } finally {
    client.destroy();
  }
}
