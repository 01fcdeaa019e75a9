import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  messageOf,
  nsToSeconds,
  type Tqv,
} from '../../shared/core/index.js';
import type { SiteWiseReader } from '../../shared/sitewise/index.js';
import { parseAlarms } from './alarms.js';
import type { AssetSummary, FleetSummary } from './browser/protocol.js';
import { labelOf } from './describe-machine.js';
import { freshnessOf } from './freshness.js';
import type { Pace, PageAsset } from './rooms.js';
import { siblingsOf } from './siblings.js';

export interface FleetWatchOptions {
  reader: SiteWiseReader;
  assets: readonly PageAsset[];
  pace: Pace;
  clock: Clock;
  logger: Logger;
}

/** A summary is read anew when it is asked for and older than so many polls. */
const POLLS_OLD = 5;
/** The first read is waited for so long. */
const FIRST_READ_MS = 1000;

const nowMsOf = (clock: Clock) => nsToSeconds(clock.nowNs()) * 1000;

/** What to know of every machine of a fleet, read while somebody asks. */
export class FleetWatch {
  readonly #options: FleetWatchOptions;
  readonly #stop = new AbortController();
  #summary: FleetSummary | undefined;
  #reading: Promise<void> | undefined;

  constructor(options: FleetWatchOptions) {
    this.#options = options;
  }

  /** The newest summary; the first takes a read of SiteWise. */
  async summary(): Promise<FleetSummary> {
    const { clock, pace, assets } = this.#options;
    const ageMs = nowMsOf(clock) - (this.#summary?.nowMs ?? Number.NEGATIVE_INFINITY);
    if (ageMs > POLLS_OLD * pace.pollIntervalMs) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
    }
    // Whoever asks again is shown what is known, while it is read anew.
    if (this.#summary === undefined) await this.#readOrWaited();
    return this.#summary ?? { nowMs: nowMsOf(clock), assets: [], of: assets.length };
  }

  /** The first read, but no longer than a reader waits gladly: the page then says what it waits for. */
  async #readOrWaited(): Promise<void> {
    const waited = new AbortController();
    const wait = this.#options.clock.sleep(FIRST_READ_MS, waited.signal).catch(() => {});
    await Promise.race([this.#reading, wait]);
    waited.abort();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { reader, assets, clock, logger } = this.#options;
    const { signal } = this.#stop;
    const nowMs = nowMsOf(clock);
    try {
      const latest = await reader.latest(
        assets.flatMap((a) => aliasesOf(a.twin)),
        signal,
      );
      const summaries = assets.map((asset) => this.#summarise(asset, latest, nowMs));
      const differing = siblingsOf(assets, latest);
      this.#summary = {
        nowMs,
        of: assets.length,
        assets: summaries.map((s) => ({ ...s, differs: differing.get(s.id) })),
      };
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('The fleet could not be read', { reason: messageOf(error) });
      const known = this.#summary ?? { assets: [], of: assets.length };
      this.#summary = { ...known, nowMs, fault: messageOf(error) };
    }
  }

  #summarise(asset: PageAsset, latest: ReadonlyMap<string, Tqv>, nowMs: number): AssetSummary {
    const { twin } = asset;
    const { pace } = this.#options;
    const newestMs = (aliases: readonly string[]) => {
      const times = aliases.flatMap((alias) => {
        const at = latest.get(alias)?.timeNs;
        return at === undefined ? [] : [nsToSeconds(at) * 1000];
      });
      return times.length === 0 ? undefined : Math.max(...times);
    };
    const measuredAtMs = newestMs(twin.measured.map((s) => s.alias));
    const calibratedAtMs = newestMs(twin.parameters.map((s) => s.alias));
    const alarms = parseAlarms(latest.get(healthAliases(twin).alarms)?.value);
    const count = (level: string) => alarms.filter((a) => a.level === level).length;
    return {
      id: asset.id,
      twin: twin.name,
      freshness: freshnessOf(
        { nowMs, measuredAtMs, calibratedAtMs },
        { measuredS: pace.measuredWithinS, calibratedS: pace.calibratedWithinS },
      ),
      measuredAtMs,
      calibratedAtMs,
      alarms: count('alarm'),
      warnings: count('warning'),
      worst: worstOf(twin, latest),
    };
  }
}

function aliasesOf(twin: TwinDefinition): string[] {
  const limited = twin.virtualSensors.filter((s) => s.alarm !== undefined);
  return [...twin.measured, ...twin.parameters, ...limited]
    .map((s) => s.alias)
    .concat(healthAliases(twin).alarms);
}

/** The quantity that is nearest to its limit, or farthest beyond it: share 1 at the limit. */
function worstOf(twin: TwinDefinition, latest: ReadonlyMap<string, Tqv>): AssetSummary['worst'] {
  let worst: AssetSummary['worst'];
  for (const s of [...twin.parameters, ...twin.virtualSensors]) {
    const value = latest.get(s.alias)?.value;
    if (s.alarm === undefined || typeof value !== 'number' || !Number.isFinite(value)) continue;
    for (const [limit, share] of [
      [s.alarm.above, shareAbove(value, s.alarm.above)],
      [s.alarm.below, shareBelow(value, s.alarm.below)],
    ] as const) {
      if (limit === undefined || share === undefined || share <= (worst?.share ?? -1)) continue;
      worst = { label: s.label ?? labelOf(s.variable, s.unit), unit: s.unit, value, limit, share };
    }
  }
  return worst;
}

const shareAbove = (value: number, limit: number | undefined) =>
  limit === undefined || limit <= 0 ? undefined : Math.max(0, value / limit);
const shareBelow = (value: number, limit: number | undefined) =>
  limit === undefined || limit <= 0 || value <= 0 ? undefined : limit / value;
