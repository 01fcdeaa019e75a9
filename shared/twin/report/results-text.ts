import { csvLine, jsonText } from '../../core/index.js';
import type { StepResult, Twin } from '../types.js';
import type { CalibrationOutput } from './results.js';

/** A run as text that can be made as its steps come. */
export interface ResultsText {
  /** Of one step, the `index`th from 0. */
  step(step: StepResult, index: number): string;
  /** All of it, in parts. @param steps text of the steps, one after the other */
  whole(output: CalibrationOutput, steps: AsyncIterable<string>): AsyncGenerator<string>;
}

const NO_STEPS = '"steps": []';

/**
 * A run as JSON: `{ twin, twinVersion, steps, summary }`.
 *
 * @param indent spaces a level
 */
export function resultsJson(indent: number): ResultsText {
  const lineAt = (depth: number) => `\n${' '.repeat(depth * indent)}`;
  return {
    step: (step, index) =>
      `${index > 0 ? ',' : ''}${lineAt(2)}${jsonText(step, indent).trimEnd().replaceAll('\n', lineAt(2))}`,
    async *whole({ twin, twinVersion, summary }, steps) {
      const frame = jsonText({ twin, twinVersion, steps: [], summary }, indent);
      // Quotes within strings are escaped: the first one is the key.
      const inside = frame.indexOf(NO_STEPS) + NO_STEPS.length - 1;
      yield frame.slice(0, inside);
      let some = false;
      for await (const part of steps) {
        some = true;
        yield part;
      }
      yield `${some ? lineAt(1) : ''}${frame.slice(inside)}`;
    },
  };
}

const KEYS = ['mean', 'std', 'lower95', 'upper95'] as const;

/** The steps as a flat table, one row each. */
export function resultsCsv({ definition }: Twin): ResultsText {
  const names = [
    ...definition.parameters.map((p) => ['parameters', p.variable] as const),
    ...definition.virtualSensors.map((s) => ['virtualSensors', s.variable] as const),
  ];
  const columns = ['timeS', 'row', 'mode', 'nis', 'alarms'];
  for (const [, name] of names) for (const key of KEYS) columns.push(`${name}.${key}`);
  return {
    step: (step) =>
      csvLine([
        step.timeS,
        step.row,
        step.diagnostics.mode,
        Number.isFinite(step.nis) ? step.nis : undefined,
        step.alarms.map((a) => `${a.code}:${a.subject}`).join(' '),
        ...names.flatMap(([kind, name]) => KEYS.map((key) => step[kind][name]?.[key])),
      ]),
    async *whole(_output, steps) {
      yield csvLine(columns);
      yield* steps;
    },
  };
}
