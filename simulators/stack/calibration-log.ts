import { type Logger, messageOf } from '../../shared/core/index.js';
import type { JobRun } from '../scheduler/index.js';

/** One run of the worker, as the page and the summary tell it. */
export interface CalibrationRun {
  startedAtMs: number;
  durationMs: number;
  ok: boolean;
  /** Samples that it assimilated. */
  steps: number;
  /** Normalised innovation squared, mean over the run's steps. */
  meanNis?: number;
  message?: string;
}

/** Runs that are kept for the page. */
const KEEP = 200;

/** What the worker's runs have reported since the stack was started. */
export class CalibrationLog {
  readonly #startedAtMs: number;
  readonly #runs: CalibrationRun[] = [];
  #calibrations = 0;
  #steps = 0;
  #secondsToFirst: number | undefined;

  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  /** Takes in a run: its report is the JSON that it printed. */
  add(run: JobRun, logger: Logger): void {
    const entry: CalibrationRun = {
      startedAtMs: run.startedAtMs,
      durationMs: run.durationMs,
      ok: run.exitCode === 0,
      steps: 0,
    };
    try {
      const report = JSON.parse(run.stdout) as {
        assets?: { steps?: number; meanNis?: number; error?: { message: string } }[];
      };
      for (const asset of report.assets ?? []) {
        entry.steps += asset.steps ?? 0;
        if (asset.meanNis !== undefined) entry.meanNis = asset.meanNis;
        if (asset.error !== undefined) entry.message = asset.error.message;
      }
    } catch (error) {
      entry.ok = false;
      entry.message = run.stderr.trim().split('\n').at(-1) ?? messageOf(error);
      logger.warn('A calibration gave no report', {
        exitCode: run.exitCode,
        reason: entry.message,
      });
    }
    if (entry.steps > 0) {
      this.#calibrations++;
      this.#steps += entry.steps;
      this.#secondsToFirst ??= (run.startedAtMs + run.durationMs - this.#startedAtMs) / 1000;
    }
    this.#runs.push(entry);
    if (this.#runs.length > KEEP) this.#runs.shift();
  }

  /** Runs that assimilated something. */
  get calibrations(): number {
    return this.#calibrations;
  }

  /** Samples assimilated in all. */
  get steps(): number {
    return this.#steps;
  }

  /** From the start of the stack until the first calibration was done. */
  get secondsToFirst(): number | undefined {
    return this.#secondsToFirst;
  }

  /** The last runs, oldest first. */
  recent(): readonly CalibrationRun[] {
    return this.#runs;
  }
}
