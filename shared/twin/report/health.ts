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

/** How much of the past the tests keep from sample to sample: about the last 50 count. */
const FORGET = 0.98;
/** Samples that a test needs. */
const FEWEST = 30;
/**
 * Standard deviations beyond which a test speaks: one in two million for a Gaussian. Some thirty
 * tests run at every sample, and are to raise less than one false alarm in 30 days of 1000 samples.
 */
const SIGNIFICANT = 5;
/** The same for sums of squares, whose upper tail is heavier. */
const SIGNIFICANT_SQUARES = 6.5;
/** Innovations count with at most so many standard deviations: a lone outlier proves nothing. */
const CLIP = 4;
/** A NIS this share off is worth an alarm; noise that is 12 % wrong is not. */
const RELEVANT_EXCESS = 0.25;
/** So is a correlation of successive innovations from here on. */
const RELEVANT_CORRELATION = 0.3;
/** Samples running that a channel must be gated before it is called faulty. */
const SUSPICIOUS_RUN = 3;

/** Fields per channel: sums of z, z·z before, z² − 1, the squared weights of each two, the last z. */
const FIELDS = 6;
const [SUM, PRODUCT, EXCESS, WEIGHT, PAIR_WEIGHT, LAST] = [0, 1, 2, 3, 4, 5] as const;
/** Behind the channels: the NIS beyond its mean, its variance, and its mean. */
const GLOBAL = 3;

/** The tests' memory before any sample, for m measured variables. */
export function initialHealth(m: number): Float64Array {
  const health = new Float64Array(FIELDS * m + GLOBAL);
  for (let i = 0; i < m; i++) health[i * FIELDS + LAST] = Number.NaN;
  return health;
}

/**
 * Takes a step's innovations into the tests. While some channels are gated the others' residuals
 * are not their own; after a regime change and during an event nobody's are.
 */
export function updateHealth(health: Float64Array, filtered: FilterStep): Float64Array {
  const next = health.slice();
  if (filtered.regimeChange || filtered.eventSinceS !== undefined) return next;
  filtered.active.forEach((channel, k) => {
    const at = channel * FIELDS;
    if (filtered.gated.length > 0 && !filtered.gated.includes(channel)) {
      next[at + LAST] = Number.NaN;
      return;
    }
    const z = Math.max(-CLIP, Math.min(CLIP, filtered.z[k]!));
    const before = next[at + LAST]!;
    next[at + SUM] = FORGET * next[at + SUM]! + z;
    next[at + EXCESS] = FORGET * next[at + EXCESS]! + (filtered.scatter?.[k] ?? z * z) - 1;
    next[at + WEIGHT] = FORGET ** 2 * next[at + WEIGHT]! + 1;
    if (!Number.isNaN(before)) {
      next[at + PRODUCT] = FORGET * next[at + PRODUCT]! + z * before;
      next[at + PAIR_WEIGHT] = FORGET ** 2 * next[at + PAIR_WEIGHT]! + 1;
    }
    next[at + LAST] = z;
  });
  if (filtered.gated.length === 0) {
    const m = filtered.active.length;
    // Against the noise as assumed, not as modes that hold have it.
    const squares = filtered.nis * (filtered.noiseScale ?? 1) ** 2;
    const nis = Math.min(squares, m + CLIP * Math.sqrt(2 * m));
    const g = next.length - GLOBAL;
    next[g] = FORGET * next[g]! + nis - m;
    next[g + 1] = FORGET ** 2 * next[g + 1]! + 2 * m;
    next[g + 2] = FORGET * next[g + 2]! + m;
  }
  return next;
}

/** A statistic in standard deviations of what a consistent filter gives, and its size. */
interface Tested {
  /** Standard deviations; 0 while there is too little to tell. */
  deviations: number;
  /** Mean bias in noises, correlation, or excess of variance. */
  size: number;
}

/** Sum of squared weights once {@link FEWEST} samples have come. */
const ENOUGH = (1 - FORGET ** (2 * FEWEST)) / (1 - FORGET ** 2);

/** Σλᵏ from Σλ²ᵏ, both of as many samples. */
const countOf = (weight: number) =>
  (1 - Math.sqrt(Math.max(0, 1 - weight * (1 - FORGET ** 2)))) / (1 - FORGET);

/**
 * @param weight sum of squared weights
 * @param variance of what is summed
 * @param lasting the part of it that is one and the same in all samples, which no sum averages out
 */
function tested(sum: number, weight: number, variance: number, lasting: number): Tested {
  if (weight < ENOUGH) return { deviations: 0, size: 0 };
  const count = countOf(weight);
  return {
    deviations: sum / Math.sqrt(variance * weight + lasting * count ** 2),
    size: sum / count,
  };
}

/**
 * The tests of one channel.
 *
 * @param lasting share of the innovations' variance that is an error of constants, the same in all
 */
function channelTests(health: Float64Array, channel: number, lasting: number) {
  const at = channel * FIELDS;
  const weight = health[at + WEIGHT]!;
  const pairs = health[at + PAIR_WEIGHT]!;
  const shared = health[at + PRODUCT]! - lasting * countOf(pairs);
  return {
    bias: tested(health[at + SUM]!, weight, 1, lasting),
    correlation: tested(shared, pairs, 1, 2 * lasting ** 2),
    variance: tested(health[at + EXCESS]!, weight, 2, 2 * lasting ** 2),
  };
}

