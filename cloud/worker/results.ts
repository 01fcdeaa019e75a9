import type { Alarm, Estimate, StepResult } from '../../shared/calibration/index.js';
import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import type { StreamTqv } from '../../shared/core/index.js';
import type { PendingResults } from './state.js';

/** SiteWise takes strings of at most so many bytes. */
const MAX_STRING_BYTES = 1024;

/** Alarms as text that SiteWise takes: as many as fit, with their messages while there is room. */
export function formatAlarms(alarms: readonly Alarm[]): string {
  const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  if (bytes(alarms) <= MAX_STRING_BYTES) return JSON.stringify(alarms);
  const short: Omit<Alarm, 'message'>[] = [];
  for (const { code, subject } of alarms) {
    if (bytes([...short, { code, subject }]) > MAX_STRING_BYTES) break;
    short.push({ code, subject });
  }
  return JSON.stringify(short);
}

/** The streams that a calibration writes, in the order of {@link resultRow}'s values. */
export function resultAliases(twin: TwinDefinition): string[] {
  const health = healthAliases(twin);
  return [
    ...[...twin.parameters, ...twin.virtualSensors].flatMap(({ alias }) => [
      alias,
      `${alias}_lower`,
      `${alias}_upper`,
    ]),
    ...twin.measured.flatMap(({ alias }) => [
      `${alias}_estimate`,
      `${alias}_lower`,
      `${alias}_upper`,
    ]),
    health.nis,
    health.alarms,
  ];
}

/** What a step found, one value per stream. */
export function resultRow(twin: TwinDefinition, result: StepResult): (number | string | null)[] {
  const finite = (value: number | undefined) =>
    value !== undefined && Number.isFinite(value) ? value : null;
  const triple = (e: Estimate | undefined) => [
    finite(e?.mean),
    finite(e?.lower95),
    finite(e?.upper95),
  ];
  return [
    ...twin.parameters.flatMap((p) => triple(result.parameters[p.variable])),
    ...twin.virtualSensors.flatMap((v) => triple(result.virtualSensors[v.variable])),
    ...twin.measured.flatMap((m) => triple(result.measured[m.variable])),
    finite(result.nis),
    formatAlarms(result.alarms),
  ];
}

/** Pending results as samples to write. */
export function toStreamTqvs(pending: PendingResults): StreamTqv[] {
  const samples: StreamTqv[] = [];
  pending.aliases.forEach((alias, i) => {
    for (const { timeNs, values } of pending.rows) {
      const value = values[i];
      if (value !== undefined && value !== null) {
        samples.push({ alias, timeNs, quality: 'GOOD', value });
      }
    }
  });
  return samples;
}
