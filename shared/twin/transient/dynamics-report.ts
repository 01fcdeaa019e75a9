import { secondsText } from '../../core/index.js';
import { openFmu, stateAccess } from '../../fmi/index.js';
import type { Twin, TwinModel } from '../types.js';
import { settlingTimeS } from './settling-time.js';

/** What a twin's FMU allows transient mode to do. */
export interface DynamicsReport {
  mode: 'steady-state' | 'transient' | 'auto';
  interface: 'cs' | 'me';
  /** Names of the continuous states. */
  states: string[];
  /** Whether transient mode works with the definition's interface. */
  transient: boolean;
  /** Why it doesn't, and whether the other interface would do. */
  obstacle?: string;
  otherInterface?: 'cs' | 'me';
  /** Seconds in which the model comes to rest; for twins whose mode is `auto`. */
  settlingTimeS?: number;
}

/**
 * Looks at an FMU's states.
 *
 * @param inputs at which the settling time of mode `auto` is measured
 * @throws TwinError what `openFmu` and the model throw
 */
export async function dynamicsReport(
  twin: Twin,
  model: TwinModel,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<DynamicsReport> {
  const { mode, interface: type } = twin.definition.simulation;
  const { modelDescription } = await openFmu(twin.fmuPath);
  const { states, obstacle } = stateAccess(modelDescription, type);
  const other = type === 'cs' ? 'me' : 'cs';
  const elsewhere = stateAccess(modelDescription, other).obstacle === undefined;
  const settling =
    mode === 'auto' && model.transient !== undefined
      ? (twin.definition.transient.settlingTimeS ??
        (await settlingTimeS(twin, model.transient, inputs, signal)))
      : undefined;
  return {
    mode,
    interface: type,
    states: states.map((v) => v.name),
    transient: obstacle === undefined,
    ...(obstacle === undefined ? {} : { obstacle }),
    ...(obstacle !== undefined && elsewhere ? { otherInterface: other } : {}),
    ...(settling === undefined ? {} : { settlingTimeS: settling }),
  };
}

/** The report for people. */
export function dynamicsLines(report: DynamicsReport): string[] {
  const { states } = report;
  if (!report.transient) {
    const remedy =
      report.otherInterface === undefined
        ? ''
        : `; with simulation.interface "${report.otherInterface}" it would do`;
    return [`Transient mode: not with this FMU, as ${report.obstacle}${remedy}.`];
  }
  const few = states.length <= 6 ? states.join(', ') : `${states.slice(0, 5).join(', ')}, …`;
  const lines = [
    `Transient mode: possible; the FMU's ${states.length} continuous states can be set (${few}).`,
  ];
  if (report.settlingTimeS !== undefined) {
    lines.push(
      `The model comes to rest in about ${secondsText(Number(report.settlingTimeS.toPrecision(2)))}.`,
    );
  }
  return lines;
}
