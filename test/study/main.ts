import { parseArgs } from 'node:util';
import {
  createCalibrator,
  createTwinModel,
  loadTwin,
  type Twin,
  type TwinModel,
} from '../../shared/calibration/index.js';
import { createRng, packageFile } from '../../shared/core/index.js';
import { webLine } from './algebraic-web-line.js';
import { runBaseline } from './clipped-filter.js';
import { loadTruth, type Truth } from './truth.js';

/**
 * How well the filter does on the machine's course under many noise seeds: coverage of the 95 %
 * intervals of b3 and b9 in each phase, NIS, errors, detection, false alarms and lock-ups.
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: packageFile('../shared/data/web-line/case-1-30-days.csv') },
    seeds: { type: 'string', default: '50' },
    noise: { type: 'string', default: '1e-5,1e-4,1e-3' },
    strides: { type: 'string', default: '1,3,10' },
    fmu: { type: 'boolean', default: false },
    baseline: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const PHASES = ['healthy', 'growth', 'onset', 'after'] as const;

interface Score {
  inside: number[];
  counted: number[];
  tensionInside: number;
  tensionCounted: number;
  nis: number;
  steps: number;
  squaredB: number;
  squaredT: number;
  afterCount: number;
  delays: number[];
  falseAlarms: number;
  lockUps: number;
  runs: number;
}

const newScore = (): Score => ({
  inside: [0, 0, 0, 0],
  counted: [0, 0, 0, 0],
  tensionInside: 0,
  tensionCounted: 0,
  nis: 0,
  steps: 0,
  squaredB: 0,
  squaredT: 0,
  afterCount: 0,
  delays: [],
  falseAlarms: 0,
  lockUps: 0,
  runs: 0,
});

function phaseOf(truth: Truth, row: number): number {
  if (row < truth.growthRow) return 0;
  if (row < truth.slipRow - 10) return 1;
  return row < truth.slipRow + 30 ? 2 : 3;
}

/** Collects one run; `lower` and `upper` by parameter. */
function scorer(score: Score, truth: Truth) {
  const runs = new Float64Array(9);
  let detected = -1;
  const falseAlarm = new Set<number>();
  let lastError = 0;
  const passed = truth.drag.findIndex((d) => d[7]! > 0.01);
  return {
    visit(
      row: number,
      mean: ArrayLike<number>,
      lower: ArrayLike<number>,
      upper: ArrayLike<number>,
      nis: number,
    ) {
      const b = truth.drag[row]!;
      const phase = phaseOf(truth, row);
      for (const i of [2, 7]) {
        score.counted[phase]!++;
        if (lower[i]! <= b[i]! + 1e-9 && b[i]! <= upper[i]!) score.inside[phase]!++;
        if (phase === 3) score.squaredB += (mean[i]! - b[i]!) ** 2;
      }
      if (phase === 3) score.afterCount += 2;
      score.nis += nis;
      score.steps++;
      for (let i = 0; i < 9; i++) {
        runs[i] = lower[i]! > 0.01 ? runs[i]! + 1 : 0;
        if (runs[i]! < 3) continue;
        if (b[i]! < 0.01) falseAlarm.add(i);
        else if (i === 7 && detected < 0) detected = row;
      }
      lastError = Math.max(Math.abs(mean[2]! - b[2]!), Math.abs(mean[7]! - b[7]!));
    },
    end() {
      score.delays.push(detected < 0 ? truth.drag.length : detected - passed);
      score.falseAlarms += falseAlarm.size;
      if (lastError > 0.1) score.lockUps++;
    },
  };
}

const algebraic: TwinModel = {
  outputs: [],
  evaluate: async (points) => points.map((p) => webLine(p)),
  close: async () => {},
};

function print(name: string, sigma: number, stride: number, s: Score): void {
  const percent = (a: number, b: number) => (b === 0 ? '–' : ((100 * a) / b).toFixed(1));
  const delays = [...s.delays].sort((a, b) => a - b);
  console.log(
    `| ${[
      name,
      sigma.toExponential(0),
      stride,
      ...PHASES.map((_, i) => percent(s.inside[i]!, s.counted[i]!)),
      percent(s.tensionInside, s.tensionCounted),
      (s.nis / s.steps).toFixed(2),
      Math.sqrt(s.squaredB / s.afterCount).toFixed(4),
      s.tensionCounted === 0 ? '–' : Math.sqrt(s.squaredT / s.tensionCounted).toFixed(2),
      delays[delays.length >> 1],
      s.falseAlarms,
      s.lockUps,
      s.runs === 0 ? 19 : (s.runs / s.steps).toFixed(1),
    ].join(' | ')} |`,
  );
}

