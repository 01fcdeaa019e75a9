import type { Bank } from '../filter/bank.js';
import { type Companions, noCompanions } from '../filter/companions.js';
import { ENOUGH, type FirstValues } from '../filter/first-values.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import type { InputNoise } from '../filter/input-noise.js';
import type { Anchor, LeftOut } from '../filter/left-out.js';
import type { Lines } from '../filter/lines.js';
import type { Readings } from '../filter/readings.js';
import type { InputSlopes } from '../filter/stated-inputs.js';
import type { FilterState, StoredArrays } from './filter-state.js';

const ANCHORS = ['anchor', 'next'] as const;
const COMPANIONS = [
  'effect',
  'information',
  'pull',
] as const satisfies readonly (keyof Companions)[];

export function encodeLeftOut(of: LeftOut, arrays: Record<string, Float64Array>): void {
  arrays['leftOut.offset'] = of.offset;
  if (of.watch !== undefined) arrays['leftOut.watch'] = of.watch;
  for (const name of COMPANIONS) arrays[`leftOut.${name}`] = of.companions[name];
  for (const name of ANCHORS) {
    const anchor = of[name];
    if (anchor === undefined) continue;
    arrays[`leftOut.${name}`] = Float64Array.of(
      anchor.timeS,
      anchor.age,
      ...anchor.x,
      ...lowerTriangle(anchor),
    );
  }
}

export function decodeLeftOut(
  arrays: StoredArrays,
  n: number,
  m: number,
): Pick<FilterState, 'leftOut'> {
  const offset = arrays['leftOut.offset'];
  const watch = arrays['leftOut.watch'];
  const N = 2 * n;
  const [effect, information, pull] = COMPANIONS.map((name) => arrays[`leftOut.${name}`]);
  if (offset?.length !== m) return {};
  const sound = effect?.length === m * N && information?.length === m && pull?.length === m;
  const companions = sound ? { effect, information, pull } : noCompanions(m, n);
  const anchors = ANCHORS.flatMap((name): [string, Anchor][] => {
    const stored = arrays[`leftOut.${name}`];
    if (stored?.length !== 2 + N + (N * (N + 1)) / 2) return [];
    const S = fromTriangle(stored, 2 + N, N);
    return [[name, { timeS: stored[0]!, age: stored[1]!, x: stored.slice(2, 2 + N), S }]];
  });
  const watched = watch?.length === m + m * m ? { watch } : {};
  return { leftOut: { offset, ...watched, companions, ...Object.fromEntries(anchors) } };
}

const INPUT_NOISE = [
  'step',
  'drive',
  'variance',
  'information',
  'used',
] as const satisfies readonly (keyof InputNoise)[];

/** How outputs follow inputs whose error is stated. */
export function encodeInputSlopes(of: InputSlopes, arrays: Record<string, Float64Array>): void {
  arrays['inputSlopes.age'] = Float64Array.of(of.age);
  arrays['inputSlopes.inputs'] = of.inputs;
  arrays['inputSlopes.slope'] = of.slope;
}

/** The same from its arrays; of another number of inputs the filter finds it anew. */
export function decodeInputSlopes(arrays: StoredArrays): Pick<FilterState, 'inputSlopes'> {
  const [age, inputs, slope] = ['age', 'inputs', 'slope'].map((of) => arrays[`inputSlopes.${of}`]);
  if (age?.[0] === undefined || inputs === undefined || slope === undefined) return {};
  return { inputSlopes: { age: age[0], inputs, slope } };
}

export function encodeInputNoise(of: InputNoise, arrays: Record<string, Float64Array>): void {
  for (const name of INPUT_NOISE) arrays[`inputNoise.${name}`] = of[name];
  arrays['inputNoise.age'] = Float64Array.of(of.age);
}

