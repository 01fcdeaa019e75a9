import { distance } from 'fastest-levenshtein';

/** A name of which this share of the letters is wrong was probably not meant. */
const WRONG_SHARE = 0.4;
/** Shorter parts are found in too many names. */
const SHORTEST_PART = 3;

/**
 * The known name that comes nearest to one that is not known: a few letters away, or one that
 * contains it.
 *
 * @returns undefined where none is near
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    if (candidate === name) continue;
    const other = candidate.toLowerCase();
    const edits = distance(wanted, other);
    const near = edits <= Math.max(1, Math.floor(WRONG_SHARE * wanted.length));
    const part =
      (wanted.length >= SHORTEST_PART && other.includes(wanted)) ||
      (other.length >= SHORTEST_PART && wanted.includes(other));
    // Letters that are wrong count before letters that are missing.
    const cost = near ? edits : part ? wanted.length + edits : Number.POSITIVE_INFINITY;
    if (cost < bestCost) {
      best = candidate;
      bestCost = cost;
    }
  }
  return best;
}

/** ` (did you mean "x"?)` for a message about an unknown name; empty where no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
}

/** Unknown names for a message, each in quotes and with the name that was probably meant. */
export function unknownNames(names: readonly string[], known: readonly string[]): string {
  return names.map((name) => `"${name}"${didYouMean(name, known)}`).join(', ');
}
