import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import { systemClock, type Tqv } from '../../shared/core/index.js';
import type { Ledger } from '../../shared/twin/index.js';
import { accountFor, usedBy } from './accounting.js';
import type { Stack } from './stack.js';

/** An estimate as SiteWise has it, with the truth where a simulator knows it. */
export interface SummaryEstimate {
  mean: number;
  lower95: number;
  upper95: number;
  truth?: number;
}

/** What `up --json` prints in the end. */
export interface StackSummary {
  endpoints: Stack['endpoints'];
  published: number;
  stored: number;
  lost: number;
  duplicated: number;
  /** Values in SiteWise that the estimate has not used, for whatever reason. */
  unused: number;
  /** The fate of every reading and sample; `null` before the first calibration. */
  ledger: Ledger | null;
  calibrations: number;
  steps: number;
  parameters: Record<string, SummaryEstimate>;
  virtualSensors: Record<string, SummaryEstimate>;
  alarms: unknown[];
  secondsToFirstCalibration: number | null;
  peakRssMb: number | null;
  /** What the roles of a deployment were refused; with `--from` only. */
  denied?: string[];
}

/** Reads the state of the loop back from SiteWise, as any client would. */
export async function summarise(
  stack: Stack,
  peakRssMb: number | undefined,
): Promise<StackSummary> {
  const { definition } = stack.twin;
  const { reader, plant } = stack;
  const untilNs = systemClock.nowNs();
  const accounting = await accountFor({ twin: definition, plant, reader, untilNs });
  const { alarms } = healthAliases(definition);
  const estimates = [...definition.parameters, ...definition.virtualSensors];
  const latest = await reader.latest([
    ...estimates.flatMap((s) => [s.alias, `${s.alias}_lower`, `${s.alias}_upper`]),
    alarms,
  ]);
  const { calibrations } = stack;
  const denied = stack.denied();
  return {
    endpoints: stack.endpoints,
    ...accounting,
    ...(await usedBy(stack, untilNs)),
    calibrations: calibrations.calibrations,
    steps: calibrations.steps,
    parameters: estimatesOf(definition.parameters, latest, stack),
    virtualSensors: estimatesOf(definition.virtualSensors, latest, stack),
    alarms: parseAlarms(latest.get(alarms)),
    secondsToFirstCalibration: calibrations.secondsToFirst ?? null,
    peakRssMb: peakRssMb ?? null,
    ...(denied === undefined ? {} : { denied }),
  };
}

function estimatesOf(
  streams: readonly TwinDefinition['virtualSensors'][number][] | TwinDefinition['parameters'],
  latest: ReadonlyMap<string, Tqv>,
  stack: Stack,
): Record<string, SummaryEstimate> {
  const result: Record<string, SummaryEstimate> = {};
  for (const { variable, alias } of streams) {
    const value = (name: string) => latest.get(name)?.value;
    const [mean, lower95, upper95] = ['', '_lower', '_upper'].map((s) => value(alias + s));
    if (typeof mean !== 'number' || typeof lower95 !== 'number' || typeof upper95 !== 'number') {
      continue;
    }
    // The truth of the same instant: the machine has moved on since.
    const timeNs = latest.get(alias)?.timeNs;
    const truth = timeNs === undefined ? undefined : stack.plant.truthAt(timeNs)?.[variable];
    result[variable] = { mean, lower95, upper95, ...(truth === undefined ? {} : { truth }) };
  }
  return result;
}

function parseAlarms(tqv: Tqv | undefined): unknown[] {
  if (typeof tqv?.value !== 'string') return [];
  const alarms: unknown = JSON.parse(tqv.value);
  return Array.isArray(alarms) ? alarms : [];
}

/** What keeps a run from counting as whole, a sentence each. */
export function shortfalls(summary: StackSummary): string[] {
  const { lost, duplicated, unused, denied = [] } = summary;
  return [
    lost > 0 ? `${lost} values that the machine showed are not in SiteWise.` : '',
    duplicated > 0 ? `${duplicated} values are in SiteWise twice, or were never shown.` : '',
    unused > 0 ? `${unused} values in SiteWise were not used by the estimate.` : '',
    ...denied.map((what) => `DENIED ${what}`),
  ].filter((text) => text !== '');
}
