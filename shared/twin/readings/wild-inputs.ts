import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { isErrorCode, isFarOutside, isLarge, isSentinel } from './no-readings.js';
import { FEW, FOLLOWS, FOLLOWS_WITHIN, type WildValues } from './wild-values.js';

/** Where an input has been. */
interface InputRange {
  /** Samples that told. */
  seen: number;
  from: number;
  to: number;
  last: number;
  /** Samples in which it was wild. */
  wild: number;
  /** A wild value that it held at the last of them: it is none that is new until another comes. */
  aside?: number;
}

/** What is remembered of samples to tell wild values of inputs as they come: plain data that can be kept. */
export interface InputRanges {
  /** Per input; null before its first value. */
  inputs: (InputRange | null)[];
  /** Per measured variable; null before its first value. */
  measured: (MeasuredRange | null)[];
  /** Whether an input was away from where it had been, at the newest sample. */
  driven?: boolean;
}

/** Where a measured variable has been. */
interface MeasuredRange {
  last: number;
  /** The largest change of late. */
  most: number;
  /** Values that told where it has been; absent in what was kept before it was. */
  seen?: number;
  from?: number;
  to?: number;
  /** The error code that it had at the newest sample, … */
  aside?: number;
  /** … and at how many in a row. */
  times?: number;
  /** A value like one that was taken there: where the machine has gone, if the next is like it. */
  gone?: number;
}

/** A sample whose inputs were looked at. */
export interface JudgedInputs {
  /** With wild values as what they were before; absent where samples to come must tell. */
  sample?: Sample;
  /** What is wild; without a sample, what may be. */
  wild: { input: number; timeS: number; value: number }[];
  /** Wild values that are still held at the sample, by input; absent where there are none. */
  aside?: ReadonlyMap<number, number>;
}

/** Values from which the range of what came before says where an input may be. */
const LEAST_SEEN = 50;
/** What is left of a change after a sample: half after 700. */
const KEPT = 0.999;

/** Before any sample. */
export const noInputRanges = ({ inputs, measured }: TwinDefinition): InputRanges => ({
  inputs: inputs.map(() => null),
  measured: measured.map(() => null),
});

/**
 * Whether a value of an input is an error code. A command may well go far away and stay, so only what devices send
 * for no value is.
 */
const isCoded = ({ inputs }: InputRanges, input: number, value: number): boolean => {
  const known = inputs[input];
  if (known === null || known === undefined || !isSentinel(value)) return false;
  return isLarge(known, value);
};

/** A sample with the error codes of inputs as what these were before, and which they were. */
function withoutInputCodes(
  ranges: InputRanges,
  given: Sample,
): { sample: Sample; codes: JudgedInputs['wild'] } {
  const codes: JudgedInputs['wild'] = [];
  let [sample, isOther] = [given, false];
  ranges.inputs.forEach((known, input) => {
    if (known === null) return;
    let told = known.aside;
    sample = withInput(sample, input, known.last, (value, timeS) => {
      const is = isCoded(ranges, input, value);
      // It is told again at each sample until the next reading.
      if (is && value !== told) codes.push({ input, timeS, value });
      // What runs straight through the change of another has no value there.
      if (!Number.isNaN(value)) told = is ? value : undefined;
      isOther ||= is;
      return is;
    });
  });
  return { sample: isOther ? sample : given, codes };
}

const isFar = ({ inputs }: InputRanges, input: number, value: number): boolean => {
  const known = inputs[input];
  return (
    known !== null &&
    known !== undefined &&
    known.seen >= LEAST_SEEN &&
    known.wild < Math.max(1, FEW * known.seen) &&
    known.to > known.from &&
    isFarOutside(known, value)
  );
};

/** The inputs that are far outside of all before, at a sample or since the one before. */
function farInputs(ranges: InputRanges, { inputs, between = [] }: Sample): number[] {
  return [...inputs.keys()].filter((i) =>
    [inputs, ...between.map((at) => at.inputs)].some((values) => isFar(ranges, i, values[i]!)),
  );
}

/** Whether an input is away from where it has been, by more than it has moved before. */
export const isDrivenAway = ({ inputs }: InputRanges, sample: Sample): boolean =>
  inputs.some((known, i) => {
    if (known === null) return false;
    const [from, to] = [2 * known.from - known.to, 2 * known.to - known.from];
    return [sample, ...(sample.between ?? [])].some(
      (at) => at.inputs[i]! < from || at.inputs[i]! > to,
    );
  });

/** Whether a measured variable changes in some samples as it did not of late. */
function isFollowed({ measured }: InputRanges, samples: readonly Sample[]): boolean {
  return measured.some((known, c) => {
    if (known === null) return false;
    let { last } = known;
    const { from = 0, to = 0 } = known;
    return samples.some((sample) => {
      const value = sample.measured[c]!;
      if (!Number.isFinite(value) || isErrorCode({ from, to }, value)) return false;
      const change = Math.abs(value - last);
      last = value;
      return change > FOLLOWS * known.most;
    });
  });
}

/** A sample with the values of an input that are wild, which it is asked in order of time, as another. */
function withInput(
  sample: Sample,
  input: number,
  instead: number,
  isWild: (value: number, timeS: number) => boolean,
): Sample {
  const without = ({ timeS, inputs }: { timeS: number; inputs: Float64Array }) =>
    isWild(inputs[input]!, timeS) ? inputs.map((v, i) => (i === input ? instead : v)) : inputs;
  const between = sample.between?.map((at) => ({ timeS: at.timeS, inputs: without(at) }));
  return { ...sample, inputs: without(sample), ...(between && { between }) };
}

