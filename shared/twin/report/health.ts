import type { TwinDefinition } from '../../config/index.js';
import { type InnovationTests, innovationTests } from '../filter/innovation-tests.js';
import { isLeftOut } from '../filter/left-out.js';
import type { FilterStep } from '../filter/step.js';
import { identifiabilityOf } from '../identifiability/identifiability.js';
import { noiseNeededText } from '../identifiability/text.js';
import { type FaultySensor, faultySensor } from '../sensors/faulty-sensor.js';
import { alikeOf, redundancyFinding } from '../sensors/redundancy.js';
import { noiseFinding } from '../transient/noise-watch.js';
import type { Alarm, CalibratorState, Twin } from '../types.js';
import { stateNoiseAlarms } from './state-noise-alarm.js';
import { instantText } from './time-axis.js';

/** Samples running that a channel must be gated before it is called faulty. */
const SUSPICIOUS_RUN = 3;

/** A sensor that the others contradict, by what all residuals say. */
function offsetAlarm(
  { measured }: TwinDefinition,
  { channel, size, deviations, others }: FaultySensor,
): Alarm {
  const { variable } = measured[channel]!;
  const or =
    others.length === 0
      ? ''
      : ` An offset of ${namesOf(measured, others).join(' or ')} would explain it as well, with other parameters.`;
  return {
    code: 'sensor-fault',
    subject: variable,
    message: `${variable} reads ${Math.abs(size).toPrecision(2)} of its noise too ${size > 0 ? 'high' : 'low'}, ${Math.abs(deviations).toFixed(1)} standard deviations from chance: no parameter values explain it.${or}`,
  };
}

const namesOf = (measured: TwinDefinition['measured'], channels: readonly number[]) =>
  channels.map((i) => measured[i]!.variable);

/** Whether so few channels differ from the others that it is theirs, and not the model's. */
const areFew = (channels: readonly number[], m: number) =>
  channels.length <= Math.max(1, Math.floor(m / 4)) && m > 1;

/** What innovations on one side say, where residuals do not tell more; and whether any do. */
function biasAlarms(
  { definition }: Twin,
  state: CalibratorState,
  { channels, biased }: InnovationTests,
): { alarms: Alarm[]; isBiased: boolean } {
  const { measured, name } = definition;
  const m = measured.length;
  const names = (of: readonly number[]) => namesOf(measured, of).join(', ');
  const { redundancy } = state.filter;
  const sensor = faultySensor(state.filter);
  const found = redundancy && redundancyFinding(redundancy, m);
  const isBiased = found === undefined ? biased.length > 0 : found.kind !== 'none';
  const ofModel = (message: string): Alarm => ({ code: 'model-mismatch', subject: name, message });
  if (found?.kind === 'model') {
    const message = `The residuals of ${names(found.channels)} keep to one side: no parameter values explain the channels together, nor would one sensor that is off.`;
    return { alarms: [ofModel(message)], isBiased };
  }
  if (sensor !== undefined) return { alarms: [offsetAlarm(definition, sensor)], isBiased };
  // Sensors agree with some parameters: innovations on one side are those of wear.
  if (found !== undefined) return { alarms: [], isBiased };
  if (biased.length > 0 && !areFew(biased, m)) {
    const message = `The innovations of ${names(biased)} keep to one side: no parameter values explain the channels together.`;
    return { alarms: [ofModel(message)], isBiased };
  }
  const alarms = biased.map((i): Alarm => {
    const { bias } = channels[i]!;
    return {
      code: 'sensor-fault',
      subject: measured[i]!.variable,
      message: `${measured[i]!.variable} has read ${Math.abs(bias.size).toPrecision(2)} of its noise too ${bias.size > 0 ? 'high' : 'low'} on average, ${Math.abs(bias.deviations).toFixed(1)} standard deviations from chance, while ${m - biased.length} other channels agree.`,
    };
  });
  return { alarms, isBiased };
}

/** What the innovations say about sensors, noise and model. */
function innovationAlarms(
  twin: Twin,
  state: CalibratorState,
  filtered: Pick<FilterStep, 'active' | 'lastingShare'>,
): Alarm[] {
  const { measured, name } = twin.definition;
  const tests = innovationTests(state.filter.health, filtered);
  const { alarms, isBiased } = biasAlarms(twin, state, tests);
  if (isBiased) return alarms;
  const { channels, correlated, scattered, excess, nisOff } = tests;
  for (const i of correlated) {
    alarms.push({
      code: 'correlated-innovations',
      subject: measured[i]!.variable,
      message: `Successive innovations of ${measured[i]!.variable} are correlated (${channels[i]!.correlation.size.toPrecision(2)}): something moves that the model lacks.`,
    });
  }
  // Squares of innovations that follow each other are not those of noise.
  if (correlated.length > 0) return alarms;
  if (scattered.length > 0 && areFew(scattered, measured.length)) {
    for (const i of scattered) {
      const { size } = channels[i]!.variance;
      alarms.push({
        code: 'noise-mismatch',
        subject: measured[i]!.variable,
        message: `${measured[i]!.variable} scatters ${Math.sqrt(Math.max(0, 1 + size)).toPrecision(2)} times as much as its noiseStd says; it is being adapted.`,
      });
    }
  } else if (nisOff || scattered.length > 0) {
    alarms.push({
      code: 'noise-mismatch',
      subject: name,
      message: `Squared innovations are ${(1 + excess).toPrecision(2)} times what the noise explains: noiseStd is wrong and is being adapted.`,
    });
  }
  return alarms;
}

