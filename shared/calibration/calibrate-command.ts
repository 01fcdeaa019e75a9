import {
  type Command,
  type CommandIo,
  printJson,
  printLine,
  TwinError,
  writeFileAtomic,
} from '../core/index.js';
import { openStore } from '../storage/index.js';
import { createCalibrator } from './calibrator.js';
import { lanesOf, lanesOption, progressBar, twinArgument, wholeNumber } from './command-options.js';
import { readRecording } from './recording.js';
import { type CalibrationOutput, resultsCsv, resultsPlot, summarize } from './results.js';
import { conflictError, loadState, saveState } from './state-store.js';
import { loadTwin } from './twin.js';
import { createTwinModel } from './twin-model.js';
import type { StepResult } from './types.js';

async function calibrateFile(
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<number | undefined> {
  if (typeof args.data !== 'string') {
    throw new TwinError('USAGE', 'No data: name a recording with --data FILE.csv.');
  }
  const output = args.output as string | undefined;
  if (output !== undefined && !/\.(json|csv)$/.test(output)) {
    throw new TwinError(
      'USAGE',
      `--output is "${output}": expected a name ending in .json or .csv.`,
    );
  }
  const twin = await loadTwin(String(args.twin));
  const pick = (name: string) => (args[name] === undefined ? {} : { [name]: args[name] });
  const samples = await readRecording(twin, args.data, {
    ...pick('from'),
    ...pick('to'),
    ...pick('stride'),
    ...pick('timeColumn'),
    ...pick('headerRow'),
  });
  const store = typeof args.state === 'string' ? openStore(args.state) : undefined;
  const stored = store === undefined ? undefined : await loadState(store, twin);
  const model = await createTwinModel(twin, {
    logger: io.logger,
    ...lanesOf(args),
  });
  const startedMs = performance.now();
  const steps: StepResult[] = [];
  const bar = progressBar(io, 'Calibrating', 'samples');
  let result: CalibrationOutput;
  try {
    const calibrator = createCalibrator({ twin, model });
    let state = stored?.state ?? calibrator.initialState(samples.slice(0, 200));
    bar.start(samples.length);
    for (const sample of samples) {
      const step = await calibrator.step(state, sample, io.signal);
      state = step.state;
      steps.push(step.result);
      bar.update(steps.length);
    }
    result = summarize(twin, steps, (performance.now() - startedMs) / 1000);
    if (store !== undefined && state !== stored?.state) {
      try {
        await saveState(store, twin, state, stored?.etag);
      } catch (error) {
        throw error instanceof TwinError && error.code === 'CONFLICT'
          ? conflictError(error)
          : error;
      }
    }
  } finally {
    bar.stop();
    await model.close();
  }
  if (output !== undefined) {
    const text = output.endsWith('.csv')
      ? resultsCsv(twin, result)
      : `${JSON.stringify(result, null, 1)}\n`;
    await writeFileAtomic(output, text);
  }
  if (typeof args.plot === 'string')
    await writeFileAtomic(args.plot, await resultsPlot(twin, result));
  if (args.json === true) printJson(io.stdout, output === undefined ? result : result.summary);
  else printSummary(result, io);
  return 0;
}

function printSummary(result: CalibrationOutput, io: CommandIo): void {
  const { summary } = result;
  printLine(
    io.stdout,
    `${result.twin}: ${summary.assimilated} samples assimilated, ${summary.skipped} skipped, mean NIS per channel ${summary.meanNisPerChannel?.toFixed(2) ?? 'none'}, ${summary.wallS.toFixed(1)} s`,
  );
  for (const group of [summary.parameters, summary.virtualSensors]) {
    for (const [name, e] of Object.entries(group)) {
      printLine(
        io.stdout,
        `  ${name.padEnd(28)} ${e.mean.toPrecision(5).padStart(12)}   95 %: ${e.lower95.toPrecision(5)} to ${e.upper95.toPrecision(5)}`,
      );
    }
  }
  for (const alarm of summary.alarms) printLine(io.stdout, `  ! ${alarm.code}: ${alarm.message}`);
}

/** `calibrate`: one calibration run. */
export const calibrateCommand: Command = {
  name: 'calibrate',
  summary: 'Calibrate a twin against a recording',
  arguments: [twinArgument],
  options: [
    { flags: '--data <csv>', description: 'the recording' },
    { flags: '--from <row>', description: 'first row, 0-based', parse: wholeNumber('--from', 0) },
    { flags: '--to <row>', description: 'row to stop before', parse: wholeNumber('--to', 1) },
    {
      flags: '--stride <n>',
      description: 'use every nth row',
      parse: wholeNumber('--stride', 1),
    },
    { flags: '--time-column <name>', description: 'time column, seconds; default: the first' },
    {
      flags: '--header-row <line>',
      description: 'line of the header, 1-based; default: found',
      parse: wholeNumber('--header-row', 1),
    },
    {
      flags: '--state <store>',
      description: 'folder or s3://bucket/prefix that keeps the state between runs',
    },
    { flags: '--output <file>', description: 'every step, as .json or .csv' },
    { flags: '--plot <svg>', description: 'the parameters over time with their bands' },
    lanesOption,
  ],
  examples: [
    'twinloop calibrate shared/twins/web-line/twin.json --data recording.csv --output out.json --plot out.svg',
  ],
  run: calibrateFile,
};
