import { randomInt } from 'node:crypto';
import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  messageOf,
  nsToSeconds,
  secondsToNs,
  type TimeMap,
  type Tqv,
  TwinError,
  toMachineTimeS,
  toWallNs,
  wallTime,
} from '../../shared/core/index.js';
import type { Resolution, SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import { parseAccount } from './account.js';
import { Acknowledgements, type AcknowledgeRequest, toStored } from './acknowledgements.js';
import { parseAlarms } from './alarms.js';
import type {
  Account,
  Alarm,
  Detail,
  Machine,
  PageEvent,
  Row,
  Snapshot,
  Status,
  Update,
} from './browser/protocol.js';
import { Channel } from './channel.js';
import { describeMachine } from './describe-machine.js';
import { EventLog } from './event-log.js';
import { feedStatus } from './feed-status.js';
import type { OutlookDesk } from './outlook.js';
import { pastOf, placeAggregates, readSpan } from './past.js';
import { isSweep, readsOf } from './reads.js';
import { type PageStatus, timeMapFrom } from './status.js';
import type { Reading } from './strays.js';
import { type StreamTarget, streamTargets, usableNumber } from './streams.js';

export interface FeedOptions {
  reader: SiteWiseReader;
  /** Where acknowledgements go; left out, none are taken. */
  writer?: SiteWiseWriter | undefined;
  twin: TwinDefinition;
  status: () => Promise<PageStatus>;
  /** What the twin expects; left out, the page shows the past only. */
  outlook?: OutlookDesk | undefined;
  clock: Clock;
  logger: Logger;
  /** How far back the first read goes, wall seconds. */
  historyS: number;
  /** From a measurement to the result that has it, wall seconds, before the twin counts as behind. */
  calibratedWithinS: number;
  /** Wall seconds without a measurement before the machine counts as silent. */
  measuredWithinS: number;
}

/** Samples may be stamped a little ahead of this machine's clock. */
const AHEAD_NS = secondsToNs(600);

/** Reads SiteWise incrementally and keeps what the page shows. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #targets: ReadonlyMap<string, StreamTarget>;
  readonly #channels = new Map<string, Channel>();
  /** Newest timestamp read of each alias. */
  readonly #seenNs = new Map<string, bigint>();
  readonly #startNs: bigint;
  readonly #alarmAlias: string;
  readonly #ledgerAlias: string;
  readonly #badStreams = new Set<string>();
  readonly #events = new EventLog();
  readonly #acknowledgements = new Acknowledgements();
  readonly #acknowledgedAlias: string;
  /** Events with who has acknowledged them; made anew when either changes. */
  #told: { of: readonly PageEvent[]; events: readonly PageEvent[] } | undefined;
  #eventsSent: readonly PageEvent[] = [];
  #timeMap: TimeMap | undefined;
  #status: Status | undefined;
  #calibrationAlarms: Alarm[] = [];
  #account: Account | undefined;
  #fault: string | undefined;
  /** The part of the history that was read as aggregates; null: none of it. */
  #past: { untilNs: bigint; resolution: Resolution } | null | undefined;
  #polls = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#targets = new Map(streamTargets(options.twin).map((t) => [t.alias, t]));
    this.#startNs = options.clock.nowNs() - secondsToNs(options.historyS);
    const health = healthAliases(options.twin);
    this.#alarmAlias = health.alarms;
    this.#ledgerAlias = health.ledger;
    this.#acknowledgedAlias = health.acknowledged;
  }

  /** Reads what is new. A fault of SiteWise is told to the page, not thrown. */
  async poll(signal: AbortSignal): Promise<Update> {
    const status = await this.#readStatus();
    try {
      await this.#readStreams(signal);
      if (this.#fault !== undefined) this.#options.logger.info('SiteWise can be read again');
      this.#fault = undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (this.#fault === undefined) {
        this.#options.logger.warn('SiteWise could not be read', { reason: messageOf(error) });
      }
      this.#fault = messageOf(error);
    }
    this.#polls++;
    const channels: Record<string, Row[]> = {};
    for (const [id, channel] of this.#channels) {
      channel.trim();
      const rows = channel.takeChanged();
      if (rows.length > 0) channels[id] = rows;
    }
    this.#status = this.#toStatus(status);
    const events = this.events();
    const news = events === this.#eventsSent ? {} : { events };
    this.#eventsSent = events;
    return { channels, ...news, status: this.#status };
  }

  /** All that is known; undefined before the first poll. */
  snapshot(): Snapshot | undefined {
    if (this.#status === undefined) return undefined;
    const channels: Record<string, Row[]> = {};
    for (const [id, channel] of this.#channels) channels[id] = [...channel.rows()];
    const events = this.events();
    return { machine: this.#machine(), channels, events, status: this.#status };
  }

  /** What has happened, the latest beginning first, with who has acknowledged it. */
  events(): readonly PageEvent[] {
    const of = this.#events.events();
    if (this.#told?.of !== of) {
      const events = of.map((event) => {
        const acknowledged = this.#acknowledgements.of(event);
        return acknowledged.length === 0 ? event : { ...event, acknowledged };
      });
      this.#told = { of, events };
    }
    return this.#told.events;
  }

  /**
   * Writes to SiteWise who has acknowledged an event: every browser and Grafana read it there.
   *
   * @throws TwinError `ACCESS_DENIED` where this page only reads, or SiteWise refuses; `NOT_FOUND` for an
   *   event that is not known; `VALUE_INVALID`
   */
  async acknowledge(request: AcknowledgeRequest): Promise<void> {
    const { writer, clock } = this.#options;
    if (writer === undefined) {
      throw new TwinError(
        'ACCESS_DENIED',
        'This page only reads: start it with --allow-acknowledge to acknowledge alarms.',
      );
    }
    const event = this.events().find((e) => e.key === request.key);
    if (event === undefined) {
      throw new TwinError('NOT_FOUND', 'The event is not known any more: load the page again.');
    }
    // SiteWise keeps one value of an instant: two people at once must not share it.
    const timeNs = clock.nowNs() + BigInt(randomInt(1_000_000));
    const value = toStored(event, request);
    const alias = this.#acknowledgedAlias;
    const { accepted, rejected, retry } = await writer.write([
      { alias, timeNs, quality: 'GOOD', value },
    ]);
    const refused = [...rejected, ...retry][0];
    if (accepted === 0 && refused !== undefined) {
      throw new TwinError(
        refused.code === 'AccessDeniedException' ? 'ACCESS_DENIED' : 'NETWORK',
        `SiteWise did not take the acknowledgement (${refused.code}: ${refused.message}). The asset needs a property with the alias ${alias}, and this page the right to write it.`,
      );
    }
    this.#take(alias, [{ timeNs, quality: 'GOOD', value }]);
  }

  #machine(): Machine {
    const simulated = (this.#timeMap?.segments.length ?? 0) > 0;
    const machine = describeMachine(this.#options.twin, simulated ? 'machine' : 'wall');
    return { ...machine, acknowledges: this.#options.writer !== undefined };
  }

  async #readStatus(): Promise<PageStatus> {
    const { clock, logger, status: readStatus } = this.#options;
    let status: PageStatus = { calibrations: [], endpoints: {} };
    try {
      status = await readStatus();
    } catch (error) {
      logger.warn('The status could not be read', { reason: messageOf(error) });
    }
    if (status.timeMap !== undefined) this.#timeMap = status.timeMap;
    else if (this.#timeMap === undefined) this.#timeMap = timeMapFrom(status, clock.nowNs());
    const x = status.machineTimeS ?? this.#axisX(clock.nowNs());
    for (const [variable, value] of Object.entries(status.truth ?? {})) {
      this.#channel(`truth:${variable}`).set(x, 'value', Number.isFinite(value) ? value : null);
    }
    if (status.edge !== undefined) {
      this.#channel('edge:queueDepth').set(
        this.#axisX(clock.nowNs()),
        'value',
        status.edge.queueDepth,
      );
    }
    return status;
  }

  async #readStreams(signal: AbortSignal): Promise<void> {
    const { reader, clock } = this.#options;
    const aliases = [...this.#targets.keys(), this.#alarmAlias, this.#acknowledgedAlias];
    const latest = await reader.latest([...aliases, this.#ledgerAlias], signal);
    this.#account = parseAccount(latest.get(this.#ledgerAlias));
    this.#calibrationAlarms = parseAlarms(latest.get(this.#alarmAlias)?.value);
    if (this.#past === undefined) await this.#readPast(latest, signal);
    for (const alias of aliases) {
      const quality = latest.get(alias)?.quality;
      if (quality === 'BAD') this.#badStreams.add(alias);
      else if (quality !== undefined) this.#badStreams.delete(alias);
    }
    // Texts are never aggregated: of them all is read.
    for (const origin of ['machine', 'twin', 'texts'] as const) {
      const own = aliases.filter((a) => (this.#targets.get(a)?.origin ?? 'texts') === origin);
      const again = origin === 'machine' && isSweep(this.#polls);
      for (const group of readsOf(own, latest, this.#seenNs, this.#startNs, again)) {
        const untilNs = clock.nowNs() + AHEAD_NS;
        const history = await reader.history({ ...group, untilNs, missing: 'empty', signal });
        for (const [alias, values] of history) this.#take(alias, values);
      }
    }
  }

  /** Reads what is older than some hours as aggregates, once; streams without any are read raw. */
  async #readPast(latest: ReadonlyMap<string, Tqv>, signal: AbortSignal): Promise<void> {
    const { reader, clock, logger } = this.#options;
    const past = pastOf(this.#startNs, clock.nowNs());
    const targets = [...this.#targets.values()].filter((t) => latest.has(t.alias));
    // Without a value there is no past yet: asked again with the next poll.
    if (targets.length === 0) return;
    if (past === undefined || reader.aggregates === undefined) {
      this.#past = null;
      return;
    }
    const { untilNs, resolution } = past;
    const aliases = targets.map((t) => t.alias);
    const query = { aliases, fromNs: this.#startNs, untilNs, resolution, signal };
    let answer: Awaited<ReturnType<typeof reader.aggregates>>;
    try {
      answer = await reader.aggregates(query);
    } catch (error) {
      if ((error as TwinError).code !== 'ACCESS_DENIED') throw error;
      logger.warn('Aggregates may not be read: the past is read raw, which takes longer', {
        reason: messageOf(error),
        remedy: 'allow iotsitewise:BatchGetAssetPropertyAggregates',
      });
      this.#past = null;
      return;
    }
    for (const target of targets) {
      const found = answer.aggregates.get(target.alias);
      const newest = latest.get(target.alias);
      if (found === undefined || newest === undefined) continue;
      const channel = this.#channel(target.channel);
      placeAggregates(target, found, channel, newest.timeNs, (ns) => this.#axisX(ns));
      // What is shown as the last value is the last value, not an average.
      if (newest.timeNs < untilNs) this.#take(target.alias, [newest]);
      else this.#seenNs.set(target.alias, untilNs - 1n);
    }
    this.#past = answer.aggregates.size === 0 ? null : past;
  }

  /**
   * Reads a span of some channels closely.
   *
   * @throws TwinError `VALUE_INVALID` for a span or channel that there is not; as SiteWise's readers do
   */
  async span(fromX: number, toX: number, channels: readonly string[]): Promise<Detail> {
    const { reader, clock } = this.#options;
    const targets = [...this.#targets.values()].filter((t) => channels.includes(t.channel));
    const unknown = channels.filter((id) => !targets.some((t) => t.channel === id));
    if (unknown.length > 0 || channels.length === 0) {
      throw new TwinError('VALUE_INVALID', `There is no channel ${unknown.join(', ') || 'named'}.`);
    }
    const map = this.#timeMap ?? wallTime;
    const latestNs = clock.nowNs() + AHEAD_NS;
    const within = (ns: bigint) => (ns < 0n ? 0n : ns > latestNs ? latestNs : ns);
    return readSpan({
      reader,
      targets,
      fromNs: within(toWallNs(map, fromX)),
      untilNs: within(toWallNs(map, toX)),
      toX: (ns) => this.#axisX(ns),
    });
  }

  /** Alarms come from the calibration, as what it estimates; what people write is neither's. */
  #originOf(alias: string): StreamTarget['origin'] {
    return this.#targets.get(alias)?.origin ?? 'twin';
  }

  #take(alias: string, values: readonly Tqv[]): void {
    const target = this.#targets.get(alias);
    const channel = target && this.#channel(target.channel);
    for (const { timeNs, quality, value } of values) {
      const x = this.#axisX(timeNs);
      const timeMs = nsToSeconds(timeNs) * 1000;
      if (alias === this.#acknowledgedAlias) {
        if (this.#acknowledgements.take(timeNs, value)) this.#told = undefined;
        continue;
      }
      if (target === undefined) {
        this.#events.take(x, parseAlarms(value), timeMs);
        continue;
      }
      channel?.set(x, target.column, usableNumber(quality, value));
    }
    const newest = values.at(-1)?.timeNs;
    const seen = this.#seenNs.get(alias);
    if (newest !== undefined && (seen === undefined || newest > seen)) {
      this.#seenNs.set(alias, newest);
    }
  }

  #channel(id: string): Channel {
    let channel = this.#channels.get(id);
    if (channel === undefined) {
      channel = new Channel();
      this.#channels.set(id, channel);
    }
    return channel;
  }

  /** Milliseconds are what sensors are stamped with; finer digits would only cost bytes. */
  #axisX(timeNs: bigint): number {
    return Math.round(toMachineTimeS(this.#timeMap ?? wallTime, timeNs) * 1000) / 1000;
  }

  #newestMs(origin: StreamTarget['origin']): number | undefined {
    let newest: bigint | undefined;
    for (const [alias, seen] of this.#seenNs) {
      if (this.#originOf(alias) !== origin || alias === this.#acknowledgedAlias) continue;
      if (newest === undefined || seen > newest) newest = seen;
    }
    return newest === undefined ? undefined : nsToSeconds(newest) * 1000;
  }

  /** The newest usable readings of inputs and sensors, by channel. */
  readings(): Map<string, Reading> {
    const found = new Map<string, Reading>();
    for (const [id, channel] of this.#channels) {
      if (!id.startsWith('measured:') && !id.startsWith('input:')) continue;
      const [last, before] = channel.rows().slice(-2).reverse();
      if (typeof last?.[1] !== 'number') continue;
      found.set(id, { x: last[0], value: last[1], before: before?.[1] ?? undefined });
    }
    return found;
  }

  /** Changes with each calibration whose results were read. */
  get calibrationKey(): string {
    return String(this.#newestMs('twin') ?? '');
  }

  #toStatus(status: PageStatus): Status {
    const { clock, twin, outlook, measuredWithinS, calibratedWithinS } = this.#options;
    return feedStatus(status, {
      name: twin.name,
      nowMs: nsToSeconds(clock.nowNs()) * 1000,
      measuredAtMs: this.#newestMs('machine'),
      calibratedAtMs: this.#newestMs('twin'),
      within: { measuredS: measuredWithinS, calibratedS: calibratedWithinS },
      fault: this.#fault,
      account: this.#account,
      past: this.#past && {
        untilX: this.#axisX(this.#past.untilNs),
        resolution: this.#past.resolution,
      },
      badStreams: this.#badStreams,
      alarms: this.#calibrationAlarms,
      outlook,
    });
  }
}
