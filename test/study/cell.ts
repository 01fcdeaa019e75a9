import { createRng } from '../../shared/core/index.js';
import {
  createCalibrator,
  runSamples,
  type StepResult,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { webLine } from './algebraic-web-line.js';
import { runBaseline } from './clipped-filter.js';
import type { Scenario } from './scenarios.js';
import { newScore, phaseOf, type Score, scorer } from './score.js';

/** One entry of the study's table, or the part of it with some of the seeds. */
export interface Cell {
  scenario: string;
  filter: 'trend' | 'clipped UKF';
  /** rad/s */
  sigma: number;
  stride: number;
  seeds: readonly number[];
}

/** The line by algebra: a model that is the machine. */
export const algebraicModel: TwinModel = {
  outputs: [],
  evaluate: async (points) => points.map((p) => webLine(p)),
  close: async () => {},
};

const N = 9;

/** What the sensors say at a row: noisy, and as the scenario spoils it. */
function sensors(scenario: Scenario, sigma: number, seed: number) {
  const rng = createRng(seed);
  return (row: number): Float64Array => {
    const exact = webLine(scenario.drag[row]!);
    const [from, to] = scenario.standstill ?? [0, 0];
    const stopped = row >= from && row < to;
    return Float64Array.from({ length: N }, (_, i) => {
      let value = (stopped ? 0 : exact[i]!) + sigma * rng.normal();
      if (scenario.outliers !== undefined && rng.uniform() < scenario.outliers) {
        value += 20 * sigma * (rng.uniform() < 0.5 ? -1 : 1);
      }
      const missing = scenario.missing !== undefined && rng.uniform() < scenario.missing;
      return missing ? Number.NaN : value;
    });
  };
}

/** The twin with the noise that is studied; the algebraic line's outputs as virtual sensors. */
function variedTwin(twin: Twin, sigma: number, model: TwinModel): Twin {
  return {
    ...twin,
    definition: {
      ...twin.definition,
      measured: twin.definition.measured.map((c) => ({ ...c, noiseStd: sigma })),
      virtualSensors:
        model === algebraicModel
          ? Array.from({ length: 21 }, (_, i) => ({
              variable: i < 9 ? `slip${i}` : `S${i - 8}_Tension_N`,
              alias: `/study/${i}`,
              unit: '',
            }))
          : twin.definition.virtualSensors,
    },
  };
}

function scoreVirtual(score: Score, scenario: Scenario, row: number, result: StepResult): void {
  const exact = webLine(scenario.drag[row]!);
  const phase = phaseOf(scenario, row);
  for (let k = 4; k <= 9; k++) {
    const t = result.virtualSensors[`S${k}_Tension_N`];
    if (t === undefined) continue;
    const value = exact[18 + k - 1]!;
    score.tensionCounted[phase]!++;
    score.squaredTension += (t.mean - value) ** 2;
    // At the capstan limit a tension is constant; a hair's width counts as inside.
    if (t.lower95 - 1e-6 <= value && value <= t.upper95 + 1e-6) score.tensionInside[phase]!++;
  }
  if (phase !== 3) return;
  for (const [index, roller] of [
    [2, 3],
    [7, 9],
  ] as const) {
    const slip =
      result.virtualSensors[`slip${index}`] ??
      result.virtualSensors[`Roller${roller}_SlipVelocity_mps`];
    if (slip === undefined) continue;
    score.squaredSlip += (slip.mean - exact[9 + index]!) ** 2;
    score.countedSlip++;
  }
}

/** Runs the calibrator, or the baseline, over a scenario with some noise seeds. */
export async function runCell(
  cell: Cell,
  scenario: Scenario,
  timeS: Float64Array,
  twin: Twin,
  model: TwinModel,
): Promise<Score> {
  const score = newScore();
  const { sigma, stride } = cell;
  const varied = variedTwin(twin, sigma, model);
  const names = varied.definition.parameters.map((p) => p.variable);
  const calibrator = createCalibrator({ twin: varied, model });
  const inputs = Float64Array.from(varied.definition.inputs, (i) => i.value ?? 0);
  for (const seed of cell.seeds) {
    const measuredAt = sensors(scenario, sigma, seed);
    const collect = scorer(score, scenario);
    if (cell.filter === 'clipped UKF') {
      runBaseline(measuredAt, webLine, scenario.drag.length, stride, sigma, (row, mean, std, nis) =>
        collect.visit({
          row,
          mean,
          std,
          lower: mean.map((v, i) => Math.max(0, v - 1.96 * std[i]!)),
          upper: mean.map((v, i) => v + 1.96 * std[i]!),
          nis,
          channels: N,
          modelRuns: 2 * N + 1,
        }),
      );
      collect.end();
      continue;
    }
    let state = calibrator.initialState();
    for (let row = 0; row < scenario.drag.length; row += stride) {
      const sample = { timeS: timeS[row]!, inputs, measured: measuredAt(row) };
      const run = await runSamples(calibrator, state, [sample]);
      state = run.state;
      const result = run.steps[0]!;
      // Of a machine that stands still nobody knows more than before.
      if (scenario.standstill && row >= scenario.standstill[0] && row < scenario.standstill[1]) {
        continue;
      }
      if (result.skipped === 'model-failed') score.setAside++;
      const e = names.map((name) => result.parameters[name]!);
      collect.visit({
        row,
        mean: e.map((x) => x.mean),
        std: e.map((x) => x.std),
        lower: e.map((x) => x.lower95),
        upper: e.map((x) => x.upper95),
        nis: result.nis,
        channels: result.channels,
        modelRuns: result.diagnostics.modelRuns,
      });
      if (result.alarms.some((a) => a.code === 'not-identifiable')) score.notIdentifiable++;
      scoreVirtual(score, scenario, row, result);
    }
    collect.end();
  }
  return score;
}
