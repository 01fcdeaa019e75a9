import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { BINS, noChanges, noteChanges, type ValueChanges } from './value-changes.js';

/** A variable whose rows repeat a value, or are blank, until a new one comes. */
export interface HeldChannel {
  variable: string;
  /** Share of its values that repeat the one before; of its rows that are blank. */
  share: number;
  /** Below what it changes by, it is not told; left out where it is told at times, whatever it changed by. */
  deadband?: number;
  /** Where its rows are blank, not repeated. */
  blank?: true;
  /** Of an input, which drives the model. */
  input?: true;
}

/** Share of rows from which a deadband is named. */
const LEAST_OF_DEADBAND = 0.05;
/**
 * Chance that changes of a sensor without a deadband, whose density is highest at zero, leave as few below an
 * octave of sizes: of blanks, which have many reasons, and of repeats to the last digit.
 */
const CHANCE = { blank: 1e-6, repeat: 1e-4 };
/** Sixteenths of an octave that changes of up to twice a deadband lie in: single steps of a sensor are fewer. */
const LEAST_PLACES = 5;
/** Changes below a deadband: hardly any. Sensors whose resolution is another at each value have many, … */
const MOST_BELOW = 0.005;
/** … or, below which there are few, hardly any of up to twice as large. */
const LEAST_WITHIN = 0.15;
/** Rows that are held beside changes of up to twice the deadband: what is missing below is there. */
const MISSING = 0.75;
/** Turns between holding and changing, beside the fewer of both: at a ramp's end, or where a sensor freezes, there is one … */
const LEAST_TURNING = 0.25;
/** … and how many at least. */
const LEAST_TURNS = 8;
/** Power of the rows between two values that sizes of changes grow by: noise 0, a random walk 0.5, a ramp 1. */
const MOST_GROWTH = 0.4;
/** Share of repeats up to which a channel is blank instead. */
const MOST_REPEATS = 0.05;

/** Share of values that repeat the one before from which a sensor may be slower than the rows … */
const LEAST_SHARE = 0.2;
/** … how many times its finest step it jumps by then … */
const LEAST_JUMP = 10;
/** … changes of inputs that it must have been looked at by … */
const LEAST_CHANGES = 5;
/** … and the share of them that it held its value through: a machine at rest without noise holds through none. */
const HELD_THROUGH = 0.25;

/**
 * Measured variables whose values are held from row to row, as a historian with a deadband or a sensor
 * slower than the rows leaves them: old values that pass for new ones, or blanks that are no chance.
 */
export const heldIn = ({ channels }: ValueChanges, { measured }: TwinDefinition): HeldChannel[] =>
  measured.flatMap(({ variable }, c) => {
    const channel = channels[c];
    const found = channel && heldOf(channel);
    return found ? [{ variable, ...found }] : [];
  });

/** Share of an input's range from which its least step is that of levels it is set to. */
const STEP_OF_LEVELS = 0.1;

/**
 * Inputs that were recorded with a deadband: they repeat a value until they have moved by more, so that the
 * model is driven by steps where the machine was by what lay between.
 */
export function heldInputsIn(
  { inputs }: TwinDefinition,
  samples: readonly Pick<Sample, 'inputs' | 'between'>[],
): HeldChannel[] {
  const changes = noChanges(inputs.length);
  const last = new Float64Array(inputs.length).fill(Number.NaN);
  const none = new Float64Array();
  for (const sample of samples) {
    for (const at of [...(sample.between ?? []), sample]) {
      at.inputs.forEach((v, i) => {
        if (Number.isFinite(v)) last[i] = v;
      });
      noteChanges(changes, { measured: last, inputs: none }, Number.POSITIVE_INFINITY);
    }
  }
  return inputs.flatMap(({ variable }, i) => {
    const channel = changes.channels[i];
    const found = channel && heldOf(channel);
    if (!channel || found?.deadband === undefined) return [];
    const isSet = found.deadband >= STEP_OF_LEVELS * (channel.highest - channel.lowest);
    return isSet ? [] : [{ variable, ...found, input: true as const }];
  });
}

type Channel = NonNullable<ValueChanges['channels'][number]>;

