import type { FilterState } from '../state/filter-state.js';
import type { Gaussian } from './gaussian-update.js';
import { predictOutputs } from './linearise.js';
import type { FilterStep } from './step.js';

/** Noises by which two readings of one value differ at most. */
const SAME = 2 * Math.SQRT2;
/** What a change must have over a lone outlier in evidence: outliers are a hundred times as frequent. */
const RARER = Math.log(100);

/**
 * Whether modes find now that what they took for an outlier was the machine: the channel counts, reads
 * the same again, and is by far likelier to do so than to be back where the belief before it expects it.
 *
 * @param prior parameters and trends before the sample
 * @param measured of the sample; `before` holds the values of the one before
 */
export function isConfirmed(
  before: FilterState,
  prior: Gaussian,
  measured: Float64Array,
  filtered: FilterStep,
): boolean {
  if (filtered.bank === undefined || filtered.gated.length > 0) return false;
  const { linearisation } = filtered;
  const n = prior.x.length / 2;
  return filtered.active.some((o) => {
    if (!(before.suspicion[o]! > 0)) return false;
    const noise = before.noiseStd[o]! ** 2;
    const moved = (measured[o]! - before.lastValue[o]!) ** 2;
    if (moved > SAME ** 2 * noise) return false;
    const off = measured[o]! - predictOutputs(linearisation, prior.x.subarray(0, n))[o]!;
    // The sensor's noise alone: what the belief does not know, both readings share.
    return 0.5 * (off ** 2 / noise - moved / (2 * noise)) > RARER;
  });
}
