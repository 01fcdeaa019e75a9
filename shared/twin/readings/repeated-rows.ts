import type { TwinDefinition } from '../../config/index.js';
import { instantText } from '../report/time-axis.js';
import type { Sample } from '../types.js';

/** Samples running at which everything that otherwise changes with nearly each repeats its value. */
export interface RepeatedRows {
  /** Signals that show it: measured variables and inputs. */
  variables: string[];
  samples: number;
  sinceS: number;
  untilS: number;
}

/** Neighbours that tell how a signal behaves. */
const ENOUGH = 50;
/** Share of them at which it repeats its value at most, if it is one that changes with nearly each. */
const SELDOM = 0.1;
/** Signals that must repeat theirs at once, … */
const FEWEST = 2;
/** … at so many samples running: seldom as each repeats, that is no chance. */
const LEAST_RUN = 3;

type Rows = readonly Pick<Sample, 'timeS' | 'inputs' | 'measured'>[];

/** A signal of the recording. */
interface Signal {
  variable: string;
  at(row: number): number;
}

const signalsOf = ({ inputs, measured }: TwinDefinition, samples: Rows): Signal[] => [
  ...measured.map(({ variable }, c) => ({
    variable,
    at: (row: number) => samples[row]!.measured[c]!,
  })),
  ...inputs.flatMap(({ variable, value }, i) =>
    value === undefined ? [{ variable, at: (row: number) => samples[row]!.inputs[i]! }] : [],
  ),
];

/**
 * Where a recording repeats itself: as of a recorder that goes on writing while it hears nothing. No signal
 * changes there, not even those that do with nearly each sample; a machine that is off leaves its sensors at the ends
 * of their ranges, or their noise.
 *
 * @param samples rising in time
 */
export function repeatedRows(definition: TwinDefinition, samples: Rows): RepeatedRows[] {
  const signals = signalsOf(definition, samples);
  const isRepeat = ({ at }: Signal, row: number) => at(row) === at(row - 1);
  const isKnown = ({ at }: Signal, row: number) =>
    Number.isFinite(at(row)) && Number.isFinite(at(row - 1));
  const runs: { row: number; rows: number }[] = [];
  for (let row = 1; row < samples.length; row++) {
    const known = signals.filter((s) => isKnown(s, row));
    if (known.length < FEWEST || !known.every((s) => isRepeat(s, row))) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.row + last.rows === row) last.rows++;
    else runs.push({ row, rows: 1 });
  }
  const long = runs.filter(({ rows }) => rows >= LEAST_RUN);
  if (long.length === 0) return [];
  const within = new Set(
    long.flatMap(({ row, rows }) => Array.from({ length: rows }, (_, k) => row + k)),
  );
  const lively = signals.flatMap((signal) => {
    let [pairs, repeats] = [0, 0];
    let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = 1; row < samples.length; row++) {
      if (within.has(row) || !isKnown(signal, row)) continue;
      pairs++;
      if (isRepeat(signal, row)) repeats++;
      lowest = Math.min(lowest, signal.at(row));
      highest = Math.max(highest, signal.at(row));
    }
    return pairs >= ENOUGH && repeats <= SELDOM * pairs ? [{ signal, lowest, highest }] : [];
  });
  return long.flatMap(({ row, rows }) => {
    const amid = lively.filter(({ signal, lowest, highest }) => {
      const value = signal.at(row);
      return value > lowest && value < highest;
    });
    if (amid.length < FEWEST) return [];
    return [
      {
        variables: amid.map(({ signal }) => signal.variable),
        samples: rows,
        sinceS: samples[row - 1]!.timeS,
        untilS: samples[row + rows - 1]!.timeS,
      },
    ];
  });
}

/** The same samples, with what repeated rows say as missing. */
export function withoutRepeatedRows<S extends Pick<Sample, 'timeS' | 'inputs' | 'measured'>>(
  definition: TwinDefinition,
  samples: readonly S[],
): readonly S[] {
  const found = repeatedRows(definition, samples);
  if (found.length === 0) return samples;
  return samples.map((sample) => {
    const { timeS, inputs, measured } = sample;
    if (!found.some(({ sinceS, untilS }) => timeS > sinceS && timeS <= untilS)) return sample;
    return {
      ...sample,
      // A fixed value is none that was recorded.
      inputs: inputs.map((v, i) => (definition.inputs[i]!.value === undefined ? Number.NaN : v)),
      measured: measured.map(() => Number.NaN),
    };
  });
}

/** What is to be said of them. */
export function repeatedRowsText(found: readonly RepeatedRows[]): string {
  const [first, ...more] = found.toSorted((a, b) => b.samples - a.samples);
  const { variables, samples, sinceS, untilS } = first!;
  const others = more.reduce((sum, run) => sum + run.samples, 0);
  return `${variables.join(', ')} change with nearly each sample, yet all repeat their values at ${samples} running (${instantText(sinceS)} to ${instantText(untilS)})${
    others === 0 ? '' : ` and at ${others} more`
  }: was the recorder deaf? These samples are left out`;
}
