import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type CommandIo,
  printJson,
  printLine,
  ScratchText,
  writeUserFile,
} from '../shared/core/index.js';
import type { RecordingAccount } from '../shared/recordings/index.js';
import { calibrationReport } from '../shared/twin/report/calibration-report.js';
import { DrawnSteps } from '../shared/twin/report/drawn-steps.js';
import type { CalibrationOutput } from '../shared/twin/report/results.js';
import { resultsPlot } from '../shared/twin/report/results-plot.js';
import { type ResultsText, resultsCsv, resultsJson } from '../shared/twin/report/results-text.js';
import { StepKeeper } from '../shared/twin/report/step-trace.js';
import type { Sample, StepResult, Twin } from '../shared/twin/types.js';
import { summaryLines } from './calibration-summary.js';

/**
 * What comes of a run's steps, taken as they come: in memory what its summary and its pictures need, on
 * disk the text of its results.
 */
export class CalibrationResults {
  readonly kept = new StepKeeper();
  readonly #drawn = new DrawnSteps();
  readonly #twin: Twin;
  readonly #args: Record<string, unknown>;
  #text: { as: ResultsText; steps: ScratchText } | undefined;

  private constructor(twin: Twin, args: Record<string, unknown>) {
    this.#twin = twin;
    this.#args = args;
  }

  /** Those that `args` ask for. @throws TwinError `FILE_UNWRITABLE` */
  static async open(twin: Twin, args: Record<string, unknown>): Promise<CalibrationResults> {
    const results = new CalibrationResults(twin, args);
    const output = args.output as string | undefined;
    if (output !== undefined || args.json === true) {
      const as = output?.endsWith('.csv') ? resultsCsv(twin) : resultsJson(output ? 1 : 2);
      results.#text = { as, steps: await ScratchText.open('the steps of the run') };
    }
    return results;
  }

  /** Takes the next step. @throws TwinError `FILE_UNWRITABLE` */
  async take(step: StepResult): Promise<void> {
    const index = this.kept.traces.length;
    this.kept.take(step);
    if (this.#args.plot !== undefined || this.#args.report !== undefined) this.#drawn.take(step);
    await this.#text?.steps.add(this.#text.as.step(step, index));
  }

  /** Writes and prints what was asked for. @throws TwinError `FILE_UNWRITABLE`, `STORAGE` */
  async give(
    output: CalibrationOutput,
    samples: readonly Sample[],
    account: RecordingAccount | undefined,
    { stdout }: Pick<CommandIo, 'stdout'>,
  ): Promise<void> {
    const { output: path, plot, report, json } = this.#args;
    const text = this.#text?.as.whole(output, this.#text.steps.parts());
    if (text !== undefined && typeof path === 'string') await writeUserFile(path, text);
    if (typeof plot === 'string')
      await writeUserFile(plot, await resultsPlot(this.#twin, this.#drawn));
    if (typeof report === 'string') {
      const startS = this.kept.traces[0]?.timeS ?? 0;
      const page = calibrationReport(this.#twin, output, this.#drawn, startS, samples, account);
      await writeUserFile(report, await page);
    }
    if (json !== true) {
      for (const line of summaryLines(this.#twin, output, this.kept.traces))
        printLine(stdout, line);
    } else if (text === undefined || path !== undefined) {
      // The steps are in the file.
      printJson(stdout, output);
    } else await pipeline(Readable.from(text), stdout, { end: false });
  }

  /** Gives back what they take on disk. */
  async close(): Promise<void> {
    await this.#text?.steps.close();
  }
}
