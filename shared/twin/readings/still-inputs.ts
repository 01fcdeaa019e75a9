import type { TwinDefinition } from '../../config/index.js';
import { instantText } from '../report/time-axis.js';

/** An input that changed with nearly each sample, then kept one value. */
export interface StillInput {
  variable: string;
  /** Samples that keep it. */
  samples: number;
  sinceS: number;
  untilS: number;
}

interface Run {
  samples: number;
  sinceS: number;
  untilS: number;
}

/** What is remembered of an input: plain data. */
export interface WatchedInput {
  value: number;
  lowest: number;
  highest: number;
  /** Samples before the run that lasts, and those at which it changed. */
  steps: number;
  changes: number;
  /** How long it has kept its value. */
  run: Run;
  /** Runs that were over, the newest few. */
  past: Run[];
}

/** Samples that tell how an input behaves. */
const ENOUGH = 50;
/** Share of them at which it changed, if it is one that changes with each. */
const ALWAYS = 0.95;
/** Samples in a row from which such an input stands still. */
const LEAST_RUN = 20;
/** Runs that are remembered. */
const MOST_RUNS = 8;

/**
 * Takes a sample's value of an input.
 *
 * @param known undefined before the first
 * @param halfLife samples after which what it did counts for half
 */
export function followedInput(
  known: WatchedInput | null | undefined,
  value: number,
  timeS: number,
  halfLife: number,
): WatchedInput | null {
  if (!Number.isFinite(value)) return known ?? null;
  const run = { samples: 1, sinceS: timeS, untilS: timeS };
  if (!known) return { value, lowest: value, highest: value, steps: 0, changes: 0, run, past: [] };
  if (value === known.value) {
    known.run.samples++;
    known.run.untilS = timeS;
    return known;
  }
  if (standsStill(known, known.run)) {
    // A silence says nothing of how the input behaves.
    known.past = [...known.past, known.run].slice(-MOST_RUNS);
  } else {
    known.steps += known.run.samples;
    known.changes++;
  }
  if (known.steps >= halfLife) {
    known.steps /= 2;
    known.changes /= 2;
  }
  known.run = run;
  known.value = value;
  known.lowest = Math.min(known.lowest, value);
  known.highest = Math.max(known.highest, value);
  return known;
}

/** At the ends of its range an input may be off, or as large as it can be. */
function standsStill({ steps, changes, value, lowest, highest }: WatchedInput, run: Run): boolean {
  const usually = steps >= ENOUGH && changes >= ALWAYS * steps;
  return usually && run.samples >= LEAST_RUN && value > lowest && value < highest;
}

/** Inputs that follow streams and stood still at some time. */
export const stillIn = (
  watched: readonly (WatchedInput | null)[] | undefined,
  { inputs }: TwinDefinition,
): StillInput[] =>
  (watched ?? []).flatMap((known, i) => {
    const input = inputs[i];
    if (!known || input === undefined || input.value !== undefined) return [];
    const lasts = standsStill(known, known.run) ? [known.run] : [];
    return [...known.past, ...lasts].map((run) => ({ variable: input.variable, ...run }));
  });

/** What is to be said of an input that stood still. */
export const stillText = ({ variable, samples, sinceS, untilS }: StillInput): string =>
  `${variable} changes with nearly each sample, yet kept one value for ${samples} (${instantText(sinceS)} to ${instantText(untilS)}): was its stream silent, or its sensor stuck? What drove the machine meanwhile is not known`;