export function decodeInputNoise(arrays: StoredArrays, m: number): Pick<FilterState, 'inputNoise'> {
  const [step, drive, variance, information, used] = INPUT_NOISE.map(
    (name) => arrays[`inputNoise.${name}`] ?? new Float64Array(),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  const k = step.length;
  const sound =
    k > 0 &&
    drive.length === m * k &&
    variance.length === 1 + k &&
    information.length === (1 + k) ** 2 &&
    used.length === k;
  const age = arrays['inputNoise.age']?.[0] ?? Number.POSITIVE_INFINITY;
  return sound ? { inputNoise: { step, drive, age, variance, information, used } } : {};
}

/** A lower triangle that is stored from an index on, as a full matrix. */
function fromTriangle(stored: Float64Array, from: number, N: number): Float64Array {
  const S = new Float64Array(N * N);
  let at = from;
  for (let i = 0; i < N; i++) {
    S.set(stored.subarray(at, at + i + 1), i * N);
    at += i + 1;
  }
  return S;
}

/** A factor's rows up to the diagonal. */
export function lowerTriangle({ x: { length: N }, S }: Gaussian): number[] {
  return Array.from({ length: N }, (_, i) => [...S.subarray(i * N, i * N + i + 1)]).flat();
}

/** A bank from its arrays; undefined where there is none, or one of another number of modes. */
export function decodeBank(arrays: StoredArrays, n: number, modes: number): Bank | undefined {
  const [weights, xs, factors] = [arrays['bank.weights'], arrays['bank.x'], arrays['bank.S']];
  const N = 2 * n;
  const size = (N * (N + 1)) / 2;
  if (weights?.length !== modes || xs?.length !== modes * N || factors?.length !== modes * size) {
    return undefined;
  }
  const parts = Array.from(weights, (_, k): Gaussian => {
    return { x: xs.slice(k * N, (k + 1) * N), S: fromTriangle(factors, k * size, N) };
  });
  return { weights, parts };
}

export const LINES = [
  'centre',
  'outputs',
  'inputs',
  'slope',
  'bend',
  'age',
] as const satisfies readonly (keyof Lines)[];

export function decodeLines(arrays: StoredArrays, n: number): Pick<FilterState, 'lines'> {
  const lines = Object.fromEntries(
    LINES.map((name) => [name, arrays[`lines.${name}`] ?? new Float64Array()]),
  ) as unknown as Lines;
  const cells = lines.outputs.length * n;
  const sound =
    cells > 0 &&
    lines.centre.length === n &&
    lines.age.length === n &&
    lines.slope.length === cells &&
    lines.bend.length === cells;
  const drive = arrays['lines.drive'];
  const local = arrays['lines.local'] !== undefined;
  return sound ? { lines: { ...lines, ...(drive && { drive }), ...(local && { local }) } } : {};
}

export function decodeBeforeChange(
  arrays: StoredArrays,
  n: number,
): Pick<FilterState, 'beforeChange'> {
  const x = arrays['beforeChange.x'];
  const S = arrays['beforeChange.S'];
  if (x?.length !== 2 * n || S?.length !== 4 * n * n) return {};
  return { beforeChange: { x, S, left: arrays['beforeChange.left']?.[0] ?? 0 } };
}

export const READINGS = [
  'startS',
  'timeS',
  'meanTimeS',
  'value',
  'precision',
  'sinceS',
] as const satisfies readonly (keyof Readings)[];

export function decodeReadings(arrays: StoredArrays, n: number): Pick<FilterState, 'readings'> {
  const readings = Object.fromEntries(
    READINGS.map((name) => [name, arrays[`readings.${name}`] ?? new Float64Array()]),
  ) as unknown as Readings;
  const { length } = readings.timeS;
  const sound =
    readings.sinceS.length === n &&
    readings.startS.length === Math.min(1, length) &&
    readings.meanTimeS.length === length * n &&
    readings.value.length === length * n &&
    readings.precision.length === length * n;
  return sound ? { readings } : {};
}

/** Adds the first values of channels whose noise nobody stated. */
export function encodeFirstValues(
  { had, values }: FirstValues,
  arrays: Record<string, Float64Array>,
): void {
  arrays['firstValues.had'] = had;
  arrays['firstValues.values'] = values;
}

export function decodeFirstValues(
  arrays: StoredArrays,
  m: number,
): Pick<FilterState, 'firstValues'> {
  const had = arrays['firstValues.had'];
  const values = arrays['firstValues.values'];
  if (had?.length !== m || values?.length !== m * ENOUGH) return {};
  return { firstValues: { had, values } };
}