function heldOf(channel: Channel): Omit<HeldChannel, 'variable'> | undefined {
  const sizes = Object.entries(channel.sizes)
    .map(([bin, [count, quarters]]) => ({ bin: Number(bin), count, quarters }))
    .sort((a, b) => a.bin - b.bin);
  const changes = sizes.reduce((sum, s) => sum + s.count, 0);
  if (changes === 0) return;
  const finest = Math.min(channel.finest ?? Infinity, channel.finestBefore ?? Infinity);
  // At the ends of its range a sensor may stand at a rail.
  const { count: repeats, looked, through } = channel.repeats[0];
  const { blanks, turns } = channel;
  const share = repeats / (repeats + changes);
  const isBlank = share <= MOST_REPEATS;
  const held = isBlank ? blanks : repeats;
  const heldShare = held / (held + changes);
  const takesTurns = turns >= Math.max(LEAST_TURNS, LEAST_TURNING * Math.min(repeats, changes));
  const band = deadbandOf(sizes, changes, CHANCE[isBlank ? 'blank' : 'repeat']);
  if (
    band !== undefined &&
    heldShare >= LEAST_OF_DEADBAND &&
    held >= MISSING * band.within &&
    band.places >= LEAST_PLACES &&
    (isBlank ? growthOf(channel) <= MOST_GROWTH : takesTurns)
  )
    return { share: heldShare, deadband: band.size, ...(isBlank && { blank: true as const }) };
  if (share < LEAST_SHARE || !takesTurns) return;
  if (medianOf(sizes, changes) < LEAST_JUMP * finest) return;
  return looked >= LEAST_CHANGES && through >= HELD_THROUGH * looked ? { share } : undefined;
}

interface Sizes {
  bin: number;
  count: number;
  /** Bits of the bin's quarters that have any. */
  quarters: number;
}

/** A size that changes of a sensor without a deadband would also be below. */
interface Band {
  size: number;
  /** Changes from it to twice as large, and the sixteenths of an octave that they lie in. */
  within: number;
  places: number;
}

const bitsOf = (mask: number): number => [1, 2, 4, 8].filter((bit) => (mask & bit) !== 0).length;

const edgeOf = (bin: number) => 2 ** (bin / BINS);

/** The size below which changes are missing, and how many are from it to twice as large. */
function deadbandOf(sizes: readonly Sizes[], changes: number, most: number): Band | undefined {
  let best: Band | undefined;
  let least = Math.log(most);
  let below = 0;
  for (const { bin, count } of sizes) {
    if (below > MOST_BELOW * changes) break;
    const above = sizes.filter((s) => s.bin >= bin && s.bin < bin + BINS);
    const within = above.reduce((sum, s) => sum + s.count, 0);
    // Where the density falls from zero, at least half of those up to twice as large are below.
    const chance = logAtMost(below, below + within);
    if (chance < least && within >= LEAST_WITHIN * changes) {
      least = chance;
      const places = above.reduce((sum, s) => sum + bitsOf(s.quarters), 0);
      best = { size: edgeOf(bin), within, places };
    }
    below += count;
  }
  return best;
}

/**
 * Logarithm of the chance of at most `k` heads in `n` throws of a coin: of a thousand throws the chance itself
 * is none that a number holds. From half the throws on it is taken for 1.
 */
export function logAtMost(k: number, n: number): number {
  if (2 * k >= n) return 0;
  let ofK = -n * Math.LN2;
  for (let i = 1; i <= k; i++) ofK += Math.log((n - i + 1) / i);
  let term = 1;
  let sum = 1;
  for (let i = k; i >= 1 && term > Number.EPSILON * sum; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return ofK + Math.log(sum);
}

function medianOf(sizes: readonly Sizes[], changes: number): number {
  let sum = 0;
  for (const { bin, count } of sizes) {
    sum += count;
    if (sum > changes / 2) return edgeOf(bin);
  }
  return 0;
}

/** The power of the rows between two values that changes grow by; zero where all are as far apart. */
function growthOf({ overGaps: [n, g, s, gg, gs] }: Channel): number {
  const spread = gg - (g * g) / n;
  return spread > 1e-9 * n ? (gs - (g * s) / n) / spread : 0;
}
