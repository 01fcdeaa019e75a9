import { addNis, BAND_OF_NIS, FEWEST_VALUES, isNisOff, type NisSum } from '../filter/nis.js';
import type { NoiseFinding } from '../transient/noise-watch.js';
import type { Alarm, Twin } from '../types.js';
import { eventsOf } from './machine-events.js';
import type { StepTrace } from './step-trace.js';
import { instantText } from './time-axis.js';

const [LEAST, MOST] = BAND_OF_NIS;

function alarmOf(
  { definition }: Twin,
  { sinceS, nis }: NoiseFinding,
  untilS: number | undefined,
): Alarm {
  const many = nis > 1;
  const by = Math.sqrt(many ? nis : 1 / nis).toPrecision(2);
  const until = untilS === undefined ? '' : ` until ${instantText(untilS)}`;
  const remedy = many
    ? 'Let the window of refits hold all that the machine does (calibration.refit), or give the model what it lacks; a disturbance may be it.'
    : 'Where transient.stateNoise or a noiseStd is stated, make it less; else the next refit does.';
  return {
    code: 'state-noise',
    subject: definition.name,
    message: `Since ${instantText(sinceS)}${until} the states' innovations are ${by} times as ${many ? 'large' : 'small'} as their noise says (mean NIS per channel ${nis.toPrecision(3)}, constants held and events left out; ${LEAST} to ${MOST} where it is right). ${remedy}`,
  };
}

/** What is wrong with the noise of a moving machine's states at a sample. */
export const stateNoiseAlarms = (twin: Twin, finding: NoiseFinding | undefined): Alarm[] =>
  finding === undefined ? [] : [alarmOf(twin, finding, undefined)];

/**
 * What was wrong with the noise of a moving machine's states in a run: over all of it, or while its
 * samples said so.
 */
export function stateNoiseOfRun(twin: Twin, steps: readonly StepTrace[]): Alarm[] {
  const counted = countedSteps(steps);
  const whole = nisOf(counted);
  if (whole.channels >= FEWEST_VALUES && isNisOff(whole.nis / whole.channels, whole.channels)) {
    const nis = whole.nis / whole.channels;
    return [alarmOf(twin, { sinceS: counted[0]!.timeS, nis }, counted.at(-1)!.timeS)];
  }
  const isOff = (step: StepTrace) => step.alarms?.some((a) => a.code === 'state-noise');
  const first = steps.find(isOff);
  const last = steps.findLast(isOff);
  if (first === undefined || last === undefined) return [];
  const { nis, channels } = nisOf(
    counted.filter((s) => s.timeS >= first.timeS && s.timeS <= last.timeS),
  );
  if (channels === 0) return [];
  const until = last === steps.at(-1) ? undefined : last.timeS;
  return [alarmOf(twin, { sinceS: first.timeS, nis: nis / channels }, until)];
}

/**
 * Steps whose innovations are noise if the noise is right: with a fit, and outside of events, whose
 * beginning lies before the sample that showed them.
 */
export function countedSteps(steps: readonly StepTrace[]): StepTrace[] {
  const events = eventsOf(steps);
  const inEvent = ({ timeS, eventSinceS }: StepTrace) =>
    eventSinceS !== undefined ||
    events.some(({ sinceS, foundS }) => timeS > sinceS && timeS <= foundS);
  return steps.filter((s) => s.channels > 0 && !s.beforeFit && !inEvent(s));
}

function nisOf(counted: readonly StepTrace[]): NisSum {
  const sum = { nis: 0, channels: 0 };
  for (const { statesNis: nis, channels } of counted) {
    if (nis !== undefined) addNis(sum, { nis, channels });
  }
  return sum;
}

/** Innovations of a moving machine's states, constants held at their fits, outside of events. */
export const statesNis = (steps: readonly StepTrace[]): NisSum => nisOf(countedSteps(steps));
