import { percentText } from '../../core/index.js';
import { instantText } from '../report/time-axis.js';
import type { Alarm, Sample, Twin } from '../types.js';
import { type AgedChannel, agedChannels } from './aged-channels.js';
import {
  type FrozenChannel,
  frozenIn,
  newChannelWatch,
  sameIn,
  watchSample,
} from './channel-watch.js';
import { type HeldChannel, heldIn, heldInputsIn } from './held-values.js';
import { type RepeatedRows, repeatedRows } from './repeated-rows.js';
import { type StillInput, stillIn, stillText } from './still-inputs.js';
import { type WildValues, wildValues } from './wild-values.js';

/** What is wrong with channels of a recording, whatever the model says. */
export interface ChannelFaults {
  frozenChannels: FrozenChannel[];
  /** Pairs of measured variables that are the same up to the newest sample. */
  sameChannels: [string, string][];
  /** Whose rows repeat values, or are blank, until a new one comes. */
  heldChannels?: HeldChannel[];
  /** Inputs that changed with nearly each sample, then kept one value; left out where there are none. */
  stillInputs?: StillInput[];
  /** Where the recording repeats itself; left out where it does not. */
  repeatedRows?: RepeatedRows[];
  /** Readings that were set aside, far from all others. */
  wildValues?: WildValues[];
  /** Whose readings count at later times than their own. */
  agedChannels?: AgedChannel[];
}

/** Channels of a recording that stood still, hold values, were copied from others, or have wild values. */
export function channelFaults({ definition }: Twin, samples: readonly Sample[]): ChannelFaults {
  const watch = newChannelWatch(definition);
  for (const sample of samples) watchSample(watch, sample);
  const aged = agedChannels(definition, samples);
  const still = stillIn(watch.inputs, definition);
  const repeated = repeatedRows(definition, samples);
  return {
    frozenChannels: frozenIn(watch, definition),
    sameChannels: sameIn(watch, definition),
    heldChannels: [...heldIn(watch.changes!, definition), ...heldInputsIn(definition, samples)],
    wildValues: wildValues(definition, samples),
    ...(aged.length === 0 ? {} : { agedChannels: aged }),
    ...(still.length === 0 ? {} : { stillInputs: still }),
    ...(repeated.length === 0 ? {} : { repeatedRows: repeated }),
  };
}

/** What is to be said of a channel that was frozen. */
export const frozenText = ({ variable, samples, sinceS, untilS }: FrozenChannel): string =>
  `${variable} moves, yet holds one value for ${samples} samples (${instantText(sinceS)} to ${instantText(untilS)}) while inputs change: was the sensor frozen?`;

/** What is to be said of a channel that holds values. */
export const heldText = ({ variable, share, deadband, blank, input }: HeldChannel): string => {
  if (blank)
    return `${variable} is blank in ${percentText(share)} of its rows and else changes by ${deadband!.toPrecision(2)} or more: what moves by less is not recorded, and of noise only the outermost values are; record it without such a deadband, or with one below its noise`;
  const repeats = `${variable} repeats its last value in ${percentText(share)} of its rows`;
  if (input)
    return `${repeats} and else changes by ${deadband!.toPrecision(2)} or more: the model is driven by steps where the machine was by what lay between; record it without such a deadband`;
  return deadband === undefined
    ? `${repeats}, also where inputs change, so that old values pass for new ones: is it read less often than the recording has rows? Leave its repeats empty`
    : `${repeats} and else changes by ${deadband.toPrecision(2)} or more, so that old values pass for new ones: record it without such a deadband, or with one below its noise`;
};

/** What is to be said of channels that are the same. */
export const sameText = (pair: readonly string[]): string =>
  `${pair.join(' and ')} are the same, digit by digit: is one column or signal read for both?`;

/** Channels that never moved, stood still, were copied, or hold values, as alarms. */
export const channelAlarms = (
  dead: readonly string[],
  {
    frozenChannels = [],
    sameChannels = [],
    heldChannels = [],
    stillInputs = [],
  }: Partial<ChannelFaults>,
): Alarm[] => [
  ...dead.map((subject) => ({
    code: 'sensor-frozen' as const,
    subject,
    message: deadText(subject),
  })),
  ...frozenChannels.map((found) => ({
    code: 'sensor-frozen' as const,
    subject: found.variable,
    message: frozenText(found),
  })),
  ...stillInputs.map((found) => ({
    code: 'sensor-frozen' as const,
    subject: found.variable,
    message: stillText(found),
  })),
  ...sameChannels.map((pair) => ({
    code: 'sensor-copied' as const,
    subject: pair[0],
    message: sameText(pair),
  })),
  ...heldChannels.map((found) => ({
    code: 'sensor-held' as const,
    subject: found.variable,
    message: heldText(found),
  })),
];

/** What is to be said of a channel that never moved. */
export const deadText = (name: string): string => `${name} never moves: is the sensor connected?`;

/** Alarms of a run with those of its channels that say something new: a channel is named once. */
export function withChannelAlarms(alarms: readonly Alarm[], ofChannels: readonly Alarm[]): Alarm[] {
  const isKnown = (a: Alarm) => alarms.some((b) => a.code === b.code && a.subject === b.subject);
  return [...alarms, ...ofChannels.filter((a) => !isKnown(a))];
}
