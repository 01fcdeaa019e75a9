import type { Freshness } from './browser/protocol.js';

/** What freshness is judged by; instants in milliseconds since 1970. */
export interface Instants {
  nowMs: number;
  /** Newest measurement. */
  measuredAtMs?: number | undefined;
  /** Sample that the newest result belongs to. */
  calibratedAtMs?: number | undefined;
  /** Why SiteWise could not be read, when it could not. */
  fault?: string | undefined;
}

/** How long each may take before what is shown counts as old, seconds. */
export interface Allowed {
  /** Between two measurements. */
  measuredS: number;
  /** From a measurement to the result that has it: schedule, settling and run time. */
  calibratedS: number;
}

/** @returns how far what the twin says may be taken for the present, and why not where it may not */
export function freshnessOf(at: Instants, allowed: Allowed): Freshness {
  const { nowMs, measuredAtMs, calibratedAtMs, fault } = at;
  if (fault !== undefined) {
    return {
      state: 'unread',
      text: `SiteWise cannot be read: ${fault} What is shown is what was read last.`,
    };
  }
  if (measuredAtMs === undefined) {
    return { state: 'waiting', text: 'Nothing has been measured yet.' };
  }
  const silentS = (nowMs - measuredAtMs) / 1000;
  if (silentS > allowed.measuredS) {
    return {
      state: 'silent',
      text: `No measurement for ${inWords(silentS)}: what is shown was true then. Values wait on the gateway and come later; check the gateway and its connection.`,
    };
  }
  if (calibratedAtMs === undefined) {
    return { state: 'learning', text: 'Sensors are live; the first calibration has not ended.' };
  }
  const behindS = (measuredAtMs - calibratedAtMs) / 1000;
  if (behindS > allowed.calibratedS) {
    return {
      state: 'behind',
      text: `Sensors are live; what the twin says is ${inWords(behindS)} old. The calibration has fallen behind: it takes longer than its schedule, fails, or lacks an input.`,
    };
  }
  return { state: 'live', text: 'Sensors and twin are up to date.' };
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
