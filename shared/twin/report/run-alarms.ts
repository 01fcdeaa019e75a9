import {
  addNis,
  BAND_OF_NIS,
  FEWEST_VALUES,
  isNisOff,
  isNisTooHigh,
  isPromised,
} from '../filter/nis.js';
import { hasStatedErrors } from '../filter/stated-inputs.js';
import type { Alarm, CalibratorState, Twin } from '../types.js';
import { alarmFindings } from './calibration-findings.js';
import { lastingEvents } from './lasting-events.js';
import { learntContradictions, learntFindings, pastContradictions } from './past-alarms.js';
import { pulledFindings } from './pulled-constants.js';
import { countedSteps, stateNoiseOfRun, statesNis } from './state-noise-alarm.js';
import type { RunSteps, StepTrace } from './step-trace.js';
import type { Finding } from './verdict.js';

/** Posterior deviation, as a share of the prior's, above which the data told nothing. */
const NOTHING_LEARNT = 0.98;

/** Samples at which the model failed: each is set aside, and the first is told with the FMU's words. */
function failedSamples(twin: Twin, { traces, firstFailure }: RunSteps): Alarm[] {
  const failed = traces.filter((s) => s.skipped === 'model-failed').length;
  if (failed === 0 || firstFailure === undefined) return [];
  const message =
    failed === 1
      ? firstFailure
      : `${firstFailure.replace(/\.$/, '')}. So it did at ${failed - 1} more of ${traces.length} samples.`;
  return [{ code: 'model-failed', subject: twin.definition.name, message }];
}

/** Sudden changes from which a run has too many, and the share of its samples. */
const CHANGES = { fewest: 10, share: 0.1 } as const;

/** That a run found sudden changes again and again: a machine has few of them. */
function frequentChanges({ definition }: Twin, used: readonly StepTrace[]): Alarm[] {
  const changes = used.filter((s) => s.diagnostics?.regimeChange).length;
  if (changes < CHANGES.fewest || changes <= CHANGES.share * used.length) return [];
  return [
    {
      code: 'inconsistent',
      subject: definition.name,
      message: `The machine changed suddenly at ${changes} of ${used.length} samples, if bands were right: they are too narrow, or readings are not what they are taken for (rows that repeat, times that are wrong, a noiseStd that is too small).`,
    },
  ];
}

/** What happened for long along a run, or again and again. */
const lastingAlarms = (twin: Twin, used: readonly StepTrace[]): Alarm[] => [
  ...lastingEvents(twin, used),
  ...frequentChanges(twin, used),
];

/** What a run's steps say against its result, as alarms that hold for the run as a whole. */
export function runAlarms(twin: Twin, run: RunSteps): Alarm[] {
  const { traces, lastUsed: last, contradictions } = run;
  const used = traces.filter((s) => s.skipped === undefined);
  const alarms = failedSamples(twin, run);
  if (last === undefined) return alarms;
  const { parameters } = twin.definition;
  for (const { variable, prior } of parameters) {
    const std = last.parameters[variable]?.std ?? Number.POSITIVE_INFINITY;
    if (std < NOTHING_LEARNT * prior.std) continue;
    alarms.push({
      code: 'prior-only',
      subject: variable,
      message: `${variable} is known no better than before the data: ± ${std.toPrecision(3)}, its prior ± ${prior.std.toPrecision(3)}.`,
    });
  }
  const { expected, channels, nis } = judgedNis(used);
  const ofNoise = stateNoiseOfRun(twin, used);
  const states = statesNis(used);
  const ofStates = states.nis / states.channels;
  const saysOfNoise = () => {
    if (ofNoise.length > 0) return 'the noise is not right either';
    return ofStates < BAND_OF_NIS[0] || ofStates > BAND_OF_NIS[1]
      ? `of ${states.channels} values, too few to tell whether the noise is right`
      : 'the noise is right, and what is off is the doubt about constants';
  };
  const noise =
    states.channels === 0
      ? ''
      : ` Of the states alone, constants held at their fits, it is ${ofStates.toPrecision(3)}: ${saysOfNoise()}.`;
  // Errors that stay are in the bands of constants, and not in innovations: readings to come are as wrong.
  const isNarrow = nis < 1 && hasStatedErrors(twin.definition);
  if (channels >= FEWEST_VALUES && isNisOff(nis, channels) && !isNarrow) {
    alarms.push({
      code: 'inconsistent',
      subject: twin.definition.name,
      message: `Over the whole run${expected.length < used.length ? `, without its changes and events and what came before the first fit,` : ''} the innovations are ${Math.sqrt(nis).toPrecision(2)} times as large as the bands say (mean NIS per channel ${nis.toPrecision(3)}, near 1 where they are right).${noise}`,
    });
  }
  const lasting = lastingAlarms(twin, used);
  const whole = wholeNis(used);
  if (
    ![...alarms, ...lasting].some((a) => a.code === 'inconsistent') &&
    isNisTooHigh(whole.counted, whole.channels)
  ) {
    alarms.push({
      code: 'inconsistent',
      subject: twin.definition.name,
      message: `Over the whole run the mean NIS per channel is ${whole.nis.toPrecision(3)}, near 1 where bands are right${channels === 0 ? '' : `: ${nis.toPrecision(3)} without its changes and events`}. In these the readings were far from what the bands held, and the states followed them: look whether it was the machine or its sensors.`,
    });
  }
  alarms.push(
    ...ofNoise,
    ...lasting,
    ...pastContradictions(twin, used, contradictions, last.alarms),
  );
  return alarms;
}

/**
 * What a worker's run says that its newest sample does not: contradictions from which constants have learnt since the
 * state began, constants that were pulled one way, events that lasted.
 *
 * @param state after the run
 */
export function pastFindings(
  twin: Twin,
  { traces, lastUsed: last, pulled }: RunSteps,
  state: CalibratorState,
): Finding[] {
  if (last === undefined) return [];
  const used = traces.filter((s) => s.skipped === undefined);
  return [
    ...alarmFindings(lastingAlarms(twin, used)),
    ...learntFindings(learntContradictions(twin, state, last.alarms)),
    ...pulledFindings(twin, pulled),
  ];
}

/**
 * The steps whose NIS can be judged, and its mean per channel: what was said to be a change, or an
 * event, was not expected; priors promise nothing yet.
 */
export function judgedNis(used: readonly StepTrace[]): {
  expected: StepTrace[];
  channels: number;
  nis: number;
} {
  const expected = countedSteps(used).filter(
    (s) => !s.diagnostics?.regimeChange && Number.isFinite(s.nis),
  );
  const channels = expected.reduce((sum, s) => sum + s.channels, 0);
  return { expected, channels, nis: expected.reduce((sum, s) => sum + s.nis, 0) / channels };
}

/** Mean NIS per channel of all samples since the first fit, and the same with each counted up to a limit. */
function wholeNis(used: readonly StepTrace[]): { channels: number; nis: number; counted: number } {
  const counted = { nis: 0, channels: 0 };
  for (const step of used) addNis(counted, step);
  const { channels } = counted;
  const whole = used.filter(isPromised).reduce((sum, s) => sum + s.nis, 0);
  return { channels, nis: whole / channels, counted: counted.nis / channels };
}