/** Channels that were gated for some samples running, or repeat one value. */
function channelAlarms(twin: Twin, state: CalibratorState): Alarm[] {
  const { suspicion, faults, repeats, leftOut } = state.filter;
  return twin.definition.measured.flatMap(({ variable, unit }, i): Alarm[] => [
    ...(isLeftOut(leftOut, i)
      ? [
          {
            code: 'sensor-fault' as const,
            subject: variable,
            message: `${variable} was found to read ${Math.abs(leftOut!.offset[i]!).toPrecision(2)}${unit && ` ${unit}`} too ${leftOut!.offset[i]! > 0 ? 'high' : 'low'}: it is left out until it agrees with the others again.${doubtText(twin, state, i)}`,
          },
        ]
      : []),
    ...(suspicion[i]! >= SUSPICIOUS_RUN
      ? [
          {
            code: 'sensor-fault' as const,
            subject: variable,
            message: `${variable} has contradicted all other channels for ${suspicion[i]} samples and carries little weight.`,
          },
        ]
      : []),
    ...(faults[i] === 1
      ? [
          {
            code: 'sensor-frozen' as const,
            subject: variable,
            message: `${variable} has repeated one value ${repeats[i]} times while others move; it is left out.`,
          },
        ]
      : []),
  ]);
}

/** Which other sensors' offsets the residuals of one that is left out would fit as well. */
function doubtText(twin: Twin, { filter: { leftOut } }: CalibratorState, channel: number): string {
  const { measured } = twin.definition;
  if (leftOut?.watch === undefined) return '';
  const alike = alikeOf(leftOut.watch, measured.length, channel).map((c) => measured[c]!.variable);
  return alike.length === 0
    ? ''
    : ` Only what the machine did before tells it from an offset of ${alike.join(' or ')}: look at these too.`;
}

/** Samples after which a parameter should be better known than at the start. */
const LEARNT = 50;
/** A parameter is no better known than its prior from this share of the prior's deviation on … */
const UNLEARNT_SHARE = 0.9;
/** … unless it is known to this share of its range. */
const KNOWN_SHARE = 0.02;
/** Standard deviations beyond a bound that count as pressing against it. */
const BEYOND_BOUND = 4;

function parameterAlarms(twin: Twin, state: CalibratorState, filtered: FilterStep): Alarm[] {
  if (state.sampleCount < LEARNT) return [];
  const { parameters } = twin.definition;
  const { x, S, noiseStd } = state.filter;
  const N = S.length / x.length;
  let found: ReturnType<typeof identifiabilityOf> | undefined;
  return parameters.flatMap((p, i): Alarm[] => {
    const std = Math.hypot(...S.subarray(i * N, i * N + N));
    const range = p.lower !== undefined && p.upper !== undefined ? p.upper - p.lower : undefined;
    const alarms: Alarm[] = [];
    if (std > UNLEARNT_SHARE * p.prior.std && (range === undefined || std > KNOWN_SHARE * range)) {
      found ??= identifiabilityOf(twin, filtered.linearisation.slope, noiseStd!, filtered.active);
      const told = found.parameters[p.variable]!;
      alarms.push({
        code: 'not-identifiable',
        subject: p.variable,
        message: `${p.variable} is known to ± ${std.toPrecision(3)} only, no better than at the start: not identifiable${told.identifiable || filtered.mode === 'transient' ? '' : `; ${noiseNeededText(told)}`}.`,
      });
    }
    const beyond =
      (p.lower !== undefined && x![i]! + BEYOND_BOUND * std < p.lower) ||
      (p.upper !== undefined && x![i]! - BEYOND_BOUND * std > p.upper);
    if (beyond) {
      alarms.push({
        code: 'at-bound',
        subject: p.variable,
        message: `${p.variable} would fit best at ${x![i]!.toPrecision(4)}, beyond its bounds: the model or the bounds are wrong, or a sensor is.`,
      });
    }
    return alarms;
  });
}

/** What a change that was found is, or is not. */
function regimeMessage({ undone, nis, active }: FilterStep, isFirst: boolean): string {
  if (undone) {
    return 'The change found a few samples before was none: the parameters are what they were before it.';
  }
  const evidence = `(NIS ${nis.toPrecision(4)} for ${active.length} channels); the parameters were opened up to follow.`;
  return isFirst
    ? `The machine is not as its priors have it ${evidence}`
    : `The machine changed suddenly ${evidence}`;
}

/** What a person should know about filter, sensors and model after a step. */
export function healthAlarms(twin: Twin, state: CalibratorState, filtered: FilterStep): Alarm[] {
  const { name } = twin.definition;
  const regime: Alarm[] = filtered.regimeChange
    ? [
        {
          code: 'regime-change',
          subject: name,
          message: regimeMessage(filtered, state.sampleCount === 1),
        },
      ]
    : [];
  const event: Alarm[] =
    filtered.eventSinceS === undefined
      ? []
      : [
          {
            code: 'event',
            subject: name,
            message: `Since ${instantText(filtered.eventSinceS)} something happens to the machine that the model lacks: the parameters are kept as they were before.`,
          },
        ];
  const alarms = [
    ...regime,
    ...event,
    ...stateNoiseAlarms(twin, noiseFinding(state.filter.transient?.noiseWatch)),
    ...channelAlarms(twin, state),
    ...innovationAlarms(twin, state, filtered),
    ...parameterAlarms(twin, state, filtered),
  ];
  // A channel may be found faulty in two ways: once is enough.
  const seen = new Set<string>();
  return alarms.filter(({ code, subject }) => {
    const key = `${code} ${subject}`;
    return !seen.has(key) && seen.add(key);
  });
}
