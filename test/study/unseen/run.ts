import { twinSchema } from '../../../shared/config/index.js';
import { createRng, silentLogger } from '../../../shared/core/index.js';
import { type Commission, commission, createFitModel } from '../../../shared/twin/fit/index.js';
import {
  type CalibrationRun,
  createCalibrator,
  createTwinModel,
  type Estimate,
  runSamples,
  type StepResult,
  summarize,
  summarizeStreams,
  type Twin,
} from '../../../shared/twin/index.js';
import { createRefitter, runWithRefits } from '../../../shared/twin/refit/index.js';
import { calibrationFindings } from '../../../shared/twin/report/calibration-findings.js';
import { type Finding, type Grade, verdictOf } from '../../../shared/twin/report/verdict.js';
import {
  type Condition,
  inputNoiseStd,
  type MachineRecord,
  simulateMachine,
} from './conditions.js';
import { machineFmu } from './fmu.js';
import type { Machine } from './machines.js';

/** Hits out of how many. */
export interface Share {
  inside: number;
  of: number;
}

/** What a command gave for one record. */
export interface Judged {
  parameters: Share;
  grade: Grade;
  reasons: string[];
}

/** One machine under one condition with one seed. */
export interface RunResult {
  machine: string;
  condition: string;
  seed: number;
  rows: number;
  fit: Judged;
  calibrate: Judged & {
    hidden: Share;
    nis: number;
    sensorFault: boolean;
    /** Samples after a step until the first parameter is in its band for five; null: never. */
    recovery: number | null;
  };
  wallS: number;
}

/** Of the truth: what a modelling engineer knows of a parameter before any data. */
const PRIOR_STD = 0.3;
const LOWER = 0.2;
const UPPER = 3.5;
/** Of the wear horizon: the record's share, so that one times the assumed wear is a tenth. */
const RECORDS_PER_HORIZON = 33;
/** Share of a record in which a filter may still be finding its way. */
const SETTLING = 0.25;
const IN_A_ROW = 5;

/** The twin of a machine as a user would define it: stated noise, priors that are drawn. */
export function twinOf(m: Machine, c: Condition, seed: number, rows: number): Twin {
  const rng = createRng(seed + 7919);
  const scaleStd = c.scaleErrorStated ? { scaleStd: c.scaleError } : {};
  const definition = twinSchema.parse({
    name: m.name,
    fmu: `./${m.name}.fmu`,
    inputs: m.inputs.map((input) => ({
      variable: input[0],
      ...(c.inputNoiseStated ? { noiseStd: inputNoiseStd(input, c) } : {}),
      ...scaleStd,
    })),
    measured: m.measured.map(([variable, noiseStd]) => ({
      variable,
      alias: `/m/${variable}`,
      ...(c.noiseUnknown ? {} : { noiseStd }),
      ...scaleStd,
    })),
    parameters: m.parameters.map(([variable, truth]) => ({
      variable,
      alias: `/m/${variable}`,
      lower: LOWER * truth,
      upper: UPPER * truth,
      prior: {
        mean: truth * Math.max(2 * LOWER, 1 + PRIOR_STD * (c.priorOff ?? rng.normal())),
        std: PRIOR_STD * truth,
      },
      wearHorizonS: RECORDS_PER_HORIZON * rows * m.periodS,
    })),
    virtualSensors: m.hidden.map((variable) => ({ variable, alias: `/m/${variable}` })),
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: m.periodS },
    transient: {
      inputInterpolation: 'hold',
      ...(m.neverRests ? { initialState: 'start-values' } : {}),
    },
  });
  return { definition, fmuPath: machineFmu(m), hash: `${m.name} ${c.name} ${seed}` };
}

const holds = (e: Estimate | undefined, truth: number) =>
  e !== undefined && e.lower95 <= truth && truth <= e.upper95;

/** How many of the truths lie in their bands. */
function count(
  into: Share,
  names: readonly string[],
  estimates: Record<string, Estimate>,
  truths: Float64Array,
): void {
  names.forEach((name, j) => {
    into.of++;
    if (holds(estimates[name], truths[j]!)) into.inside++;
  });
}

