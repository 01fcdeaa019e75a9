import { MOVED } from '../../report/cross-check.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { CERTAIN } from '../residuals/lack-of-fit.js';
import { withInputOff } from '../stated/input-error.js';
import { scoreTest } from './score-test.js';
import { OFF_SCALE, restsOnText } from './unseen-sensor-errors.js';

/** Inputs that are asked, each at two model runs. */
const MOST_INPUTS = 8;
/** What states each kind of error. */
const FIELDS = { scale: 'inputs[].scaleStd', zero: 'inputs[].offsetStd' } as const;

/**
 * Scales and offsets of inputs that a fit rests on: what the parameters make of an input that is off leaves no
 * residual. Most inputs have a parameter that does, so it is a remark, not a doubt. What is stated is not asked.
 */
export async function inputScaleNotes(context: FitContext, fit: Fit): Promise<string[]> {
  const { twin } = context;
  const { record, prediction, coordinates } = fit;
  const { ask } = scoreTest(fit);
  const asked = twin.definition.inputs.flatMap(
    ({ variable, value, scaleStd, offsetStd }, input) => {
      const largest = record.inputs[input]!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      // A switch is on or off, whatever reads it.
      const isSwitch = new Set(record.inputs[input]).size <= 2;
      const kinds = [
        ...(scaleStd === undefined ? (['scale'] as const) : []),
        ...(offsetStd === undefined ? (['zero'] as const) : []),
      ];
      return value === undefined && largest > 0 && !isSwitch && kinds.length > 0
        ? [{ variable, input, largest, kinds }]
        : [];
    },
  );
  const notes: string[] = [];
  for (const { variable, input, largest, kinds } of asked.slice(0, MOST_INPUTS)) {
    let most: { kind: keyof typeof FIELDS; name: string; by: number } | undefined;
    for (const kind of kinds) {
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
    const share = `${100 * OFF_SCALE} %${what}`;
    notes.push(restsOnText(`${most.kind} of ${variable}`, share, most, FIELDS[most.kind]));
  }
  return notes;
}