async function studyFilter(
  twin: Twin,
  model: TwinModel,
  fmu: boolean,
  truth: Truth,
  sigma: number,
  stride: number,
  seeds: number,
): Promise<Score> {
  const score = newScore();
  const n = twin.definition.parameters.length;
  const names = twin.definition.parameters.map((p) => p.variable);
  // The definition's noise is what the study varies.
  const varied: Twin = {
    ...twin,
    definition: {
      ...twin.definition,
      measured: twin.definition.measured.map((c) => ({ ...c, noiseStd: sigma })),
      virtualSensors: fmu
        ? twin.definition.virtualSensors
        : Array.from({ length: 21 }, (_, i) => ({
            variable: i < 9 ? `slip${i}` : `S${i - 8}_Tension_N`,
            alias: `/study/${i}`,
            unit: '',
          })),
    },
  };
  const calibrator = createCalibrator({ twin: varied, model });
  for (let seed = 1; seed <= seeds; seed++) {
    const rng = createRng(seed);
    const collect = scorer(score, truth);
    let state = calibrator.initialState();
    for (let row = 0; row < truth.drag.length; row += stride) {
      const exact = webLine(truth.drag[row]!);
      const measured = Float64Array.from({ length: n }, (_, i) => exact[i]! + sigma * rng.normal());
      const step = await calibrator.step(state, {
        timeS: truth.timeS[row]!,
        inputs: Float64Array.from(varied.definition.inputs, (i) => i.value ?? 0),
        measured,
      });
      state = step.state;
      const e = names.map((name) => step.result.parameters[name]!);
      collect.visit(
        row,
        e.map((x) => x.mean),
        e.map((x) => x.lower95),
        e.map((x) => x.upper95),
        step.result.nis,
      );
      score.runs += step.result.diagnostics.modelRuns;
      for (let k = 4; k <= 9; k++) {
        const t = step.result.virtualSensors[`S${k}_Tension_N`];
        if (t === undefined) continue;
        const value = exact[18 + k - 1]!;
        score.tensionCounted++;
        score.squaredT += (t.mean - value) ** 2;
        // At the capstan limit a tension is constant; a hair's width counts as inside.
        if (t.lower95 - 1e-6 <= value && value <= t.upper95 + 1e-6) score.tensionInside++;
      }
    }
    collect.end();
  }
  return score;
}

const truth = loadTruth(options.data);
const seeds = Number(options.seeds);
const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
const model = options.fmu ? await createTwinModel(twin) : algebraic;
console.log(
  `Truth: ${truth.source}; model: ${options.fmu ? 'the FMU' : 'algebraic'}; ${seeds} seeds.\n`,
);
console.log(
  '| filter | σ rad/s | stride | healthy % | growth % | slip onset % | after % | S4–S9 % | NIS (9) | RMSE b after | RMSE S N | delay rows (median) | false alarms | lock-ups | runs/step |',
);
console.log(`|${' --- |'.repeat(15)}`);
try {
  for (const sigma of options.noise.split(',').map(Number)) {
    for (const stride of options.strides.split(',').map(Number)) {
      print(
        'trend',
        sigma,
        stride,
        await studyFilter(twin, model, options.fmu, truth, sigma, stride, seeds),
      );
      if (!options.baseline || options.fmu) continue;
      const score = newScore();
      for (let seed = 1; seed <= seeds; seed++) {
        const rng = createRng(seed);
        const collect = scorer(score, truth);
        runBaseline(
          (row) =>
            webLine(truth.drag[row]!)
              .slice(0, 9)
              .map((v) => v + sigma * rng.normal()),
          webLine,
          truth,
          stride,
          sigma,
          (row, mean, std, nis) =>
            collect.visit(
              row,
              mean,
              mean.map((v, i) => Math.max(0, v - 1.96 * std[i]!)),
              mean.map((v, i) => v + 1.96 * std[i]!),
              nis,
            ),
        );
        collect.end();
      }
      print('clipped UKF', sigma, stride, score);
    }
  }
} finally {
  await model.close();
}
