import { type ChildProcess, spawn } from 'node:child_process';
import { schedule as scheduleCron, validate } from 'node-cron';
import { type Closeable, type Logger, silentLogger, TwinError } from '../../shared/core/index.js';

/** A job as Batch would start it: a program, its arguments and its environment. */
export interface JobDefinition {
  /** Path of the JavaScript file that Node runs. */
  entry: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Whether it has `env` and nothing of this process's, as a container. */
  ownEnvironment?: boolean;
}

/** The environment of a program that gets nothing of ours, but for what any process needs. */
export function containerEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH = '', HOME = '/tmp', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env };
}

/** How one run of the job ended. */
export interface JobRun {
  startedAtMs: number;
  durationMs: number;
  /** Exit code; null when it was killed. */
  exitCode: number | null;
  /** What it printed on stdout. */
  stdout: string;
  /** The end of what it printed on stderr. */
  stderr: string;
}

export interface SchedulerOptions {
  /** A cron expression; with six fields the first is seconds. */
  cron: string;
  job: JobDefinition;
  /** A run that takes longer is stopped, milliseconds; default 10 minutes. */
  timeoutMs?: number;
  onRun?: (run: JobRun) => void;
  logger?: Logger;
}

/** The running schedule. */
export interface Scheduler extends Closeable {
  /** Runs that were due while the one before was still at work. */
  readonly skipped: number;
  /** Runs the job now, or joins the run that is under way. */
  runNow(): Promise<JobRun>;
}

/** After SIGTERM a job has so long to save its state. */
const GRACE_MS = 3000;
/** Longest output that is kept of a run, characters. */
const MAX_OUTPUT = 4_000_000;

/**
 * Starts a job on a schedule, as EventBridge Scheduler and Batch do in the cloud: a process per run,
 * never two at a time.
 *
 * @throws TwinError `VALUE_INVALID` for an expression that is not cron
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { cron, job, onRun, logger = silentLogger, timeoutMs = 600_000 } = options;
  if (!validate(cron)) {
    throw new TwinError(
      'VALUE_INVALID',
      `The schedule is "${cron}": expected a cron expression of five fields, or six with seconds first, e.g. "*/10 * * * * *".`,
    );
  }
  let current: { child: ChildProcess; done: Promise<JobRun> } | undefined;
  let skipped = 0;
  let closed = false;

  function start(): Promise<JobRun> {
    const startedAtMs = Date.now();
    const child = spawn(process.execPath, [job.entry, ...job.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env:
        job.ownEnvironment === true
          ? containerEnvironment(job.env ?? {})
          : { ...process.env, ...job.env },
    });
    const done = collect(child, startedAtMs, timeoutMs).then((run) => {
      current = undefined;
      if (run.exitCode !== 0 && !closed) {
        logger.warn('A job failed', { exitCode: run.exitCode, stderr: run.stderr.slice(-2000) });
      }
      // What closing cut short is no run that failed.
      if (!closed || run.exitCode === 0) onRun?.(run);
      return run;
    });
    current = { child, done };
    return done;
  }

  const task = scheduleCron(cron, () => {
    if (current !== undefined) {
      skipped++;
      logger.info('A run was due while the one before was still at work', { skipped });
      return;
    }
    void start();
  });
  return {
    get skipped() {
      return skipped;
    },
    runNow: () => current?.done ?? start(),
    async close() {
      const wasClosed = closed;
      closed = true;
      if (!wasClosed) await task.destroy();
      if (current === undefined) return;
      const { child, done } = current;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await done;
      clearTimeout(kill);
    },
  };
}

function collect(child: ChildProcess, startedAtMs: number, timeoutMs: number): Promise<JobRun> {
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-MAX_OUTPUT);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MAX_OUTPUT);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const finish = (exitCode: number | null) => {
      clearTimeout(timer);
      resolve({ startedAtMs, durationMs: Date.now() - startedAtMs, exitCode, stdout, stderr });
    };
    child.once('error', (error) => {
      stderr += error.message;
      finish(null);
    });
    child.once('close', finish);
  });
}
