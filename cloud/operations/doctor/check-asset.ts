import { assetStreams, type TwinDefinition, twinStreams } from '../../../shared/config/index.js';
import { type ErrorCode, nsToSeconds, type Tqv, TwinError } from '../../../shared/core/index.js';
import type { AssetDescription, SiteWiseReader } from '../../../shared/sitewise/index.js';
import { type Check, duration, failed, few, ok, warning } from './check.js';

/** How old things may be. */
export interface Freshness {
  /** The newest reading of a stream, seconds. */
  dataS: number;
  /** The newest result of a calibration, seconds. */
  resultsS: number;
}

/** What the checks of an asset look at. */
export interface AssetLooks {
  describe(assetId: string, alias: string): Promise<AssetDescription>;
  reader: SiteWiseReader;
  nowNs: bigint;
  freshness: Freshness;
}

/**
 * Whether an asset is there with its streams, its readings are fresh, and its results follow.
 *
 * @param twin with the asset's own aliases
 */
export async function checkAsset(
  assetId: string,
  twin: TwinDefinition,
  looks: AssetLooks,
): Promise<Check[]> {
  const checks = await checkStreams(assetId, twin, looks);
  const streams = twinStreams(twin);
  let latest: Map<string, Tqv>;
  try {
    latest = await looks.reader.latest(streams.map((s) => s.alias));
  } catch (error) {
    return [...checks, toFailure('data', assetId, error)];
  }
  const optional = new Set(twin.inputs.flatMap((i) => (i.value === undefined ? [] : [i.alias])));
  const machine = streams.filter((s) => s.origin === 'machine');
  return [
    ...checks,
    ...checkData(
      assetId,
      machine.map((s) => s.alias).filter((alias) => latest.has(alias) || !optional.has(alias)),
      latest,
      looks,
    ),
    checkResults(
      assetId,
      streams.filter((s) => s.origin === 'twin').map((s) => s.alias),
      latest,
      looks,
    ),
  ];
}

/** A fault of SiteWise as a check. */
export function toFailure(area: Check['area'], subject: string, error: unknown): Check {
  if (!(error instanceof TwinError)) throw error;
  const remedies: Partial<Record<ErrorCode, string>> = {
    ACCESS_DENIED: 'Check the credentials and their policy.',
    NOT_FOUND: 'Deploy the asset, or make it with `twinloop feed --create`.',
    THROTTLED: 'Wait, and look again: SiteWise has more requests than its quota.',
    NETWORK: 'Check the endpoint, the region and the way there.',
  };
  const code: ErrorCode = error.code;
  return failed(area, subject, error.message, remedies[code] ?? 'See the message.');
}

async function checkStreams(
  assetId: string,
  twin: TwinDefinition,
  looks: AssetLooks,
): Promise<Check[]> {
  let asset: AssetDescription;
  try {
    asset = await looks.describe(assetId, twin.measured[0]?.alias ?? '');
  } catch (error) {
    return [toFailure('asset', assetId, error)];
  }
  if (asset.state !== 'ACTIVE') {
    return [
      failed(
        'asset',
        assetId,
        `is ${asset.state}, not ACTIVE`,
        'Wait for SiteWise; if it has FAILED, its status in the console tells why.',
      ),
    ];
  }
  const there = new Map(asset.streams.map((s) => [s.alias, s]));
  const wanted = assetStreams(twin);
  const missing = wanted.filter((s) => !there.has(s.alias)).map((s) => s.alias);
  const mistyped = wanted.filter((s) => {
    const found = there.get(s.alias);
    return found !== undefined && found.dataType !== s.dataType;
  });
  const checks: Check[] = [];
  if (missing.length > 0) {
    checks.push(
      failed(
        'asset',
        assetId,
        `${missing.length} of ${wanted.length} aliases are no property of it: ${few(missing)}`,
        'Deploy again, or give its properties these aliases (`twinloop feed --create` does).',
      ),
    );
  }
  for (const s of mistyped) {
    checks.push(
      failed(
        'asset',
        s.alias,
        `is of type ${there.get(s.alias)?.dataType}, expected ${s.dataType}`,
        'SiteWise does not change a type: make a new property for the alias.',
      ),
    );
  }
  return checks.length > 0
    ? checks
    : [ok('asset', assetId, `is active and has its ${wanted.length} streams`)];
}

function checkData(
  assetId: string,
  aliases: readonly string[],
  latest: ReadonlyMap<string, Tqv>,
  { nowNs, freshness }: AssetLooks,
): Check[] {
  const silent = aliases.filter((alias) => !latest.has(alias));
  const ageS = (alias: string) => nsToSeconds(nowNs - (latest.get(alias)?.timeNs ?? 0n));
  const seen = aliases.filter((alias) => latest.has(alias));
  const stale = seen.filter((alias) => ageS(alias) > freshness.dataS);
  const doubtful = seen.filter((a) => !stale.includes(a) && latest.get(a)?.quality !== 'GOOD');
  const checks: Check[] = [];
  const remedy =
    'Is the machine running? Look at the gateway with `twinloop edge status`, then at its publisher.';
  if (silent.length > 0) {
    checks.push(
      failed('data', assetId, `${silent.length} streams without any value: ${few(silent)}`, remedy),
    );
  }
  for (const alias of stale) {
    checks.push(
      failed(
        'data',
        alias,
        `newest value is ${duration(ageS(alias))} old, more than ${duration(freshness.dataS)}`,
        remedy,
      ),
    );
  }
  for (const alias of doubtful) {
    checks.push(
      warning(
        'data',
        alias,
        `newest value is ${latest.get(alias)?.quality}`,
        'Look at the sensor: a calibration leaves such values out.',
      ),
    );
  }
  if (silent.length === 0 && stale.length === 0) {
    const ages = seen.map(ageS);
    checks.unshift(
      ok(
        'data',
        assetId,
        `${seen.length} streams are fresh: ${duration(Math.min(...ages))} to ${duration(Math.max(...ages))} old`,
      ),
    );
  }
  return checks;
}

function checkResults(
  assetId: string,
  aliases: readonly string[],
  latest: ReadonlyMap<string, Tqv>,
  { nowNs, freshness }: AssetLooks,
): Check {
  const ages = aliases.flatMap((alias) => {
    const value = latest.get(alias);
    return value === undefined ? [] : [nsToSeconds(nowNs - value.timeNs)];
  });
  const remedy =
    'Is the schedule on, and do runs end well? See the runs below and the worker’s log.';
  if (ages.length === 0) {
    return failed('results', assetId, 'no calibration has written any result', remedy);
  }
  const newest = Math.min(...ages);
  if (newest > freshness.resultsS) {
    return failed(
      'results',
      assetId,
      `newest result is ${duration(newest)} old, more than ${duration(freshness.resultsS)}`,
      remedy,
    );
  }
  const missing = aliases.filter((alias) => !latest.has(alias));
  if (missing.length > 0) {
    return warning(
      'results',
      assetId,
      `${missing.length} of ${aliases.length} result streams have no value: ${few(missing)}`,
      'A virtual sensor whose value is not finite writes none; look at the asset’s newest report.',
    );
  }
  return ok(
    'results',
    assetId,
    `${ages.length} result streams, the newest ${duration(newest)} old`,
  );
}
