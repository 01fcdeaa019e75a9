import { nsToSeconds, secondsToNs, TwinError } from '../../../shared/core/index.js';
import type { SiteWiseReader } from '../../../shared/sitewise/index.js';
import { ledgerAliases, type Twin } from '../../../shared/twin/index.js';
import { type AssetState, type Reconciled, reconcileStreams } from '../../worker/index.js';
import { type Check, duration, failed, few, ok, warning } from './check.js';
import { toFailure } from './check-asset.js';
import type { GatewayStatus } from './check-edge.js';

const sum = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((a, b) => a + b, 0);
const named = (counts: Readonly<Record<string, number>>) =>
  few(Object.entries(counts).map(([alias, n]) => `${n} of ${alias}`));

/** What an asset's part of the way is followed with. */
export interface WayLooks {
  reader: SiteWiseReader;
  nowNs: bigint;
  /** Readings may wait so long for the next run, seconds. */
  waitS: number;
  signal: AbortSignal;
}

/** From SiteWise to the estimate: whether each reading around the watermark is accounted for. */
export async function checkTaken(
  assetId: string,
  twin: Twin,
  state: AssetState,
  looks: WayLooks,
): Promise<Check[]> {
  const source = {
    assetId,
    definition: twin.definition,
    reader: looks.reader,
    readWindowS: 3600,
    signal: looks.signal,
  };
  let found: Reconciled;
  try {
    found = await reconcileStreams(source, state, looks.nowNs);
  } catch (error) {
    if (!(error instanceof TwinError)) throw error;
    // What is not allowed is the probes' business.
    return error.code === 'ACCESS_DENIED' ? [] : [toFailure('way', assetId, error)];
  }
  return [takenCheck(assetId, state, found, looks)];
}

function takenCheck(assetId: string, state: AssetState, found: Reconciled, looks: WayLooks): Check {
  const ageS = nsToSeconds(looks.nowNs - state.watermarkNs);
  const [untaken, changed, waiting] = [found.untaken, found.changed, found.waiting].map(sum);
  if (untaken! > 0) {
    return warning(
      'way',
      assetId,
      `SiteWise → estimate: ${untaken} readings came behind the estimate and are not taken yet (${named(found.untaken)})`,
      'The next run takes them in their place; where they stay, look at the runs below.',
    );
  }
  if (changed! > 0) {
    return warning(
      'way',
      assetId,
      `SiteWise → estimate: ${changed} readings were changed or removed in SiteWise after they had been taken (${named(found.changed)})`,
      'The next run takes the new values in their place. Find out who writes to these streams.',
    );
  }
  const more = found.more ? 'at least ' : '';
  if (waiting! > 0 && ageS > looks.waitS) {
    return failed(
      'way',
      assetId,
      `SiteWise → estimate: ${more}${waiting} readings wait, the estimate is ${duration(ageS)} old (${named(found.waiting)})`,
      'Runs fail, lack an input, or take longer than their schedule: see the runs below.',
    );
  }
  return ok(
    'way',
    assetId,
    `SiteWise → estimate: ${sum(found.taken)} readings of the last ${duration(nsToSeconds(state.watermarkNs - found.fromNs))} before the estimate are all accounted for, ${more}${waiting} wait for the next run`,
  );
}

/** Values that may be between two counters at the moment of the look. */
const ON_THE_WAY = 1000;
/** Values of more than so long are not counted, seconds. */
const MOST_COUNTED_S = 6 * 3600;

/**
 * From the sensors to SiteWise, by the gateway's own counters: the first place where values are
 * missing.
 *
 * @param twins the assets' twins, with their own aliases
 */
export async function checkSent(
  status: GatewayStatus,
  twins: readonly Twin[],
  looks: WayLooks,
): Promise<Check> {
  const of = (key: 'received' | 'forwarded' | 'overrun') =>
    status.sources.reduce((n, s) => n + (s[key] ?? 0), 0);
  const [received, forwarded, overrun] = [of('received'), of('forwarded'), of('overrun')];
  const dead = sum(status.deadLettered);
  if (status.ledger === undefined) {
    return warning(
      'way',
      'gateway',
      'the gateway keeps no ledger of its values',
      'Deploy the edge component of this release: it accounts for every value.',
    );
  }
  const { gaps } = status.ledger;
  if (gaps.length > 0) {
    return failed(
      'way',
      'gateway',
      `sensor → outbox → SiteWise: the gateway’s ledger does not add up: ${gaps.join('; ')}`,
      'Values are missing there: see `twinloop edge status` and the gateway’s log.',
    );
  }
  if (overrun > 0) {
    return failed(
      'way',
      'gateway',
      `sensor → outbox: of ${forwarded + overrun} values ${overrun} were given up because they could not be stored in time`,
      'Look at the gateway’s disk, and at `twinloop edge status`.',
    );
  }
  const unreadable = status.outbox?.unreadable ?? 0;
  if (unreadable > 0) {
    return failed(
      'way',
      'gateway',
      `outbox: ${unreadable} values could not be read`,
      'The queue was damaged; what is readable is sent.',
    );
  }
  if (dead + status.dropped > 0) {
    return failed(
      'way',
      'gateway',
      `outbox → SiteWise: ${dead} values were refused and set aside, ${status.dropped} dropped because the outbox was full`,
      'The dead letter files name the reasons; they are ready for a bulk import.',
    );
  }
  const startedAtMs = Date.parse(status.component?.startedAt ?? '');
  if (!Number.isFinite(startedAtMs) || received === 0) {
    return ok('way', 'gateway', `${received} values came from sensors, none is missing there`);
  }
  const startNs = BigInt(startedAtMs) * 1_000_000n;
  const way = `sensor ${received} → outbox ${forwarded} → sent ${status.published ?? 0}`;
  if (looks.nowNs - startNs > secondsToNs(MOST_COUNTED_S)) {
    return ok('way', 'gateway', `${way}, ${status.queueDepth} wait: nothing is missing there`);
  }
  let stored = 0;
  try {
    for (const { definition } of twins) {
      const streams = await looks.reader.history({
        aliases: ledgerAliases(definition),
        afterNs: startNs,
        untilNs: looks.nowNs,
        missing: 'empty',
        signal: looks.signal,
      });
      for (const values of streams.values()) stored += values.length;
    }
  } catch (error) {
    if (!(error instanceof TwinError)) throw error;
    return toFailure('way', 'gateway', error);
  }
  const due = status.published ?? forwarded - status.queueDepth;
  const text = `${way} → SiteWise ${stored}; ${status.queueDepth} wait in the outbox`;
  return stored + ON_THE_WAY < due
    ? warning(
        'way',
        'gateway',
        `outbox → SiteWise: ${due - stored} values that were sent are not in the fleet’s streams (${text})`,
        'Does the gateway read signals of no asset of this fleet? If not, look at SiteWise Edge: it may hold them back.',
      )
    : ok('way', 'gateway', text);
}
