import { MOVED } from '../report/cross-check.js';
import { type Fit, type FitContext, fitProblem } from './fit.js';
import { CERTAIN } from './lack-of-fit.js';
import type { FitRecord } from './record.js';
import { scoreTest } from './score-test.js';
import { OFF_SCALE, restsOnText } from './unseen-sensor-errors.js';

/** Inputs that are asked, each at two model runs. */
const MOST_INPUTS = 8;

/** A record whose input is by a share of itself larger, and by an offset. */
function withInputOff(record: FitRecord, input: number, share: number, offset: number): FitRecord {
  return {
    ...record,
    inputs: record.inputs.map((values, i) =>
      i === input ? values.map((v) => (1 + share) * v + offset) : values,
    ),
    // What is told between rows are differences to the row.
    between: record.between.map((at) => ({
      ...at,
      by: at.by.map((v, i) => (i === input ? (1 + share) * v : v)),
    })),
  };
}

/**
 * Scales and offsets of inputs that a fit rests on: what the parameters make of an input that is off leaves no
 * residual. Most inputs have a parameter that does, so it is a remark, not a doubt.
 */
export async function inputScaleNotes(context: FitContext, fit: Fit): Promise<string[]> {
  const { twin } = context;
  const { record, prediction, coordinates } = fit;
  const { ask } = scoreTest(fit);
  const asked = twin.definition.inputs.flatMap(({ variable, value }, input) => {
    const largest = record.inputs[input]!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    // A switch is on or off, whatever reads it.
    const isSwitch = new Set(record.inputs[input]).size <= 2;
    return value === undefined && largest > 0 && !isSwitch ? [{ variable, input, largest }] : [];
  });
  const notes: string[] = [];
  for (const { variable, input, largest } of asked.slice(0, MOST_INPUTS)) {
    let most: { kind: string; name: string; by: number } | undefined;
    for (const kind of ['scale', 'zero'] as const) {
      const [share, offset] = kind === 'scale' ? [OFF_SCALE, 0] : [0, OFF_SCALE * largest];
      const other = withInputOff(record, input, share, offset);
      const [run] = await fitProblem(context, coordinates, other).simulate([fit.u]);
      if (run === undefined || run instanceof Error) continue;
      const { left, moves } = ask(run.map((y, k) => y - prediction[k]!));
      if (left > CERTAIN) continue;
      coordinates.forEach(({ name, kind: of }, j) => {
        const by = Math.abs(moves[j]!);
        if (of === 'parameter' && by > (most?.by ?? MOVED)) most = { kind, name, by };
      });
    }
    if (most === undefined) continue;
    const what = most.kind === 'scale' ? '' : ' of its largest value';
    notes.push(restsOnText(`${most.kind} of ${variable}`, `${100 * OFF_SCALE} %${what}`, most));
  }
  return notes;
}
