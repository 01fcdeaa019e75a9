import { convertBack, findScalar, openFmu, unitConversion } from '../../fmi/index.js';
import type { CalibratorState, Twin } from '../types.js';

/** A value that an input is taken to have, and where it comes from. */
export interface AssumedInput {
  variable: string;
  value: number;
  from: 'the last sample' | "the FMU's start value";
}

/**
 * Values for the inputs that follow a stream and of which nobody said any: those of the last sample
 * of a state, else the FMU's start values.
 *
 * @param given values by variable, as somebody gave them
 * @returns the given values with the assumed ones, and these; an input of which nothing is known
 *   stays out
 */
export async function assumeInputs(
  twin: Twin,
  given: Readonly<Record<string, number>>,
  state?: CalibratorState,
): Promise<{ inputs: Record<string, number>; assumed: AssumedInput[] }> {
  const open = twin.definition.inputs.filter(
    (i) => i.value === undefined && given[i.variable] === undefined,
  );
  if (open.length === 0) return { inputs: { ...given }, assumed: [] };
  const last = state?.filter.inputs;
  const starts = await startValuesOf(
    twin,
    open.map((i) => i.variable),
  );
  const assumed = open.flatMap(({ variable }): AssumedInput[] => {
    const index = twin.definition.inputs.findIndex((i) => i.variable === variable);
    const before = last?.[index];
    if (before !== undefined && Number.isFinite(before)) {
      return [{ variable, value: before, from: 'the last sample' }];
    }
    const value = starts[variable];
    return value !== undefined ? [{ variable, value, from: "the FMU's start value" }] : [];
  });
  const values = Object.fromEntries(assumed.map((a) => [a.variable, a.value]));
  return { inputs: { ...given, ...values }, assumed };
}

/** The FMU's start values of inputs, in the definition's units; one without a start value stays out. */
export async function startValuesOf(
  twin: Twin,
  variables: readonly string[],
): Promise<Record<string, number>> {
  const { modelDescription: md } = await openFmu(twin.fmuPath);
  const starts: Record<string, number> = {};
  for (const { variable: name, unit } of twin.definition.inputs) {
    if (!variables.includes(name)) continue;
    const scalar = findScalar(md, name);
    if (scalar === undefined) continue;
    const value = Number(scalar.variable.start?.[scalar.element ?? 0]);
    if (!Number.isFinite(value)) continue;
    starts[name] = convertBack(value, unitConversion(md, scalar.variable, unit));
  }
  return starts;
}

/** The inputs that only jump in the FMU, as truth values and whole numbers do. */
export async function heldInputsOf(twin: Twin): Promise<string[]> {
  const { modelDescription } = await openFmu(twin.fmuPath);
  return twin.definition.inputs.flatMap(({ variable }) => {
    const of = findScalar(modelDescription, variable)?.variable;
    return of === undefined || of.variability === 'continuous' ? [] : [variable];
  });
}

/** Assumed inputs as a line to print; none where nothing was assumed. */
export function assumedLines(assumed: readonly AssumedInput[]): string[] {
  if (assumed.length === 0) return [];
  const parts = assumed.map((a) => `${a.variable} = ${Number(a.value.toPrecision(6))} (${a.from})`);
  return [`Inputs assumed: ${parts.join(', ')}. Give others by --input NAME=VALUE.`];
}
