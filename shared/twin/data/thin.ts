import type { TwinDefinition } from '../../config/index.js';
import { withoutWild } from '../readings/wild-values.js';
import type { InputsAt, Sample } from '../types.js';

/**
 * Every nth sample. Only what is measured gets thinner: what drives a moving machine in the samples between
 * drives its model as well, or the model would be blamed for it.
 *
 * @param samples in order of time
 * @param taken which of them are taken
 */
export function thinned(
  definition: TwinDefinition,
  samples: readonly Sample[],
  taken: (sample: Sample, place: number) => boolean,
): Sample[] {
  const kept = samples.filter(taken);
  const { mode } = definition.simulation;
  if (kept.length === samples.length || mode === 'steady-state') return kept;
  // A wild reading of an input is none, here as in the samples that are taken.
  const clean = withoutWild(definition, samples);
  const last = new Float64Array(definition.inputs.length).fill(Number.NaN);
  const course: (InputsAt & { isBetween?: true })[] = [];
  /** Where each sample stands in the course. */
  const places = clean.map(({ timeS, inputs, between = [] }) => {
    for (const at of between) course.push({ ...at, isBetween: true });
    inputs.forEach((v, i) => {
      if (Number.isFinite(v)) last[i] = v;
    });
    return course.push({ timeS, inputs: last.slice() }) - 1;
  });
  let next = 0;
  return kept.map((sample) => {
    const from = next === 0 ? 0 : places[next - 1]! + 1;
    while (samples[next] !== sample) next++;
    const end = places[next]!;
    next++;
    if (from === 0) return sample;
    const between = course
      .slice(from, end)
      .filter(({ isBetween }, k) => isBetween === true || tells(course, from + k))
      .map(({ timeS, inputs }) => ({ timeS, inputs }));
    return between.length === 0 ? sample : { ...sample, between };
  });
}

/** Whether inputs are known at a place, and are not what they are right before and right after it. */
function tells(course: readonly InputsAt[], place: number): boolean {
  const { inputs } = course[place]!;
  const [before, after] = [course[place - 1]?.inputs, course[place + 1]?.inputs];
  return (
    inputs.every(Number.isFinite) && inputs.some((v, i) => v !== before?.[i] || v !== after?.[i])
  );
}