/**
 * A sample with what was set aside before, and is held or told again, as what it was before that. A stream
 * tells it wherever another input changes, until its own next reading.
 */
const withoutHeld = ({ inputs }: InputRanges, sample: Sample): Sample =>
  inputs.reduce((given, known, input) => {
    if (known?.aside === undefined) return given;
    const { aside, last } = known;
    let isHeld = true;
    return withInput(given, input, last, (value) => {
      // What runs straight through the change of another has no value there.
      isHeld &&= value === aside || Number.isNaN(value);
      return isHeld && value === aside;
    });
  }, sample);

/** What is taken, and what is held aside: where inputs at the sample are not as they were given. */
function taken(given: Sample, sample: Sample, wild: JudgedInputs['wild']): JudgedInputs {
  const aside = new Map(
    [...given.inputs.entries()].filter(([i, value]) => !Object.is(value, sample.inputs[i])),
  );
  return { sample, wild, ...(aside.size > 0 && { aside }) };
}

/**
 * Looks for a wild value among a sample's inputs: far outside of all before, back at the next sample, and
 * followed by no measured variable. What stays is a step, what a sensor follows is a blow or a pulse, and
 * where several inputs go at once it is the machine: those are taken.
 *
 * @param ahead tells the samples after it, as far as they are known
 */
export function judgeInputs(
  ranges: InputRanges,
  given: Sample,
  ahead: () => readonly Sample[],
): JudgedInputs {
  const { sample: read, codes } = withoutInputCodes(ranges, given);
  const sample = withoutHeld(ranges, read);
  const far = farInputs(ranges, sample);
  const [input] = far;
  if (input === undefined || far.length > 1) return taken(given, sample, codes);
  const followers = ahead().slice(0, FOLLOWS_WITHIN);
  const [next] = followers;
  const stays =
    next !== undefined &&
    isFar(ranges, input, sample.inputs[input]!) &&
    isFar(ranges, input, next.inputs[input]!);
  if (stays || isFollowed(ranges, [sample, ...followers])) return taken(given, sample, codes);
  const { last } = ranges.inputs[input]!;
  const wild = [...codes];
  let told = Number.NaN;
  const without = withInput(sample, input, last, (value, timeS) => {
    if (!isFar(ranges, input, value)) return false;
    if (value !== told) wild.push({ input, timeS, value });
    told = value;
    return true;
  });
  return followers.length < FOLLOWS_WITHIN ? { wild } : taken(given, without, wild);
}

/**
 * The ranges after a sample that was taken.
 *
 * @param judged what was set aside of it
 */
export function withSample(
  ranges: InputRanges,
  sample: Sample,
  {
    wild,
    aside,
    codes = [],
  }: Omit<JudgedInputs, 'sample'> & { codes?: readonly { channel: number; value: number }[] } = {
    wild: [],
  },
): InputRanges {
  const { inputs, measured, between = [] } = sample;
  return {
    inputs: ranges.inputs.map((known, i) => {
      const values = [...between.map((at) => at.inputs[i]!), inputs[i]!].filter(Number.isFinite);
      const last = values.at(-1);
      if (last === undefined) return known;
      return {
        seen: (known?.seen ?? 0) + 1,
        from: values.reduce((least, v) => Math.min(least, v), known?.from ?? last),
        to: values.reduce((greatest, v) => Math.max(greatest, v), known?.to ?? last),
        last,
        wild: (known?.wild ?? 0) + (wild.some(({ input }) => input === i) ? 1 : 0),
        ...(aside?.has(i) && { aside: aside.get(i)! }),
      };
    }),
    measured: ranges.measured.map((known, c) => {
      const value = measured[c]!;
      const code = codes.find(({ channel }) => channel === c);
      if (code !== undefined && known !== null) {
        const times = known.aside === code.value ? (known.times ?? 0) + 1 : 1;
        return { ...known, aside: code.value, times };
      }
      return Number.isFinite(value) ? widened(known, value) : known;
    }),
    ...(isDrivenAway(ranges, sample) && { driven: true }),
  };
}

/** A range after another value: one like an error code is taken into it once the next is like it. */
function widened(known: MeasuredRange | null, value: number): MeasuredRange {
  const { seen = 0, from = value, to = value, last = value, most = 0, gone } = known ?? {};
  const isLike = isErrorCode({ from, to }, value);
  if (known !== null && isLike && gone === undefined) {
    const { aside: _, times: __, ...same } = known;
    return { ...same, gone: value };
  }
  const [before, told] = isLike ? [gone!, [value, gone!]] : [last, [value]];
  return {
    last: value,
    most: Math.max(KEPT * most, Math.abs(value - before)),
    seen: seen + 1,
    from: Math.min(from, ...told),
    to: Math.max(to, ...told),
  };
}

/** What was found, as it is named: a value that is told again until the next is one. */
export function wildInputsOf(
  { inputs }: TwinDefinition,
  ranges: InputRanges,
  wild: JudgedInputs['wild'],
): WildValues[] {
  return inputs.flatMap(({ variable }, input) => {
    const own = wild.filter((w) => w.input === input);
    const values = own.filter(({ value }, k) => isSentinel(value) || value !== own[k - 1]?.value);
    const { from, to } = ranges.inputs[input] ?? { from: Number.NaN, to: Number.NaN };
    return values.length === 0
      ? []
      : [{ variable, values: values.map(({ timeS, value }) => ({ timeS, value })), from, to }];
  });
}
