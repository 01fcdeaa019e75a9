import type { Alarm, SensorSlopes, Twin } from '../types.js';
import type { Finding } from './verdict.js';

/** Share of what a sample says of a parameter, from which a channel is the only one that tells it. */
const ALONE = 0.9;

/** By parameter, the channel without which a sample would say hardly anything of it; left out where there is none. */
export function loneChannels(
  { definition: { measured, parameters } }: Twin,
  { slope, noiseStd, active }: Pick<SensorSlopes, 'slope' | 'noiseStd' | 'active'>,
): Record<string, string> {
  const n = parameters.length;
  return Object.fromEntries(
    parameters.flatMap(({ variable }, i) => {
      const told = active.map((k) => (slope[k * n + i]! / noiseStd[k]!) ** 2);
      const total = told.reduce((sum, v) => sum + v, 0);
      const most = active[told.findIndex((v) => v > ALONE * total)];
      return most === undefined ? [] : [[variable, measured[most]!.variable]];
    }),
  );
}

/**
 * Constants that a faulty sensor tells alone: that it is the sensor is a guess, as the constant may have
 * changed instead, which it was said not to do.
 */
export function loneFindings(
  twin: Twin,
  slopes: Pick<SensorSlopes, 'slope' | 'noiseStd' | 'active'>,
  alarms: readonly Alarm[],
): Finding[] {
  const faulty = new Set(alarms.filter((a) => a.code === 'sensor-fault').map((a) => a.subject));
  const told = loneChannels(twin, slopes);
  return twin.definition.parameters.flatMap(({ variable, dynamics }): Finding[] => {
    const channel = told[variable];
    if (dynamics !== 'constant' || channel === undefined || !faulty.has(channel)) return [];
    return [
      {
        grade: 'care',
        reason: `${variable} is told by ${channel} alone: had ${variable} changed, ${channel} would contradict the others just so; where it may wear, give it wearHorizonS in place of dynamics: constant`,
        about: [variable, channel],
      },
    ];
  });
}
