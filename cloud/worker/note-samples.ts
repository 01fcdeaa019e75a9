import { nsToSeconds } from '../../shared/core/index.js';
import type { AlignedSample, JudgedInputs, Twin } from '../../shared/twin/index.js';
import type { Progress } from './progress.js';

/** What a run has had of each channel, up to a sample. */
export function noteSample(
  progress: Progress,
  twin: Twin,
  { timeNs, timeS, measured }: AlignedSample,
): void {
  progress.newestS = nsToSeconds(timeNs);
  progress.first ??= progress.newestS;
  progress.fromS ??= timeS;
  twin.definition.measured.forEach(({ variable }, i) => {
    const value = measured[i]!;
    if (!Number.isFinite(value)) return;
    const channel = progress.channels.get(variable) ?? { count: 0, first: value, moves: false };
    channel.count++;
    channel.moves ||= value !== channel.first;
    progress.channels.set(variable, channel);
  });
}

/** A sample that waits for others, which tell whether an input is wild there. */
export function noteWait(
  progress: Progress,
  { definition }: Twin,
  [first]: JudgedInputs['wild'],
): void {
  if (first === undefined) return;
  const { input, timeS, value } = first;
  progress.waitsFor = { variable: definition.inputs[input]!.variable, timeS, value };
}

/** Inputs without a value at a sample that was skipped for it. */
export function noteMissing(progress: Progress, twin: Twin, inputs: Float64Array): void {
  twin.definition.inputs.forEach(({ variable }, i) => {
    if (!Number.isFinite(inputs[i]) && !progress.missing.includes(variable)) {
      progress.missing.push(variable);
    }
  });
}
