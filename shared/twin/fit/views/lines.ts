import { secondsText } from '../../../core/index.js';
import { digits } from '../../report/digits.js';
import { gradeMark } from '../../report/quantities.js';
import { verdictLines } from '../../report/verdict.js';
import type { Estimate } from '../../types.js';
import type { FitOutput } from '../commission/fit-output.js';

/** A fit as lines for a terminal. */
export function fitLines(output: FitOutput): string[] {
  const { summary } = output;
  const failed = output.starts.filter((s) => s.error !== undefined).length;
  const lines = [
    `${output.twin}: ${summary.used} of ${summary.samples} samples, ${output.starts.length} starts${failed > 0 ? `, of which ${failed} failed` : ''}, ${summary.modelRuns} model runs, ${summary.wallS.toFixed(1)} s`,
  ];
  const estimate = ([name, e]: [string, Estimate]) =>
    `  ${name.padEnd(28)} ${digits(e.mean).padStart(12)}   95 %: ${digits(e.lower95)} to ${digits(e.upper95)}${gradeMark(output.quantities[name])}`;
  lines.push(...Object.entries(output.parameters).map(estimate));
  if (Object.keys(output.virtualSensors).length > 0) {
    lines.push(
      'Virtual sensors at the end:',
      ...Object.entries(output.virtualSensors).map(estimate),
    );
  }
  if (Object.keys(output.startStates).length > 0) {
    lines.push('States at the start:', ...Object.entries(output.startStates).map(estimate));
  }
  const disturbances = Object.entries(output.disturbances);
  if (disturbances.length > 0) {
    const atEnd = disturbances.map(([name, d]) => estimate([name, d.atEnd]));
    lines.push('Disturbances at the end:', ...atEnd);
  }
  for (const [name, r] of Object.entries(output.residuals.channels)) {
    lines.push(
      `Residuals of ${name}: white ${digits(r.white)}, disturbance ${digits(r.ou.std)} with a time constant of ${secondsText(r.ou.timeConstantS)}: ${r.samples} samples worth ${digits(r.nEff)} independent ones`,
    );
  }
  for (const [name, { rmse }] of Object.entries(output.freeRun.channels)) {
    const held = output.heldOut?.channels[name];
    const tested =
      held === undefined
        ? ''
        : `; on ${output.heldOut!.samples} held out ${digits(held.rmse)}, ${Math.round(100 * held.coverage95)} % of them in the 95 % band (a constant would miss by ${digits(held.std)})`;
    lines.push(`Free run of ${name}: misses by ${digits(rmse)} rms${tested}`);
  }
  for (const rail of output.rails) {
    lines.push(
      `${rail.samples} samples of ${rail.variable} at its ${rail.side} end ${rail.value} count as missing`,
    );
  }
  for (const { subject, code, message } of output.summary.alarms) {
    if (code === 'disturbance') lines.push(`${subject}: ${message}`);
  }
  for (const note of output.notes) lines.push(note);
  return [...lines, ...verdictLines(output.verdict)];
}
