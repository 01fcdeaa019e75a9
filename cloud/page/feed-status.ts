import { durationText } from '../../shared/core/index.js';
import type { Account, Alarm, Status } from './browser/protocol.js';
import { freshnessOf } from './freshness.js';
import type { OutlookDesk } from './outlook.js';
import type { PageStatus } from './status.js';

const NO_OUTLOOK =
  'This page was started without the twin’s model and state: it shows the past only.';

/** What a feed knows of its machine besides values. */
export interface FeedKnows {
  /** The twin's. */
  name: string;
  nowMs: number;
  measuredAtMs: number | undefined;
  calibratedAtMs: number | undefined;
  /** How old the two may be, wall seconds. */
  within: { measuredS: number; calibratedS: number };
  /** Why SiteWise could not be read. */
  fault: string | undefined;
  account: Account | undefined;
  /** The part of the history that is aggregates; none where all is as it was written. */
  past: Status['past'] | null;
  /** Aliases whose last value is BAD. */
  badStreams: Iterable<string>;
  /** Of the newest calibration. */
  alarms: readonly Alarm[];
  outlook: OutlookDesk | undefined;
}

/** How a machine and the way of its data are, for the page. */
export function feedStatus(status: PageStatus, knows: FeedKnows): Status {
  const { nowMs, measuredAtMs, calibratedAtMs, within, fault, account, past, outlook } = knows;
  const timeScale = status.timeScale ?? 1;
  return {
    nowMs,
    ...(measuredAtMs === undefined ? {} : { measuredAtMs }),
    ...(calibratedAtMs === undefined ? {} : { calibratedAtMs }),
    ...(fault === undefined ? {} : { fault }),
    ...(status.machineTimeS === undefined ? {} : { machineTimeS: status.machineTimeS }),
    ...(status.timeScale === undefined ? {} : { timeScale: status.timeScale }),
    ...(status.edge === undefined ? {} : { edge: edgeFigures(status.edge) }),
    calibrations: status.calibrations,
    ...(account === undefined ? {} : { account }),
    ...(past ? { past } : {}),
    endpoints: status.endpoints,
    outlook: outlook?.status() ?? { revision: 0, fault: NO_OUTLOOK },
    freshness: freshnessOf({ nowMs, measuredAtMs, calibratedAtMs, fault }, within),
    allowed: {
      measuredS: within.measuredS * timeScale,
      calibratedS: within.calibratedS * timeScale,
    },
    alarms: [...knows.alarms, ...alarmsOfWay(status, knows), ...(outlook?.strays() ?? [])],
  };
}

/** What concerns the way of the data rather than the machine. */
function alarmsOfWay(
  status: PageStatus,
  { name, nowMs, measuredAtMs, within, badStreams }: FeedKnows,
): Alarm[] {
  const alarms: Alarm[] = [];
  const warn = (code: string, subject: string, message: string) =>
    alarms.push({ level: 'warning', code, subject, message });
  if (measuredAtMs !== undefined && nowMs - measuredAtMs > within.measuredS * 1000) {
    const seconds = Math.round((nowMs - measuredAtMs) / 1000);
    warn('stale', name, `No measurement has arrived for ${durationText(seconds)}.`);
  }
  for (const alias of badStreams) {
    warn('bad-quality', alias, 'Its source says that its last value is bad.');
  }
  const last = status.calibrations.at(-1);
  if (last !== undefined && !last.ok) {
    warn('calibration-failed', name, last.message ?? 'The last run failed.');
  }
  return alarms;
}

/** The figures that the page shows; whatever else the component tells stays here. */
function edgeFigures(edge: NonNullable<PageStatus['edge']>): NonNullable<Status['edge']> {
  const { queueDepth, published, dropped, healthy } = edge;
  return { queueDepth, published, dropped, healthy };
}
