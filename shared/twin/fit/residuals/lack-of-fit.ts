import { symmetricEigen } from '../../../kalman/index.js';
import { negligible } from '../least-squares/fit-problem.js';
import type { LeastSquaresProblem } from '../least-squares/objective.js';
import type { FitRecord } from '../record/record.js';
import { parameterCount } from '../unknowns/coordinates.js';
import type { ResidualModel } from './residual-model.js';
import { type ResidualScores, residualScores } from './residual-scores.js';
import { likeliestVarying, type Varying } from './varying.js';

/** A sensor that would read wrong by a constant, by what grows with time, or by a share of what it reads. */
export interface SensorError {
  channel: number;
  kind: 'offset' | 'drift' | 'gain';
  /**
   * Its most probable size, in the channel's unit: of a drift from the first sample to the last, of a gain
   * where the sensor reads most.
   */
  size: number;
  std: number;
  /** Share of the excess of squared residuals over the noise that it explains. */
  explains: number;
  /** What it does to the unknowns, per unit of its size. */
  shift: Float64Array;
}

/** What residuals say of the model, by scores that follow the standard normal where it is right. */
export interface LackOfFit {
  channels: {
    /** Size of the residuals against the stated noise; `NaN` where none is stated. */
    size: number;
    /** How they follow each other. */
    memory: number;
    /** How they follow inputs, their squares and products, and the output itself. */
    pattern: number;
    /** What they follow most. */
    follows: string;
    /** Lone residuals too large for the noise, left out of all tests. */
    outliers: number;
    /**
     * Per unknown, how residuals follow what it would do if it were another in each part of the record:
     * it could carry the misfit. 0 where nothing is amiss.
     */
    carried: Float64Array;
  }[];
  /** Offsets and drifts. */
  sensors: SensorError[];
  /** Errors of scale, with the largest reading: only what they would do unseen is asked, as a term that is missing looks like one. */
  gains: (SensorError & { most: number })[];
  /** The parameter that would most be another elsewhere; left out where none can be looked at. */
  varying?: Varying;
}

/** Lags of the test of memory. */
const LAGS = 10;
/** Directions of a test that hold less than this share of its strongest are left out. */
const LEAST_SHARE = 1e-8;
/** Inputs whose products are looked at; of more, squares only. */
const MOST_PRODUCTS = 4;
/** Share of what is too much in the residuals from which an error explains all of it. */
const NEARLY_ALL = 0.9;
/** Parts of a record in each of which an unknown may be another. */
const PARTS = 6;
/** Fewer residuals of a channel say nothing. */
const LEAST_SAMPLES = 20;

/**
 * Chi-square as a standard normal score.
 *
 * @see Wilson & Hilferty, Proc. Natl. Acad. Sci. 17 (1931)
 */
const chiSquareScore = (x: number, dof: number): number =>
  (Math.cbrt(x / dof) - (1 - 2 / (9 * dof))) / Math.sqrt(2 / (9 * dof));

/** Zero mean and unit variance; all zero of a constant. */
function standardised(values: Float64Array): Float64Array {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  const least = 1e-12 * Math.abs(mean);
  return values.map((v) => (std > least ? (v - mean) / std : 0));
}

/**
 * Tests residuals of a fit against a model that is right: their size (χ²), their memory
 * (Ljung and Box), and what they follow, by scores: Xᵀe with covariance XᵀMX, where M takes out what
 * the unknowns could have followed, priors included. No model runs.
 *
 * @param residualModels what residuals remember: errors of sensors must show beyond it
 * @param stated the sensors' noise where it is given, else `NaN`
 * @param inputs,outputs names
 * @see Rao 1948 (score test); Ljung & Box, Biometrika 65 (1978)
 */
