import type { Decisions } from '../../config/index.js';
import { TwinError, unknownNames } from '../../core/index.js';
import type { Limits } from '../forecast/first-passage.js';
import type { Twin } from '../types.js';

/** A limit that a plan keeps, and where its quantity is found. */
export interface PlannedLimit {
  variable: string;
  limits: Limits;
  /** Place among the parameters, or among the model's outputs. */
  parameter?: number;
  output?: number;
}

/** What a plan adds up: a parameter or an output by its place, an input by its name, or money. */
export type Summed =
  | { kind: 'cost' }
  | { kind: 'input'; index: number }
  | { kind: 'parameter'; index: number }
  | { kind: 'output'; index: number };

/** The limits that decisions name, or those that they mean by naming none. @throws TwinError */
export function plannedLimits(twin: Twin, decisions: Decisions): PlannedLimit[] {
  const { parameters, virtualSensors, measured } = twin.definition;
  const all: PlannedLimit[] = [
    ...virtualSensors.flatMap(({ variable, alarm }, i) =>
      alarm === undefined ? [] : [{ variable, limits: alarm, output: measured.length + i }],
    ),
    ...parameters.flatMap(({ variable, alarm }, i) =>
      alarm === undefined ? [] : [{ variable, limits: alarm, parameter: i }],
    ),
  ];
  const { limits } = decisions;
  if (limits === undefined) {
    const sensors = all.filter((l) => l.output !== undefined);
    return sensors.length > 0 ? sensors : all;
  }
  requireKnown(
    'decisions.limits',
    limits,
    all.map((l) => l.variable),
    'quantity with an `alarm`',
  );
  return all.filter((l) => limits.includes(l.variable));
}

/** What the objective adds up. @throws TwinError `VARIABLE_UNKNOWN` */
export function summedOf(twin: Twin, of: string): Summed {
  if (of === 'cost') return { kind: 'cost' };
  const { inputs, parameters, measured, virtualSensors } = twin.definition;
  const place = (items: readonly { variable: string }[]) =>
    items.findIndex((item) => item.variable === of);
  if (place(inputs) >= 0) return { kind: 'input', index: place(inputs) };
  if (place(parameters) >= 0) return { kind: 'parameter', index: place(parameters) };
  const outputs = [...measured, ...virtualSensors];
  const known = ['cost', ...[...inputs, ...parameters, ...outputs].map((i) => i.variable)];
  requireKnown('decisions.objective.of', [of], known, 'variable');
  return { kind: 'output', index: place(outputs) };
}

/** @throws TwinError `VARIABLE_UNKNOWN` naming what is not there, and what is */
export function requireKnown(
  where: string,
  names: readonly string[],
  known: readonly string[],
  what: string,
): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new TwinError(
    'VARIABLE_UNKNOWN',
    `${where} names ${unknownNames(unknown, known)}: the twin has no such ${what}; expected some of ${known.join(', ') || 'none: give one an `alarm` first'}.`,
  );
}
