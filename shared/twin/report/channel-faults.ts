import type { Sample, Twin } from '../types.js';

/** A measured variable that moves, then holds one value. */
export interface FrozenChannel {
  variable: string;
  /** Samples with values that hold it. */
  samples: number;
  sinceS: number;
  untilS: number;
}

/** Equal values in a row before a sensor may be frozen … */
const LEAST_RUN = 20;
/** … and how many times as long as any other such run of it that is. */
const EXCESS = 10;
/** Different values from which a channel is one that moves. */
const DISTINCT = 10;

/**
 * Measured variables that move, and for a long time hold one value amid their range although inputs
 * change. At the end of its range a sensor may stand at its rail, or its machine be off.
 */
export function frozenChannels({ definition }: Twin, samples: readonly Sample[]): FrozenChannel[] {
  return definition.measured.flatMap(({ variable }, c) => {
    const rows = samples.filter((s) => Number.isFinite(s.measured[c]!));
    const values = rows.map((s) => s.measured[c]!);
    const runs = runsOf(values).toSorted((a, b) => b.length - a.length);
    const [longest, next] = runs;
    if (longest === undefined || longest.length < LEAST_RUN) return [];
    if (longest.length < EXCESS * (next?.length ?? 1)) return [];
    const distinct = new Set(values);
    if (distinct.size < DISTINCT) return [];
    const value = values[longest.from]!;
    const isEnd = [...distinct].every((v) => v <= value) || [...distinct].every((v) => v >= value);
    const held = rows.slice(longest.from, longest.from + longest.length);
    const driven = definition.inputs.some((_, i) =>
      held.some((s) => Number.isFinite(s.inputs[i]!) && s.inputs[i] !== held[0]!.inputs[i]),
    );
    if (isEnd || !driven) return [];
    const [sinceS, untilS] = [held[0]!.timeS, held.at(-1)!.timeS];
    return [{ variable, samples: held.length, sinceS, untilS }];
  });
}

/** Where values repeat, in order. */
function runsOf(values: readonly number[]): { from: number; length: number }[] {
  const runs: { from: number; length: number }[] = [];
  for (let i = 0; i < values.length; ) {
    let j = i + 1;
    while (j < values.length && values[j] === values[i]) j++;
    runs.push({ from: i, length: j - i });
    i = j;
  }
  return runs;
}

/** Pairs of measured variables that say the same, digit by digit, in every sample that has both. */
export function sameChannels({ definition }: Twin, samples: readonly Sample[]): [string, string][] {
  const names = definition.measured.map((m) => m.variable);
  return names.flatMap((a, i) =>
    names.flatMap((b, j): [string, string][] => {
      if (j <= i) return [];
      const seen = new Set<number>();
      let both = 0;
      for (const { measured } of samples) {
        if (!Number.isFinite(measured[i]!) || !Number.isFinite(measured[j]!)) continue;
        if (measured[i] !== measured[j]) return [];
        both++;
        seen.add(measured[i]!);
      }
      return both >= LEAST_RUN && seen.size >= DISTINCT ? [[a, b]] : [];
    }),
  );
}
