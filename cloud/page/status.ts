import type { TimeMap } from '../../shared/core/index.js';
import type { CalibrationRun } from './browser/protocol.js';

/** What SiteWise does not hold, and whoever runs the page knows. */
export interface PageStatus {
  /** The edge component's own figures; left out while it is away. */
  edge?: { queueDepth: number; published: number; dropped: number; healthy: boolean };
  /** Values that no sensor shows, by variable: only a simulated machine knows them. */
  truth?: Readonly<Record<string, number>>;
  /** The last runs of the calibration, oldest first. */
  calibrations: readonly CalibrationRun[];
  /** Where the parts of the stack listen, for the curious. */
  endpoints: Readonly<Record<string, string>>;
  /** The machine's own time, seconds; left out for a real machine. */
  machineTimeS?: number;
  /** Seconds of the machine per second of wall time. */
  timeScale?: number;
  /** How timestamps relate to the machine's time; left out, the present scale is taken for all. */
  timeMap?: TimeMap;
}

/** The map of a machine that tells only its present time and scale. */
export function timeMapFrom(status: PageStatus, nowNs: bigint): TimeMap | undefined {
  const { machineTimeS, timeScale } = status;
  if (machineTimeS === undefined || timeScale === undefined) return undefined;
  return { segments: [{ wallNs: nowNs, machineS: machineTimeS, scale: timeScale }] };
}
