import type { TwinDefinition } from '../../shared/config/index.js';
import type { SiteWiseReader } from '../../shared/sitewise/index.js';
import { createFolderStore } from '../../shared/store/index.js';
import {
  assetStateKey,
  decodeAssetState,
  type Ledger,
  ledgerAliases,
  type Twin,
  wholeLedger,
} from '../../shared/twin/index.js';
import type { Plant } from '../plant/index.js';

/** What became of the values that the machine has shown. */
export interface Accounting {
  /** Values the machine showed since the edge component first listened. */
  published: number;
  /** Of those, found in SiteWise. */
  stored: number;
  /** Not found there. */
  lost: number;
  /** Found more than once, or found though never shown. */
  duplicated: number;
}

/**
 * Compares, value by value, what the machine's sensors have shown with what SiteWise has stored. The
 * first value of a stream that is stored marks when the edge component began to listen.
 *
 * @param untilNs the end of the comparison, wall time
 */
export async function accountFor(options: {
  twin: TwinDefinition;
  plant: Plant;
  reader: SiteWiseReader;
  untilNs: bigint;
}): Promise<Accounting> {
  const { twin, plant, reader, untilNs } = options;
  const aliasOf = new Map(
    [...twin.inputs, ...twin.measured].flatMap((s) =>
      s.alias === undefined ? [] : [[s.variable, s.alias] as const],
    ),
  );
  const shown = [...plant.shown()].flatMap(([variable, times]) => {
    const alias = aliasOf.get(variable);
    return alias === undefined ? [] : [{ alias, times }];
  });
  const history = await reader.history({
    aliases: shown.map((s) => s.alias),
    afterNs: plant.startNs - 1n,
    untilNs,
  });
  const result: Accounting = { published: 0, stored: 0, lost: 0, duplicated: 0 };
  for (const { alias, times } of shown) {
    const values = history.get(alias) ?? [];
    const first = values.find((v) => v.quality === 'GOOD')?.timeNs;
    const expected = new Set(first === undefined ? times : times.filter((t) => t >= first));
    const found = new Set<bigint>();
    for (const { timeNs, quality } of values) {
      if (expected.has(timeNs) && !found.has(timeNs)) found.add(timeNs);
      // The edge component adds BAD values of its own where a source is down.
      else if (quality === 'GOOD') result.duplicated++;
    }
    result.published += expected.size;
    result.stored += found.size;
    result.lost += expected.size - found.size;
  }
  return result;
}

/**
 * Compares what SiteWise has of a machine with what its estimate has used. An input's value that is
 * newer than the newest sample is held for the next one: it counts as used.
 *
 * @param where `fleet`, `assetId` and `stateDir` of the worker
 */
export async function usedBy(
  where: {
    twin: Twin;
    reader: SiteWiseReader;
    fleet: string;
    assetId: string;
    stateDir: string;
  },
  untilNs: bigint,
): Promise<{ unused: number; ledger: Ledger | null }> {
  const { definition } = where.twin;
  const key = assetStateKey(where.fleet, where.assetId);
  const found = await createFolderStore(where.stateDir).get(key);
  const state = found === undefined ? undefined : decodeAssetState(found.body, where.assetId, key);
  const ledger = state === undefined ? null : wholeLedger(state);
  const measured = new Set(definition.measured.map((m) => m.alias));
  const history = await where.reader.history({
    aliases: ledgerAliases(definition),
    afterNs: state?.arrivals.floorNs ?? 0n,
    untilNs,
    qualities: ['GOOD'],
    missing: 'empty',
  });
  let unused = 0;
  for (const [alias, values] of history) {
    const there = measured.has(alias)
      ? values.length
      : values.filter((v) => v.timeNs <= (state?.watermarkNs ?? 0n)).length;
    const { received = 0, lateUnused = 0 } = ledger?.streams[alias] ?? {};
    unused += Math.max(0, there - received) + lateUnused;
  }
  return { unused, ledger };
}
