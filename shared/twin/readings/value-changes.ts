/** Repeats of a channel's last value, and how they came. */
interface Repeats {
  /** Values that repeat the one before. */
  count: number;
  /** Values after which another is known, whose row has another input than the one before … */
  looked: number;
  /** … and those of them that are the same before, then and after. */
  through: number;
}

/** What is remembered of how a channel's values change. */
interface ChannelChanges {
  /** Values that were looked at since counts were last halved. */
  values: number;
  /** The newest value, whether it repeats the one before, and whether an input changed at its row. */
  value: number;
  repeated: boolean;
  driven: boolean;
  /** Rows without a value since. */
  gap: number;
  lowest: number;
  highest: number;
  /** Of values amid the range, at its lower and at its upper end, where a sensor may stand at its rail. */
  repeats: [Repeats, Repeats, Repeats];
  /** Values that repeat where the one before did not, or the other way round. */
  turns: number;
  /** Rows without a value between two, of long gaps the first ones. */
  blanks: number;
  /** Changes, by quarter of an octave of their size: how many, and bits of the quarters of that quarter. */
  sizes: Record<number, [count: number, quarters: number]>;
  /** The last change's size, and the least difference of two sizes, newly and before counts were halved. */
  size?: number;
  finest?: number;
  finestBefore?: number;
  /** Sums over changes for the slope of log size over log rows: 1, rows, size, rows², rows · size. */
  overGaps: [number, number, number, number, number];
}

/** What is remembered of samples to tell values that are held: plain data that can be kept, and gone on with. */
export interface ValueChanges {
  inputs: (number | null)[];
  /** By measured variable; null before its first value. */
  channels: (ChannelChanges | null)[];
}

/** Bins of sizes in an octave. */
export const BINS = 4;
/** Of a gap so many rows count: a sensor may have been away. */
const LONGEST_GAP = 20;
/** Differences below this part of a value are those of binary fractions, … */
const DIGITS = 1e-9;
/** … below this part of a change those of steps that were rounded to decimals. */
const ROUNDED = 0.1;

const noRepeats = (): Repeats => ({ count: 0, looked: 0, through: 0 });

/** Before any sample. */
export const noChanges = (channels: number): ValueChanges => ({
  inputs: [],
  channels: Array.from({ length: channels }, () => null),
});

/**
 * Takes a sample.
 *
 * @param halfLife values of a channel after which all that is counted counts for half
 * @returns whether an input has changed
 */
export function noteChanges(
  changes: ValueChanges,
  { measured, inputs }: { measured: Float64Array; inputs: Float64Array },
  halfLife: number,
): boolean {
  const { channels } = changes;
  const driven = changes.inputs.some((v, i) => v !== null && isOther(inputs[i]!, v));
  changes.inputs = Array.from(inputs, (v) => (Number.isFinite(v) ? v : null));
  for (let c = 0; c < measured.length; c++) {
    const value = measured[c]!;
    const channel = channels[c] ?? null;
    if (!Number.isFinite(value)) {
      if (channel !== null) channel.gap++;
    } else if (channel === null) channels[c] = begun(value);
    else {
      follow(channel, value, driven);
      if (channel.values >= halfLife) halve(channel);
    }
  }
  return driven;
}

const isOther = (now: number, before: number) => Number.isFinite(now) && now !== before;

const begun = (value: number): ChannelChanges => ({
  values: 1,
  value,
  repeated: false,
  driven: false,
  gap: 0,
  lowest: value,
  highest: value,
  repeats: [noRepeats(), noRepeats(), noRepeats()],
  turns: 0,
  blanks: 0,
  sizes: {},
  overGaps: [0, 0, 0, 0, 0],
});

function follow(channel: ChannelChanges, value: number, driven: boolean): void {
  const { repeats, gap } = channel;
  const before = channel.value;
  const repeated = value === before;
  const at = repeats[channel.lowest === before ? 1 : channel.highest === before ? 2 : 0];
  if (gap === 0) {
    if (channel.driven) {
      at.looked++;
      if (repeated && channel.repeated) at.through++;
    }
    if (repeated !== channel.repeated) channel.turns++;
  }
  if (repeated) at.count++;
  else {
    noteSize(channel, Math.abs(value - before), value);
    widen(channel, value);
  }
  channel.values++;
  channel.blanks += Math.min(gap, LONGEST_GAP);
  channel.value = value;
  channel.repeated = repeated;
  channel.driven = driven && gap === 0;
  channel.gap = 0;
}

/** What stood at an end of the range that is none any more was amid it. */
function widen(channel: ChannelChanges, value: number): void {
  const { repeats } = channel;
  const moveAmid = (end: 1 | 2) => {
    for (const key of ['count', 'looked', 'through'] as const) repeats[0][key] += repeats[end][key];
    repeats[end] = noRepeats();
  };
  if (value < channel.lowest) {
    // A range of one value ends at it on both sides.
    if (channel.lowest === channel.highest) repeats[2] = repeats[1];
    else moveAmid(1);
    repeats[1] = noRepeats();
    channel.lowest = value;
  } else if (value > channel.highest) {
    if (channel.lowest !== channel.highest) moveAmid(2);
    channel.highest = value;
  }
}

function noteSize(channel: ChannelChanges, size: number, value: number): void {
  const place = BINS * Math.log2(size);
  const bin = Math.floor(place);
  channel.sizes[bin] ??= [0, 0];
  const known = channel.sizes[bin];
  known[0]++;
  known[1] |= 1 << Math.floor(4 * (place - bin));
  const least = Math.max(DIGITS * Math.abs(value), ROUNDED * Math.min(size, channel.size ?? size));
  for (const step of [size, Math.abs(size - (channel.size ?? 0))])
    if (step > least) channel.finest = Math.min(channel.finest ?? step, step);
  channel.size = size;
  const [g, s] = [Math.log(channel.gap + 1), Math.log(size)];
  [1, g, s, g * g, g * s].forEach((v, i) => {
    channel.overGaps[i]! += v;
  });
}

function halve(channel: ChannelChanges): void {
  channel.values = 0;
  const half = (n: number) => Math.floor(n / 2);
  for (const r of channel.repeats) {
    r.count = half(r.count);
    r.looked = half(r.looked);
    r.through = half(r.through);
  }
  channel.turns = half(channel.turns);
  channel.blanks = half(channel.blanks);
  for (const [bin, [count, quarters]] of Object.entries(channel.sizes)) {
    if (count > 1) channel.sizes[Number(bin)] = [half(count), quarters];
    else delete channel.sizes[Number(bin)];
  }
  channel.overGaps = channel.overGaps.map((v) => v / 2) as ChannelChanges['overGaps'];
  if (channel.finest !== undefined) channel.finestBefore = channel.finest;
  delete channel.finest;
}
