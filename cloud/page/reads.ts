import { secondsToNs, type Tqv } from '../../shared/core/index.js';

/** Every so many polls the machine's streams are read again this far back, for late samples. */
const SWEEP_EVERY = 20;
const SWEEP_NS = secondsToNs(600);

/** Streams that are read by one request, from one instant on. */
export interface ReadGroup {
  aliases: string[];
  afterNs: bigint;
}

/** Whether a poll reads the machine's streams again. */
export const isSweep = (poll: number) => poll > 0 && poll % SWEEP_EVERY === 0;

/**
 * What is to be read of some streams: those with something new, or all of them again. Streams that are far
 * behind the others (one that could not be read as aggregates, for instance) have requests of their own, so
 * that not all are read from there.
 *
 * @param latest the newest value of each stream
 * @param seenNs the newest instant read of a stream
 * @param startNs how far back the page goes
 */
export function readsOf(
  aliases: readonly string[],
  latest: ReadonlyMap<string, Tqv>,
  seenNs: ReadonlyMap<string, bigint>,
  startNs: bigint,
  again: boolean,
): ReadGroup[] {
  const wanted: { alias: string; afterNs: bigint }[] = [];
  for (const alias of aliases) {
    const newest = latest.get(alias);
    const seen = seenNs.get(alias) ?? startNs;
    if (newest === undefined || (newest.timeNs <= seen && !again)) continue;
    const fromNs = again ? seen - SWEEP_NS : seen;
    wanted.push({ alias, afterNs: fromNs > startNs ? fromNs : startNs });
  }
  wanted.sort((a, b) => (a.afterNs < b.afterNs ? -1 : a.afterNs > b.afterNs ? 1 : 0));
  const groups: ReadGroup[] = [];
  for (const { alias, afterNs } of wanted) {
    const group = groups.at(-1);
    if (group !== undefined && afterNs - group.afterNs <= SWEEP_NS) group.aliases.push(alias);
    else groups.push({ aliases: [alias], afterNs });
  }
  return groups;
}