/**
 * What the innovations say about sensors, noise and model. A consistent filter's are white and of
 * unit variance; the tests are sums over about the last 50 of their means, squares and products of
 * neighbours, against what chance gives. Constants that samples do not change have one error in all of
 * them, which counts as chance as far as their band goes.
 *
 * @see Mehra & Peschon, An innovations approach to fault detection and diagnosis in dynamic
 *   systems, Automatica 7 (1971); Bar-Shalom, Li & Kirubarajan 2001, 5.4
 */
function innovationAlarms(
  twin: Twin,
  state: CalibratorState,
  filtered: Pick<FilterStep, 'active' | 'lastingShare'>,
): Alarm[] {
  const { measured, name } = twin.definition;
  const health = state.filter.health;
  const alarms: Alarm[] = [];
  const names = (channels: readonly number[]) => channels.map((i) => measured[i]!.variable);
  const biasAlarm = ({ channel, size, deviations, others }: FaultySensor): Alarm => {
    const { variable } = measured[channel]!;
    const or =
      others.length === 0
        ? ''
        : ` An offset of ${names(others).join(' or ')} would explain it as well, with other parameters.`;
    return {
      code: 'sensor-fault',
      subject: variable,
      message: `${variable} reads ${Math.abs(size).toPrecision(2)} of its noise too ${size > 0 ? 'high' : 'low'}, ${Math.abs(deviations).toFixed(1)} standard deviations from chance: no parameter values explain it.${or}`,
    };
  };
  const lasting = measured.map((_, i) => filtered.lastingShare?.[filtered.active.indexOf(i)] ?? 0);
  const tests = lasting.map((share, i) => channelTests(health, i, share));
  const biased = tests.flatMap(({ bias }, i) =>
    Math.abs(bias.deviations) > SIGNIFICANT ? [i] : [],
  );
  const correlated = tests.flatMap(({ correlation: c }, i) =>
    c.deviations > SIGNIFICANT && c.size > RELEVANT_CORRELATION ? [i] : [],
  );
  const scattered = tests.flatMap(({ variance: v }, i) =>
    Math.abs(v.deviations) > SIGNIFICANT_SQUARES && Math.abs(v.size) > RELEVANT_EXCESS ? [i] : [],
  );
  const g = health.length - GLOBAL;
  const m = measured.length;
  const enough = health[g + 1]! >= 2 * m * ENOUGH;
  const excess = enough ? health[g]! / health[g + 2]! : 0;
  const nisOff =
    Math.abs(excess) > RELEVANT_EXCESS &&
    Math.abs(health[g]!) >
      SIGNIFICANT_SQUARES *
        Math.sqrt(
          health[g + 1]! +
            2 * lasting.reduce((sum, share) => sum + share ** 2, 0) * (health[g + 2]! / m) ** 2,
        );
  const fewest = Math.max(1, Math.floor(m / 4));
  const few = (channels: readonly number[]) => channels.length <= fewest && m > 1;

  const { redundancy } = state.filter;
  const sensor = faultySensor(state.filter);
  const found = redundancy && redundancyFinding(redundancy, m);
  if (found?.kind === 'model') {
    alarms.push({
      code: 'model-mismatch',
      subject: name,
      message: `The residuals of ${names(found.channels).join(', ')} keep to one side: no parameter values explain the channels together, nor would one sensor that is off.`,
    });
  } else if (sensor !== undefined) {
    alarms.push(biasAlarm(sensor));
  } else if (found !== undefined) {
    // Sensors agree with some parameters: innovations on one side are those of wear.
  } else if (biased.length > 0 && !few(biased)) {
    alarms.push({
      code: 'model-mismatch',
      subject: name,
      message: `The innovations of ${names(biased).join(', ')} keep to one side: no parameter values explain the channels together.`,
    });
  } else {
    for (const i of biased) {
      const { bias } = tests[i]!;
      alarms.push({
        code: 'sensor-fault',
        subject: measured[i]!.variable,
        message: `${measured[i]!.variable} has read ${Math.abs(bias.size).toPrecision(2)} of its noise too ${bias.size > 0 ? 'high' : 'low'} on average, ${Math.abs(bias.deviations).toFixed(1)} standard deviations from chance, while ${m - biased.length} other channels agree.`,
      });
    }
  }
  const isBiased = found === undefined ? biased.length > 0 : found.kind !== 'none';
  if (!isBiased) {
    for (const i of correlated) {
      alarms.push({
        code: 'correlated-innovations',
        subject: measured[i]!.variable,
        message: `Successive innovations of ${measured[i]!.variable} are correlated (${tests[i]!.correlation.size.toPrecision(2)}): something moves that the model lacks.`,
      });
    }
    const white = correlated.length === 0;
    if (white && scattered.length > 0 && few(scattered)) {
      for (const i of scattered) {
        const { size } = tests[i]!.variance;
        alarms.push({
          code: 'noise-mismatch',
          subject: measured[i]!.variable,
          message: `${measured[i]!.variable} scatters ${Math.sqrt(Math.max(0, 1 + size)).toPrecision(2)} times as much as its noiseStd says; it is being adapted.`,
        });
      }
    } else if (white && (nisOff || scattered.length > 0)) {
      alarms.push({
        code: 'noise-mismatch',
        subject: name,
        message: `Squared innovations are ${(1 + excess).toPrecision(2)} times what the noise explains: noiseStd is wrong and is being adapted.`,
      });
    }
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
