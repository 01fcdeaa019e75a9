import type { Tqv } from '../../shared/core/index.js';
import type { AssetSummary } from './browser/protocol.js';
import { labelOf } from './describe-machine.js';
import type { PageAsset } from './rooms.js';

/** Fewer machines of a kind tell nothing of what is usual. */
const LEAST_SIBLINGS = 5;
/** Robust standard deviations from the median that count as different. */
const DIFFERENT_BEYOND = 4;
/** Median absolute deviation to standard deviation, for a normal distribution. */
const MAD_TO_STD = 1.4826;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * Machines whose parameters differ from those of others with the same twin: the one that differs
 * most, against median and median absolute deviation, which a few worn machines do not move.
 *
 * @returns by asset id; machines that are as the others are left out
 */
export function siblingsOf(
  assets: readonly PageAsset[],
  latest: ReadonlyMap<string, Tqv>,
): Map<string, NonNullable<AssetSummary['differs']>> {
  const found = new Map<string, NonNullable<AssetSummary['differs']>>();
  const farthest = new Map<string, number>();
  for (const siblings of byTwin(assets).values()) {
    if (siblings.length < LEAST_SIBLINGS) continue;
    const [first] = siblings;
    first?.twin.parameters.forEach((parameter, i) => {
      const known = siblings.flatMap((asset) => {
        const value = latest.get(asset.twin.parameters[i]?.alias ?? '')?.value;
        return typeof value === 'number' && Number.isFinite(value) ? [{ asset, value }] : [];
      });
      if (known.length < LEAST_SIBLINGS) return;
      const usual = median(known.map((k) => k.value));
      const spread = MAD_TO_STD * median(known.map((k) => Math.abs(k.value - usual)));
      if (!(spread > 0)) return;
      for (const { asset, value } of known) {
        const deviations = Math.abs(value - usual) / spread;
        if (deviations <= Math.max(DIFFERENT_BEYOND, farthest.get(asset.id) ?? 0)) continue;
        farthest.set(asset.id, deviations);
        const { label, variable, unit } = parameter;
        found.set(asset.id, { label: label ?? labelOf(variable, unit), unit, value, usual });
      }
    });
  }
  return found;
}

function byTwin(assets: readonly PageAsset[]): Map<string, PageAsset[]> {
  const groups = new Map<string, PageAsset[]>();
  for (const asset of assets) {
    groups.set(asset.twin.name, [...(groups.get(asset.twin.name) ?? []), asset]);
  }
  return groups;
}