export function lackOfFit(
  problem: LeastSquaresProblem,
  record: FitRecord,
  fit: { u: Float64Array; prediction: Float64Array; noiseStd: Float64Array },
  columns: readonly Float64Array[],
  residualModels: readonly ResidualModel[],
  stated: Float64Array,
  inputs: readonly string[],
  outputs: readonly string[],
): LackOfFit {
  const tested = residualScores(problem, record, fit, columns, residualModels, stated);
  const { channels } = problem;
  const rows = record.timesS.length;
  const times = standardised(record.timesS);
  const standard = record.inputs.map(standardised);
  const outputOf = (c: number) =>
    standardised(
      Float64Array.from({ length: rows }, (_, row) => fit.prediction[row * channels + c]!),
    );
  const sensors: SensorError[] = [];
  const gains: LackOfFit['gains'] = [];
  const found: LackOfFit['channels'] = [];
  for (let c = 0; c < channels; c++) {
    const used = tested.usedOf(c);
    if (used.length < LEAST_SAMPLES) {
      found.push(untested(tested.outliers[c]!, columns.length));
      continue;
    }
    const squares = used.reduce((sum, v) => sum + v * v, 0);
    const dof = Math.max(1, used.length - columns.length / channels);
    const isStated = !Number.isNaN(stated[c]!);
    // What is of no account may follow itself as it likes.
    const least = isStated ? 0 : used.length * (negligible(record, c) / tested.noise[c]!) ** 2;
    const terms = regressors(standard, inputs, outputOf(c));
    const channel = {
      size: isStated ? chiSquareScore(squares, dof) : Number.NaN,
      memory: memoryScore(used, Math.max(squares, least)),
      outliers: tested.outliers[c]!,
      ...patternScore(
        tested.scores(
          c,
          terms.map((t) => t.x),
        ),
        terms.map((t) => t.name),
      ),
    };
    const carried = (g: Float64Array) => {
      const parts = inParts(
        Float64Array.from({ length: rows }, (_, row) => g[row * channels + c]!),
      );
      if (parts.length === 0) return 0;
      return patternScore(tested.scores(c, parts), parts.map(String)).pattern;
    };
    found.push({
      ...channel,
      carried: Float64Array.from(columns, (g) => (misfitScore(channel) < CERTAIN ? 0 : carried(g))),
    });
    const excess = Math.max(isStated ? squares - dof : squares, 1e-9);
    const reading = fit.prediction.filter((_, i) => i % channels === c);
    const most = reading.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    sensors.push(
      ...errorOf(tested, c, 'offset', new Float64Array(rows).fill(1), excess),
      // From the first sample to the last.
      ...errorOf(tested, c, 'drift', times, excess, times.at(-1)! - times[0]!),
    );
    if (most > 0) {
      const shares = reading.map((v) => v / most);
      const errors = errorOf(tested, c, 'gain', shares, excess);
      gains.push(...errors.map((error) => ({ ...error, most })));
    }
  }
  const varying = likeliestVarying(
    { ...tested.withoutOutliers(), columns: tested.inNoise, channels },
    parameterCount(problem.coordinates),
    whatVaries(
      times,
      standard,
      inputs,
      Array.from({ length: channels }, (_, c) => outputOf(c)),
      outputs,
    ),
  );
  return { channels: found, sensors, gains, ...(varying === undefined ? {} : { varying }) };
}

/** What is said of a channel that holds too little to be tested. */
const untested = (outliers: number, unknowns: number): LackOfFit['channels'][number] => ({
  size: Number.NaN,
  memory: 0,
  pattern: 0,
  follows: '',
  outliers,
  carried: new Float64Array(unknowns),
});

/**
 * The error of a sensor that would show as a column; none where the unknowns take all of it.
 *
 * @param excess what is too much in the squares of the channel's residuals
 * @param unit of its size, in the column's
 */
function errorOf(
  { scores, correlated, noise, rows }: ResidualScores,
  channel: number,
  kind: SensorError['kind'],
  x: Float64Array,
  excess: number,
  unit = 1,
): SensorError[] {
  const { xe, S, moved } = scores(channel, [x]);
  const information = S[0]!;
  if (!(information > 1e-12 * rows)) return [];
  const explains = Math.min(1, xe[0]! ** 2 / information / excess);
  // Memory that the error itself makes is no reason to doubt it.
  const spread = explains >= NEARLY_ALL ? 0 : correlated(channel, x, moved);
  const std = Math.sqrt(Math.max(information, spread)) / information;
  const scale = noise[channel]! * unit;
  return [
    {
      channel,
      kind,
      size: (scale * xe[0]!) / information,
      std: scale * std,
      explains,
      shift: moved.map((v) => -v / scale),
    },
  ];
}

/** What a parameter may vary with: time, inputs, their size, and what the model makes of the outputs. */
function whatVaries(
  times: Float64Array,
  inputs: readonly Float64Array[],
  names: readonly string[],
  outputs: readonly Float64Array[],
  outputNames: readonly string[],
): { name: Varying['by']; x: Float64Array }[] {
  return [
    { name: null, x: times },
    ...inputs.flatMap((u, k) => [
      { name: names[k]!, x: u },
      { name: `the size of ${names[k]}`, x: standardised(u.map(Math.abs)) },
    ]),
    ...outputs.map((x, c) => ({ name: outputNames[c]!, x })),
  ];
}

