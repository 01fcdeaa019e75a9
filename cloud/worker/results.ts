import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import type { StreamTqv } from '../../shared/core/index.js';
import {
  ALARM_MEANINGS,
  type Alarm,
  type Estimate,
  type StepResult,
} from '../../shared/twin/index.js';
import type { PendingResults } from './state.js';

/** SiteWise takes strings of at most so many bytes. */
const MAX_STRING_BYTES = 1024;

const URGENCY = { alarm: 0, warning: 1, note: 2 } as const;

/**
 * Alarms as text that SiteWise takes, the most urgent first: as many as fit, notes with their
 * messages only where there is room left.
 */
export function formatAlarms(alarms: readonly Alarm[]): string {
  const urgency = ({ code }: Alarm) => URGENCY[ALARM_MEANINGS[code].level];
  const sorted = [...alarms].sort((a, b) => urgency(a) - urgency(b));
  const fits = (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= MAX_STRING_BYTES;
  const told: (Omit<Alarm, 'message'> & { message?: string })[] = [];
  for (const alarm of sorted) {
    const { code, subject } = alarm;
    if (urgency(alarm) < URGENCY.note && fits([...told, alarm])) told.push(alarm);
    else if (fits([...told, { code, subject }])) told.push({ code, subject });
    else break;
  }
  for (let i = 0; i < told.length; i++) {
    if (fits(told.with(i, sorted[i]!))) told[i] = sorted[i]!;
  }
  return JSON.stringify(told);
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