function recoveryOf(m: Machine, record: MachineRecord, steps: readonly StepResult[]) {
  const [name, first] = m.parameters[0]!;
  const from = record.parameters.findIndex((p) => p[0] !== first);
  if (from < 0) return null;
  let run = 0;
  for (let row = from; row < steps.length; row++) {
    run = holds(steps[row]!.parameters[name], record.parameters[row]![0]!) ? run + 1 : 0;
    if (run === IN_A_ROW) return row - from - IN_A_ROW + 1;
  }
  return null;
}

async function calibrated(
  m: Machine,
  twin: Twin,
  record: MachineRecord,
): Promise<RunResult['calibrate']> {
  const options = { lanes: 1, logger: silentLogger };
  const model = await createTwinModel(twin, options);
  const fitModel = await createFitModel(twin, options);
  try {
    const { samples } = record;
    const calibrator = createCalibrator({ twin, model });
    const refitter = createRefitter(calibrator, fitModel, model);
    const start = calibrator.initialState(samples.slice(0, 200));
    const run: CalibrationRun & { newest?: Commission } =
      refitter === undefined
        ? await runSamples(calibrator, start, samples)
        : await runWithRefits(calibrator, refitter, start, samples);
    const output = summarize(twin, run.steps, 0, run.slopes);
    output.summary.recording = summarizeStreams(twin, samples, run.steps, samples.at(-1)!.timeS);
    const findings: Finding[] = calibrationFindings(twin, output);
    if (run.newest !== undefined) {
      const { verdict } = run.newest.output;
      const grade: Finding['grade'] = verdict.grade === 'unusable' ? 'unusable' : 'care';
      findings.push(...verdict.reasons.map((reason) => ({ grade, reason })));
    }
    const verdict = verdictOf(findings);
    const parameters = { inside: 0, of: 0 };
    const hidden = { inside: 0, of: 0 };
    const nis = { sum: 0, of: 0 };
    run.steps.forEach((step, row) => {
      if (row < SETTLING * samples.length) return;
      // Nothing is told of a sample whose inputs nobody knows.
      if (step.skipped === 'input-missing') return;
      count(
        parameters,
        m.parameters.map(([n]) => n),
        step.parameters,
        record.parameters[row]!,
      );
      count(hidden, m.hidden, step.virtualSensors, record.hidden[row]!);
      if (step.channels > 0) {
        nis.sum += step.nis;
        nis.of += step.channels;
      }
    });
    return {
      parameters,
      hidden,
      nis: nis.sum / nis.of,
      sensorFault: run.steps.some((s) => s.alarms.some((a) => a.code === 'sensor-fault')),
      recovery: recoveryOf(m, record, run.steps),
      grade: verdict.grade,
      reasons: verdict.reasons,
    };
  } finally {
    await fitModel.close();
    await model.close();
  }
}

/** Fits and calibrates one record with defaults, as a user would. */
export async function runOne(
  m: Machine,
  c: Condition,
  seed: number,
  rows: number,
): Promise<RunResult> {
  const startedMs = performance.now();
  const twin = twinOf(m, c, seed, rows);
  const record = simulateMachine(m, c, seed, rows);
  const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
  const parameters = { inside: 0, of: 0 };
  let fit: Judged;
  try {
    const { output } = await commission(twin, model, record.samples);
    // A wearing parameter is judged where the record ends, which is where it goes on from.
    count(
      parameters,
      m.parameters.map(([n]) => n),
      output.parameters,
      record.parameters.at(-1)!,
    );
    fit = { parameters, grade: output.verdict.grade, reasons: output.verdict.reasons };
  } finally {
    await model.close();
  }
  return {
    machine: m.name,
    condition: c.name,
    seed,
    rows,
    fit,
    calibrate: await calibrated(m, twin, record),
    wallS: (performance.now() - startedMs) / 1000,
  };
}