/** A column in parts of the record, scaled to 1; none where it is all zero. */
function inParts(column: Float64Array): Float64Array[] {
  const most = column.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  if (!(most > 0)) return [];
  const part = (row: number) => Math.floor((PARTS * row) / column.length);
  return Array.from({ length: PARTS }, (_, k) =>
    column.map((v, row) => (part(row) === k ? v / most : 0)),
  );
}

/** The most that one of the tests of a channel says. */
export const misfitScore = ({
  size,
  memory,
  pattern,
}: Pick<LackOfFit['channels'][number], 'size' | 'memory' | 'pattern'>): number =>
  Math.max(Number.isNaN(size) ? 0 : size, memory, pattern);

/** What residuals of a channel may follow. */
function regressors(
  inputs: readonly Float64Array[],
  names: readonly string[],
  output: Float64Array,
): { name: string; x: Float64Array }[] {
  const terms: { name: string; x: Float64Array }[] = [
    { name: 'the output itself', x: output },
    { name: 'the square of the output', x: output.map((v) => v * v - 1) },
  ];
  inputs.forEach((u, a) => {
    // Of an input that stays nothing is known but a constant.
    if (u.every((v) => v === 0)) return;
    terms.push({ name: names[a]!, x: u });
    terms.push({ name: `the square of ${names[a]}`, x: u.map((v) => v * v - 1) });
    if (inputs.length > MOST_PRODUCTS) return;
    for (let b = a + 1; b < inputs.length; b++) {
      terms.push({ name: `${names[a]}·${names[b]}`, x: u.map((v, k) => v * inputs[b]![k]!) });
    }
  });
  return terms.filter(({ x }) => x.some((v) => Math.abs(v) > 1e-9));
}

/** Ljung and Box's statistic of residuals in order. */
function memoryScore(e: Float64Array, squares: number): number {
  const n = e.length;
  const lags = Math.min(LAGS, Math.floor(n / 10));
  let q = 0;
  for (let lag = 1; lag <= lags; lag++) {
    let product = 0;
    for (let k = lag; k < n; k++) product += e[k]! * e[k - lag]!;
    q += ((product / squares) ** 2 * n * (n + 2)) / (n - lag);
  }
  return squares > 0 ? chiSquareScore(q, lags) : 0;
}

/** xᵀS⁻¹x over the directions that S holds, and the column that says most alone. */
function patternScore(
  { xe, S }: { xe: Float64Array; S: Float64Array },
  names: readonly string[],
): { pattern: number; follows: string } {
  const k = xe.length;
  if (k === 0) return { pattern: 0, follows: '' };
  const { values, vectors } = symmetricEigen(S, k);
  const strongest = Math.max(...values);
  let q = 0;
  let dof = 0;
  for (let d = 0; d < k; d++) {
    if (!(values[d]! > LEAST_SHARE * strongest)) continue;
    let along = 0;
    for (let a = 0; a < k; a++) along += vectors[a * k + d]! * xe[a]!;
    q += along ** 2 / values[d]!;
    dof++;
  }
  if (dof === 0) return { pattern: 0, follows: '' };
  const alone = names.map((_, a) => (S[a * k + a]! > 0 ? xe[a]! ** 2 / S[a * k + a]! : 0));
  const most = alone.indexOf(Math.max(...alone));
  return { pattern: chiSquareScore(q, dof), follows: names[most]! };
}

/** A score that chance gives one fit in some thousands, its dozen tests together. */
export const CERTAIN = 3.8;

/** Share of what is too much in the residuals that the error of one sensor must explain. */
const EXPLAINS = 0.5;

/** Whether an error shows beyond chance, and is what the residuals are mostly made of. */
export const isCertain = ({ size, std, explains }: SensorError): boolean =>
  Math.abs(size) > CERTAIN * std && explains >= EXPLAINS;

/** The one error of a sensor that explains most. */
export function likeliestError({ sensors }: LackOfFit): SensorError | undefined {
  const score = ({ size, std }: SensorError) => Math.abs(size) / std;
  return sensors.toSorted((a, b) => score(b) - score(a))[0];
}
