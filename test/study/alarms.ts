import { parseArgs } from 'node:util';
import { createRng, packageFile, type Rng } from '../../shared/core/index.js';
import {
  ALARM_CODES,
  type AlarmCode,
  createCalibrator,
  loadTwin,
  type StepResult,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { webLine } from './algebraic-web-line.js';

/**
 * How often each alarm is raised while all is well, and how soon when something is not:
 * `npm run study:alarms`. Two twins of the web line by algebra: all nine drags calibrated, so
 * that nine sensors leave nothing over, and b3 and b9 only.
 */
const ROWS = 2000;
const FAULT_ROW = 1000;
const PERIOD_S = 1296.65;
const SIGMA = 1e-4;
/** Which sensor is spoiled: R5's. */
const CHANNEL = 4;
/** An alarm that comes back within so many samples is the same. */
const SAME_EPISODE = 50;
const SOFT_WEB_N = 3.4e5;

interface Fault {
  title: string;
  /** What should tell of it. */
  expected: readonly AlarmCode[];
  /** Spoils a sample's values; `since` counts samples from the fault's begin. */
  spoil(y: Float64Array, since: number, rng: Rng, memory: { held?: number }): void;
  /** Stiffness of the machine's web from the fault on. */
  stiffnessN?: number;
}

const FAULTS: readonly Fault[] = [
  {
    title: 'R5 drifts by 0.1 σ a sample',
    expected: ['sensor-fault'],
    spoil: (y, since) => {
      y[CHANNEL]! += 0.1 * SIGMA * since;
    },
  },
  {
    title: 'R5 reads 5 σ too high',
    expected: ['sensor-fault'],
    spoil: (y) => {
      y[CHANNEL]! += 5 * SIGMA;
    },
  },
  {
    title: 'R5 reads 20 σ too high',
    expected: ['sensor-fault'],
    spoil: (y) => {
      y[CHANNEL]! += 20 * SIGMA;
    },
  },
  {
    title: 'R5 is stuck',
    expected: ['sensor-frozen'],
    spoil: (y, _since, _rng, memory) => {
      memory.held ??= y[CHANNEL]!;
      y[CHANNEL] = memory.held;
    },
  },
  {
    title: 'R5 scatters twice as much',
    expected: ['noise-mismatch'],
    spoil: (y, _since, rng) => {
      y[CHANNEL]! += Math.sqrt(3) * SIGMA * rng.normal();
    },
  },
  {
    title: 'all scatter twice as much',
    expected: ['noise-mismatch'],
    spoil: (y, _since, rng) => {
      for (let i = 0; i < y.length; i++) y[i]! += Math.sqrt(3) * SIGMA * rng.normal();
    },
  },
  {
    title: 'the web turns 15 % softer, the model not',
    expected: ['model-mismatch', 'correlated-innovations', 'at-bound'],
    spoil: () => {},
    stiffnessN: SOFT_WEB_N,
  },
];

/** The web line's twin with some of its drags calibrated, the others 0. */
function studyTwin(twin: Twin, indices: readonly number[]): { twin: Twin; model: TwinModel } {
  const { definition } = twin;
  const parameters = indices.map((i) => definition.parameters[i]!);
  const model: TwinModel = {
    outputs: definition.measured.map((m) => m.variable),
    evaluate: async (points) =>
      points.map((point) => {
        const drag = new Float64Array(9);
        indices.forEach((i, k) => {
          drag[i] = point[k]!;
        });
        return webLine(drag).slice(0, 9);
      }),
    close: async () => {},
  };
  return {
    twin: {
      ...twin,
      definition: {
        ...definition,
        parameters,
        virtualSensors: [],
        measured: definition.measured.map((m) => ({ ...m, noiseStd: SIGMA })),
      },
    },
    model,
  };
}

/** Steps over healthy data with one fault, or none. */
async function run(
  twin: Twin,
  model: TwinModel,
  seed: number,
  rows: number,
  fault: Fault | undefined,
  visit: (row: number, result: StepResult) => void,
): Promise<void> {
  const rng = createRng(seed);
  const spoiler = createRng(seed + 1_000_000);
  const calibrator = createCalibrator({ twin, model });
  const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? 0);
  const healthy = webLine(new Float64Array(9));
  const memory = {};
  let state = calibrator.initialState();
  for (let row = 0; row < rows; row++) {
    const since = fault === undefined ? -1 : row - FAULT_ROW;
    const exact =
      since >= 0 && fault!.stiffnessN !== undefined
        ? webLine(new Float64Array(9), fault!.stiffnessN)
        : healthy;
    const measured = Float64Array.from({ length: 9 }, (_, i) => exact[i]! + SIGMA * rng.normal());
    if (since >= 0) fault!.spoil(measured, since, spoiler, memory);
    const step = await calibrator.step(state, { timeS: row * PERIOD_S, inputs, measured });
    state = step.state;
    visit(row, step.result);
  }
}

