import { spawn } from 'node:child_process';
import { messageOf, packageFile } from '../../shared/core/index.js';
import {
  type Fmu,
  type InterfaceType,
  resultColumn,
  type SimulateRequest,
  simulate,
} from '../../shared/fmi/index.js';

/** One experiment for both importers. */
export interface Experiment {
  interface: InterfaceType;
  startTimeS: number;
  stopTimeS: number;
  outputIntervalS: number;
  tolerance?: number;
  outputs: string[];
  startValues?: Record<string, number>;
  /** Signals by name, the first of them `time`. */
  input?: Record<string, number[]>;
  setInputDerivatives?: boolean;
}

export type Columns = Record<string, ArrayLike<number>>;

/** What came of an FMU through one of its interfaces. */
export interface Verdict {
  kind: 'agrees' | 'differs' | 'only FMPy runs it' | 'only we run it' | 'neither runs it' | 'runs';
  /** Largest deviation, as a share of the column's range. */
  deviation?: number;
  detail: string;
}

/** Rows of an experiment are this many at most: a comparison, not an endurance test. */
const MAX_ROWS = 2000;

/** The experiment that an FMU was made for, shortened. */
export function experimentOf(fmu: Fmu, type: InterfaceType): Experiment {
  const md = fmu.modelDescription;
  const { startTime = 0, stopTime, stepSize, tolerance } = md.defaultExperiment;
  const end = stopTime !== undefined && stopTime > startTime ? stopTime : startTime + 1;
  const own = type === 'cs' ? (md.coSimulation?.fixedInternalStepSize ?? stepSize) : undefined;
  const outputIntervalS = own !== undefined && own > 0 ? own : (end - startTime) / 500;
  const rows = Math.min(MAX_ROWS, Math.round((end - startTime) / outputIntervalS));
  const outputs = md.variables.filter(
    (v) => v.causality === 'output' && v.type === 'Float64' && v.dimensions.length === 0,
  );
  return {
    interface: type,
    startTimeS: startTime,
    stopTimeS: startTime + Math.max(1, rows) * outputIntervalS,
    outputIntervalS,
    ...(type === 'me' ? { tolerance: 1e-6 } : tolerance === undefined ? {} : { tolerance }),
    outputs: outputs.slice(0, 50).map((v) => v.name),
  };
}

/** Runs it with this importer. */
export async function runOurs(
  fmu: Fmu,
  experiment: Experiment,
  timeoutMs: number,
): Promise<Columns> {
  const { input, ...rest } = experiment;
  const request: SimulateRequest = {
    ...rest,
    ...(input !== undefined && {
      input: {
        time: Float64Array.from(input.time ?? []),
        columns: Object.entries(input)
          .slice(1)
          .map(([name, values]) => ({ name, width: 1, values: Float64Array.from(values) })),
      },
    }),
    recordEvents: false,
    useEventMode: false,
    ...(experiment.interface === 'cs' && { stepSizeS: experiment.outputIntervalS }),
  };
  const result = await simulate(fmu, { ...request, timeoutMs });
  return {
    time: result.time,
    ...Object.fromEntries(experiment.outputs.map((name) => [name, resultColumn(result, name)])),
  };
}

/**
 * Runs it with FMPy, in a process of its own.
 *
 * @param python an interpreter that has FMPy
 */
export function runFmpy(
  python: string,
  file: string,
  experiment: Experiment,
  timeoutMs: number,
): Promise<Columns> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [packageFile('test/corpus/fmpy_run.py')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    // With all that an FMU may have started: it would hold the pipes open.
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // All have ended.
      }
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(end, timeoutMs);
    child.once('exit', () => setTimeout(end, 500).unref());
    let [out, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0) {
        const last = errors.trim().split('\n').at(-1) ?? '';
        reject(new Error(signal === null ? last : `ended by ${signal}`));
        return;
      }
      // FMUs may print, and Python writes NaN and Infinity, which are no JSON.
      const text = out.slice(out.lastIndexOf('{"'));
      try {
        resolve(JSON.parse(text.replace(/\bNaN\b/g, 'null').replace(/-?\bInfinity\b/g, 'null')));
      } catch {
        reject(new Error('ended without a result'));
      }
    });
    child.stdin.end(JSON.stringify({ file, ...experiment }));
  });
}

/** The largest deviation over rows of equal time, as a share of each column's range. */
export function deviation(
  ours: Columns,
  theirs: Columns,
  experiment: Experiment,
): { share: number; rows: number; at: string } {
  const slack = 1e-6 * experiment.outputIntervalS;
  const [a, b] = [ours.time ?? [], theirs.time ?? []];
  let [share, rows, at] = [0, 0, ''];
  const scales = experiment.outputs.map((name) => {
    const column = Array.from(ours[name] ?? []).filter(Number.isFinite);
    const range = column.reduce((r, v) => Math.max(r, Math.abs(v)), 0);
    return Math.max(range, 1e-6);
  });
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const apart = (a[i] as number) - (b[j] as number);
    if (Math.abs(apart) > slack) {
      if (apart < 0) i++;
      else j++;
      continue;
    }
    rows++;
    experiment.outputs.forEach((name, c) => {
      const [x, y] = [ours[name]?.[i], theirs[name]?.[j]];
      const bothWild = !Number.isFinite(x) && !Number.isFinite(y ?? Number.NaN);
      const off = bothWild
        ? 0
        : Math.abs((x ?? Number.NaN) - (y ?? Number.NaN)) / (scales[c] as number);
      if (!(off <= share)) [share, at] = [off, `${name} at ${a[i]} s: ${x}, FMPy ${y}`];
    });
    i++;
    j++;
  }
  return { share, rows, at };
}

/** How far solvers of different make may part, as a share of a column's range. */
const TOLERANCE: Readonly<Record<InterfaceType, number>> = { cs: 1e-6, me: 1e-3 };

/** Runs an FMU through both importers and compares. */
export async function judge(
  fmu: Fmu,
  type: InterfaceType,
  python: string | undefined,
  timeoutMs: number,
): Promise<Verdict> {
  const experiment = experimentOf(fmu, type);
  const settled = await Promise.allSettled([
    runOurs(fmu, experiment, timeoutMs),
    python === undefined
      ? Promise.reject(new Error('not installed'))
      : runFmpy(python, fmu.path, experiment, timeoutMs),
  ]);
  const [ours, theirs] = settled;
  const why = (r: PromiseSettledResult<Columns>) =>
    r.status === 'rejected' ? messageOf(r.reason).split('\n')[0]?.slice(0, 160) : '';
  if (ours.status === 'rejected') {
    const kind = theirs.status === 'rejected' ? 'neither runs it' : 'only FMPy runs it';
    return { kind: python === undefined ? 'neither runs it' : kind, detail: why(ours) ?? '' };
  }
  if (python === undefined) return { kind: 'runs', detail: `${ours.value.time?.length} rows` };
  if (theirs.status === 'rejected') return { kind: 'only we run it', detail: why(theirs) ?? '' };
  const { share, rows, at } = deviation(ours.value, theirs.value, experiment);
  const agrees = share <= TOLERANCE[type] && rows > 0;
  return {
    kind: agrees ? 'agrees' : 'differs',
    deviation: share,
    detail: agrees ? `${rows} rows` : at || 'no rows of equal time',
  };
}
