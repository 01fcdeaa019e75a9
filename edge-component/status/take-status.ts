import type { EdgeConfig } from '../../shared/config/index.js';
import { nsToDate, nsToSeconds, packageVersion } from '../../shared/core/index.js';
import type { ClockWatch } from '../clock/clock-watch.js';
import type { Outbox } from '../outbox/outbox.js';
import type { SourceLedger } from '../pipeline/source-ledger.js';
import type { Sender } from '../publishers/sender.js';
import type { SourceHealth } from '../sources/source-health.js';
import type { SourceRunner } from '../sources/source-runner.js';
import type { VirtualSensors } from '../virtual-sensors/virtual-sensors.js';
import { takeLedger } from './ledger.js';
import type { EdgeStatus } from './status.js';

const MB = 1024 * 1024;

/** What the status is taken from. */
export interface StatusParts {
  config: EdgeConfig;
  configSource: string;
  configError: string | undefined;
  state: EdgeStatus['component']['state'];
  failure: string | undefined;
  startedNs: bigint;
  nowNs: bigint;
  watch: ClockWatch;
  outbox: Outbox;
  sender: Sender;
  runners: readonly SourceRunner[];
  /** By source name, also of sources of earlier configs. */
  ledgers: ReadonlyMap<string, SourceLedger>;
  own: { stored: number; inHand: number };
  deadLettered: Readonly<Record<string, number>>;
  lettersDeleted: Readonly<Record<string, number>>;
  ratesPerS: { in: number; out: number };
  virtualSensors: VirtualSensors | undefined;
}

/** The status of a component, and whether it is healthy. */
export function takeStatus(parts: StatusParts): EdgeStatus {
  const { config, state, failure, configError, watch, outbox, nowNs, virtualSensors } = parts;
  const publisher = parts.sender.status;
  const sources = parts.runners.map((r) => r.health);
  const { oldestNs, fault, setAside, counters } = outbox;
  const { dropped, appended } = counters;
  const names = new Set(sources.map((s) => s.name));
  const ledger = takeLedger({
    sources,
    account: outbox.account,
    missingAtStart: outbox.missingAtStart,
    appended,
    own: parts.own.stored,
    ownInHand: parts.own.inHand,
    handed: [...parts.ledgers].reduce(
      (n, [name, { account }]) => (names.has(name) ? n : n + account.stored + account.made),
      0,
    ),
  });
  const twin = virtualSensors?.status;
  const lost = lossesOf(dropped, parts.lettersDeleted, sources);
  return {
    component: {
      name: 'com.twinloop.Edge',
      version: packageVersion(),
      pid: process.pid,
      startedAt: nsToDate(parts.startedNs + (watch.reading().shiftNs ?? 0n)).toISOString(),
      state,
      ...(failure === undefined ? {} : { failure }),
      configSource: parts.configSource,
      ...(configError === undefined ? {} : { configError }),
    },
    healthy:
      state !== 'failed' &&
      configError === undefined &&
      publisher.connected &&
      fault === undefined &&
      // What the far end refuses is on no dashboard: somebody has to mend that there.
      outbox.parkedDepth === 0 &&
      watch.trusted &&
      ledger.gaps.length === 0 &&
      Object.keys(lost).length === 0 &&
      (twin?.lastError ?? twin?.uncertain ?? twin?.waitingFor) === undefined &&
      sources.every((s) => (s.state === 'up' || s.state === 'stopped') && s.faults.length === 0),
    clock: watch.status,
    ledger,
    queueDepth: outbox.depth,
    oldestAgeS: oldestNs === undefined ? 0 : Math.max(0, nsToSeconds(nowNs - oldestNs)),
    published: publisher.published,
    dropped: dropped.GOOD + dropped.BAD + dropped.UNCERTAIN,
    deadLettered: { ...parts.deadLettered },
    lost,
    ratesPerS: parts.ratesPerS,
    outbox: {
      ...counters,
      bytes: outbox.bytes,
      maxBytes: config.outbox.maxMb * MB,
      parked: outbox.parkedDepth,
      ...(fault === undefined ? {} : { fault }),
      ...(setAside === undefined ? {} : { setAside }),
    },
    publisher: { type: config.publisher.type, ...publisher },
    sources,
    ...(twin === undefined ? {} : { virtualSensors: twin }),
  };
}

/** Refusals of readings that nobody asked for: the component could not keep up, or not store. */
const LOST_READINGS = ['overrun', 'not-stored'];

/** Values lost for good since the start, by reason. */
function lossesOf(
  dropped: Readonly<Record<string, number>>,
  lettersDeleted: Readonly<Record<string, number>>,
  sources: readonly SourceHealth[],
): Record<string, number> {
  const counts: [string, number][] = [
    ...Object.entries(dropped).map(([q, n]): [string, number] => [`outbox-full-${q}`, n]),
    ...Object.entries(lettersDeleted).map(([why, n]): [string, number] => [
      `dead-letter-deleted-${why}`,
      n,
    ]),
    ...LOST_READINGS.map((why): [string, number] => [
      why,
      sources.reduce((sum, { refused }) => sum + (refused[why] ?? 0), 0),
    ]),
  ];
  return Object.fromEntries(counts.filter(([, n]) => n > 0));
}