/** Counts episodes of each alarm code. */
function episodes() {
  const last = new Map<string, number>();
  const counts = new Map<AlarmCode, number>(ALARM_CODES.map((code) => [code, 0]));
  return {
    counts,
    visit(row: number, result: StepResult) {
      for (const { code, subject } of result.alarms) {
        const key = `${code} ${subject}`;
        if (row - (last.get(key) ?? Number.NEGATIVE_INFINITY) > SAME_EPISODE) {
          counts.set(code, counts.get(code)! + 1);
        }
        last.set(key, row);
      }
    },
  };
}

async function falseAlarms(name: string, twin: Twin, model: TwinModel, seeds: number) {
  const total = new Map<AlarmCode, number>(ALARM_CODES.map((code) => [code, 0]));
  for (let seed = 1; seed <= seeds; seed++) {
    const seen = episodes();
    await run(twin, model, seed, ROWS, undefined, seen.visit);
    for (const [code, count] of seen.counts) total.set(code, total.get(code)! + count);
  }
  const all = [...total.values()].reduce((a, b) => a + b, 0);
  const rates = ALARM_CODES.map((code) => (total.get(code)! / seeds).toFixed(2));
  console.log(`| ${[name, ...rates, (all / seeds).toFixed(2)].join(' | ')} |`);
}

async function detection(
  name: string,
  twin: Twin,
  model: TwinModel,
  seeds: number,
  fault: Fault,
  window: number,
) {
  const delays: number[] = [];
  const anyDelays: number[] = [];
  const codes = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    let right = Number.POSITIVE_INFINITY;
    let any = Number.POSITIVE_INFINITY;
    const heard = new Set<string>();
    await run(twin, model, seed, FAULT_ROW + window, fault, (row, result) => {
      if (row < FAULT_ROW) return;
      for (const { code } of result.alarms) {
        heard.add(code);
        any = Math.min(any, row - FAULT_ROW);
        if (fault.expected.includes(code)) right = Math.min(right, row - FAULT_ROW);
      }
    });
    delays.push(right);
    anyDelays.push(any);
    for (const code of heard) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const median = (values: number[]) => {
    const value = values.sort((a, b) => a - b)[values.length >> 1]!;
    return Number.isFinite(value) ? value : '–';
  };
  const found = (values: number[]) =>
    `${Math.round((100 * values.filter(Number.isFinite).length) / seeds)} %`;
  const heard = [...codes]
    .sort((a, b) => b[1] - a[1])
    .map(([code, count]) => `${code} ${Math.round((100 * count) / seeds)} %`)
    .join(', ');
  console.log(
    `| ${[fault.title, name, found(delays), median(delays), found(anyDelays), median(anyDelays), heard || 'none'].join(' | ')} |`,
  );
}

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    window: { type: 'string', default: '300' },
  },
});
const seeds = Number(options.seeds);
const window = Number(options.window);
const base = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
const twins = [
  { name: 'nine drags', ...studyTwin(base, [0, 1, 2, 3, 4, 5, 6, 7, 8]) },
  { name: 'b3, b9', ...studyTwin(base, [2, 7]) },
];
console.log(`False alarms per 30 healthy days (${ROWS} samples), ${seeds} seeds:\n`);
console.log(`| twin | ${ALARM_CODES.join(' | ')} | all |`);
console.log(`|${' --- |'.repeat(ALARM_CODES.length + 2)}`);
for (const { name, twin, model } of twins) await falseAlarms(name, twin, model, seeds);
console.log(`\nDetection within ${window} samples of a fault at sample ${FAULT_ROW}:\n`);
console.log(
  '| fault | twin | found by its alarm | delay (median) | found by any | delay | alarms |',
);
console.log(`|${' --- |'.repeat(7)}`);
for (const fault of FAULTS) {
  for (const { name, twin, model } of twins) {
    await detection(name, twin, model, seeds, fault, window);
  }
}
