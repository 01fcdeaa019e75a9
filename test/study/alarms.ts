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
import { checkWords, chosen, count, words } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown, median, percent } from './common/table.js';

const ROWS = 2000;
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
  faultRow: number,
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
    const since = fault === undefined ? -1 : row - faultRow;
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

/** How often each alarm was raised over healthy rows. */
async function falseAlarms(twin: Twin, model: TwinModel, seed: number, rows: number) {
  const seen = episodes();
  await run(twin, model, seed, rows, undefined, 0, seen.visit);
  return { episodes: Object.fromEntries(seen.counts) };
}

/** Samples until a fault's own alarm and until any; Infinity: not within the window. */
async function detection(
  twin: Twin,
  model: TwinModel,
  seed: number,
  fault: Fault,
  faultRow: number,
  window: number,
) {
  let right = Number.POSITIVE_INFINITY;
  let any = Number.POSITIVE_INFINITY;
  const heard = new Set<string>();
  await run(twin, model, seed, faultRow + window, fault, faultRow, (row, result) => {
    if (row < faultRow) return;
    for (const { code } of result.alarms) {
      heard.add(code);
      any = Math.min(any, row - faultRow);
      if (fault.expected.includes(code)) right = Math.min(right, row - faultRow);
    }
  });
  return { right, any, heard: [...heard] };
}

const TWINS: Readonly<Record<string, readonly number[]>> = {
  'nine drags': [0, 1, 2, 3, 4, 5, 6, 7, 8],
  'b3, b9': [2, 7],
};
/** A web line without a fault, as it is named. */
const WELL = 'well';
/** One healthy record, or one with a fault. */
type Watched = Job & { twin: string; seed: number; fault?: string };
type Result = Partial<Awaited<ReturnType<typeof falseAlarms>>> &
  Partial<Awaited<ReturnType<typeof detection>>>;

/** Alarms of a web line that is well, and of one that is not. */
export const study = defineStudy({
  name: 'study:alarms',
  measures:
    'How often each alarm is raised while all is well, and how soon when something is not: two twins of the web line by algebra, all nine drags calibrated, so that nine sensors leave nothing over, and b3 and b9 only.',
  takes: 'about a minute a seed',
  options: {
    seeds: count('noise seeds', 50),
    rows: count('samples of a healthy record', ROWS),
    before: count('samples before a fault', 1000),
    window: count('samples after a fault within which it counts as found', 300),
    only: words('twins and faults whose names contain one of these, well for none'),
  },
  jobs({ seeds, rows, before, window, only }): Watched[] {
    const twins = Object.keys(TWINS);
    const states = [WELL, ...FAULTS.map((f) => f.title)];
    checkWords(only, [...twins, ...states]);
    return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      chosen(twins, only, (twin) => twin).flatMap((twin) =>
        chosen(states, only, (state) => state).map((state) =>
          state === WELL
            ? { key: `${twin}/healthy/${rows}/${seed}`, twin, seed }
            : {
                key: `${twin}/${state}/${before}+${window}/${seed}`,
                twin,
                seed,
                fault: state,
              },
        ),
      ),
    );
  },
  async run(job, { rows, before, window }): Promise<Result> {
    const base = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
    const { twin, model } = studyTwin(base, TWINS[job.twin]!);
    const fault = FAULTS.find((f) => f.title === job.fault);
    return fault === undefined
      ? falseAlarms(twin, model, job.seed, rows)
      : detection(twin, model, job.seed, fault, before, window);
  },
  tables(done, { rows, before, window }) {
    const of = (twin: string, fault?: string) =>
      done.filter(({ job }) => job.twin === twin && job.fault === fault).map((d) => d.result);
    const healthy = Object.keys(TWINS).flatMap((twin) => {
      const runs = of(twin);
      if (runs.length === 0) return [];
      const rate = (codes: readonly AlarmCode[]) => {
        const all = runs.flatMap((r) => codes.map((code) => r.episodes![code] ?? 0));
        return (all.reduce((a, b) => a + b, 0) / runs.length).toFixed(2);
      };
      return [[twin, runs.length, ...ALARM_CODES.map((code) => rate([code])), rate(ALARM_CODES)]];
    });
    const delay = (values: readonly number[]) => {
      const value = median(values);
      return Number.isFinite(value) ? `${value}` : '–';
    };
    const faults = FAULTS.flatMap(({ title }) =>
      Object.keys(TWINS).flatMap((twin) => {
        const runs = of(twin, title);
        if (runs.length === 0) return [];
        const right = runs.map((r) => r.right!);
        const any = runs.map((r) => r.any!);
        const share = (hits: number) => `${percent(hits, runs.length)} %`;
        const found = (values: readonly number[]) => share(values.filter(Number.isFinite).length);
        const heard = ALARM_CODES.map(
          (code) => [code, runs.filter((r) => r.heard!.includes(code)).length] as const,
        )
          .filter(([, hits]) => hits > 0)
          .sort((a, b) => b[1] - a[1])
          .map(([code, hits]) => `${code} ${share(hits)}`);
        const figures = [found(right), delay(right), found(any), delay(any)];
        return [[title, twin, runs.length, ...figures, heard.join(', ') || 'none']];
      }),
    );
    return [
      ...markdown(
        `False alarms per ${rows} healthy samples (2,000: 30 days)`,
        ['twin', 'records', ...ALARM_CODES, 'all'],
        healthy,
      ),
      ...markdown(
        `Detection within ${window} samples of a fault at sample ${before}`,
        [
          'fault',
          'twin',
          'records',
          'found by its alarm',
          'delay (median)',
          'found by any',
          'delay',
          'alarms',
        ],
        faults,
      ),
    ];
  },
});
