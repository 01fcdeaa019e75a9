import { type Force, forceOfState, noiseBefore } from '../disturbances/index.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Beginning } from './beginning.js';
import { stateNoiseStd } from './held-states.js';
import type { LinearRun } from './linearise.js';
import { trustOf } from './noise-watch.js';

/** How fast the states' noise follows the correlation of innovations, per sample. */
const STATE_NOISE_GAIN = 0.05;
/** Bounds of the factor that it may come to, as a logarithm. */
const STATE_NOISE_LOG = [-7, 14] as const;

/**
 * What the time to a sample adds to the states' deviations.
 *
 * @param share the definition's: of a state's scale, per √s
 * @param boost factor per state during an event
 */
export function stateNoise(
  memory: TransientMemory,
  { scale, elapsedS, known }: Beginning,
  share: number,
  forces: readonly Force[],
  boost: Float64Array | undefined,
): Float64Array {
  const ns = scale.length;
  const trust = trustOf(memory.noiseWatch);
  const noise = {
    share: trust * share * Math.exp(memory.stateNoiseLog),
    speedNoise: trust * (memory.speedNoise ?? 0),
  };
  const speed = known && memory.speed?.length === ns ? memory.speed : new Float64Array(ns);
  return scale.map((s, i) => {
    const force = forceOfState(forces, ns, i);
    if (force !== undefined) return noiseBefore(force, elapsedS);
    return stateNoiseStd(s, speed[i]!, noise, Math.max(0, elapsedS)) * (boost?.[i] ?? 1);
  });
}

/** How fast the model moves each state, per second, whatever the sample says. */
export function speedOf(line: LinearRun, n: number, ns: number, elapsedS: number): Float64Array {
  return Float64Array.from({ length: ns }, (_, i) =>
    elapsedS > 0 ? (line.mean[i]! - line.centre[n + i]!) / elapsedS : 0,
  );
}

/**
 * The states' noise after a sample: innovations that follow each other say that the states were
 * trusted too much, such that turn round each time that they were trusted too little.
 *
 * @see Mehra, On the identification of variances and adaptive Kalman filtering (1970)
 */
export function adaptedLog(memory: TransientMemory, innovation: Float64Array): number {
  let sum = 0;
  let count = 0;
  innovation.forEach((value, i) => {
    const product = value * memory.lastInnovation[i]!;
    if (!Number.isFinite(product)) return;
    sum += Math.max(-4, Math.min(4, product));
    count++;
  });
  const before = memory.stateNoiseLog;
  if (count === 0) return before;
  const [least, most] = STATE_NOISE_LOG;
  return Math.min(most, Math.max(least, before + (STATE_NOISE_GAIN * sum) / count));
}
