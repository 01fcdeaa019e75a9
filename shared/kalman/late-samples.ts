import { TwinError } from '../core/index.js';

/** A belief at a time, with the sample that led to it. */
export interface HistoryEntry<State, Sample> {
  readonly timeS: number;
  readonly sample: Sample;
  /** After the sample's update. */
  readonly state: State;
}

/**
 * What a filter must remember to accept samples that arrive late: the belief before the oldest
 * remembered sample, and every sample since with the belief after it.
 */
export interface FilterHistory<State, Sample> {
  readonly origin: { readonly timeS: number; readonly state: State };
  readonly entries: readonly HistoryEntry<State, Sample>[];
  /** How many samples are remembered. */
  readonly capacity: number;
}

/** What became of a sample. */
export interface Assimilation<State, Sample> {
  readonly history: FilterHistory<State, Sample>;
  /** The newest belief. */
  readonly state: State;
  /** `inOrder`, `late` (later samples were processed again) or `tooLate` (nothing changed). */
  readonly outcome: 'inOrder' | 'late' | 'tooLate';
  /** How many remembered samples were processed again. */
  readonly reprocessed: number;
}

/** Starts a history at a belief. */
export function startHistory<State, Sample>(
  timeS: number,
  state: State,
  capacity: number,
): FilterHistory<State, Sample> {
  if (!(Number.isInteger(capacity) && capacity >= 0) || !Number.isFinite(timeS)) {
    throw new TwinError(
      'VALUE_INVALID',
      `startHistory: capacity ${capacity} and timeS ${timeS}, expected an integer ≥ 0 and a finite time.`,
    );
  }
  return { origin: { timeS, state }, entries: [], capacity };
}

/**
 * Takes samples in any order: a late one is put where its time belongs and everything after it is
 * processed again, so the result is that of the right order, to the bit. Samples of one time are
 * kept in the order of arrival. Samples older than the history are refused, not squeezed in.
 * Sensors of different rates need nothing else: each sample carries its own time and NaN for the
 * channels it does not have.
 *
 * @param step predicts over `dtS` seconds (0 for a second sample of one time) and updates; pure
 */
export function assimilate<State, Sample>(
  history: FilterHistory<State, Sample>,
  timeS: number,
  sample: Sample,
  step: (state: State, sample: Sample, dtS: number, timeS: number) => State,
): Assimilation<State, Sample> {
  if (!Number.isFinite(timeS)) {
    throw new TwinError('VALUE_INVALID', `The sample's time is ${timeS}, expected finite seconds.`);
  }
  const { origin, entries, capacity } = history;
  let at = entries.length;
  while (at > 0 && entries[at - 1]!.timeS > timeS) at--;
  if (at === 0 && timeS < origin.timeS) {
    const state = entries.at(-1)?.state ?? origin.state;
    return { history, state, outcome: 'tooLate', reprocessed: 0 };
  }
  const kept = entries.slice(0, at);
  const again = entries.slice(at);
  let before = kept.at(-1) ?? origin;
  for (const next of [{ timeS, sample }, ...again]) {
    const state = step(before.state, next.sample, next.timeS - before.timeS, next.timeS);
    const entry = { timeS: next.timeS, sample: next.sample, state };
    kept.push(entry);
    before = entry;
  }
  const surplus = Math.max(0, kept.length - capacity);
  const dropped = kept[surplus - 1];
  return {
    history: {
      origin: dropped === undefined ? origin : { timeS: dropped.timeS, state: dropped.state },
      entries: kept.slice(surplus),
      capacity,
    },
    state: before.state,
    outcome: again.length > 0 ? 'late' : 'inOrder',
    reprocessed: again.length,
  };
}
