import {
  type CommandIo,
  jsonText,
  printJson,
  printLine,
  writeUserFile,
} from '../shared/core/index.js';
import {
  backtest,
  backtestLines,
  backtestPlot,
  backtestReport,
} from '../shared/twin/backtest/index.js';
import { loadTwin } from '../shared/twin/definition/twin.js';
import { createFitModel } from '../shared/twin/fit/index.js';
import { verdictExitCode } from '../shared/twin/report/verdict.js';
import { recordingOf, summaryOf } from './batch-options.js';
import type { Command } from './command.js';
import {
  lanesOf,
  lanesOption,
  numbersIn,
  pageOption,
  resultOption,
  strictOption,
  twinArgument,
  wholeNumber,
} from './options.js';
import { progressBar } from './progress.js';
import { dataOption, recordingOptions } from './recording-options.js';

const parseHorizons = (text: string) =>
  [...new Set(numbersIn('--horizons', { whole: true, from: 1 })(text))].sort((a, b) => a - b);

async function run(args: Record<string, unknown>, io: CommandIo): Promise<number> {
  const twin = await loadTwin(String(args.twin));
  const recording = await recordingOf(twin, args, io);
  const { samples, table } = recording;
  const model = await createFitModel(twin, {
    logger: io.logger,
    signal: io.signal,
    ...lanesOf(args),
  });
  const bar = progressBar(io, 'Testing', 'model runs');
  try {
    bar.start(0);
    const output = await backtest(twin, model, samples, {
      signal: io.signal,
      onPass: bar.update,
      recording: await summaryOf(twin, recording),
      withoutYardstick: args.yardstick === false,
      ...(args.horizons === undefined ? {} : { horizons: args.horizons as number[] }),
      ...(args.folds === undefined ? {} : { folds: args.folds as number }),
      ...(args.seed === undefined ? {} : { seed: args.seed as number }),
    });
    bar.stop();
    if (typeof args.output === 'string') {
      await writeUserFile(args.output, jsonText(output, 1));
    }
    if (typeof args.plot === 'string') {
      const svg = await backtestPlot(output);
      if (svg === undefined) io.logger.warn('Nothing was tested, so nothing is drawn');
      else await writeUserFile(args.plot, svg);
    }
    if (typeof args.report === 'string') {
      await writeUserFile(args.report, await backtestReport(output, table.account));
    }
    if (args.json === true) printJson(io.stdout, output);
    else for (const line of backtestLines(output)) printLine(io.stdout, line);
    return verdictExitCode(output.verdict, args.strict === true);
  } finally {
    bar.stop();
    await model.close();
  }
}

/** `backtest`: how far a twin's predictions and bands can be believed. */
export const backtestCommand: Command = {
  name: 'backtest',
  summary: 'Test a twin’s predictions and bands on a recording of your own',
  arguments: [twinArgument],
  options: [
    { ...dataOption, required: true },
    ...recordingOptions,
    {
      flags: '--horizons <list>',
      description: 'samples ahead, comma-separated; default: 1,10,100',
      parse: parseHorizons,
    },
    {
      flags: '--folds <n>',
      description: 'fits on a growing part of the rows; default: 3',
      parse: wholeNumber('--folds', 1),
    },
    {
      flags: '--seed <n>',
      description: 'of the record that the twin itself makes, for a yardstick; default: 1',
      parse: wholeNumber('--seed', 0),
    },
    { flags: '--no-yardstick', description: 'without that record: half the time' },
    resultOption,
    pageOption,
    {
      flags: '--plot <svg>',
      writes: 'file',
      endings: ['.svg'],
      description: 'where the data fell in the predictions’ distributions',
    },
    strictOption,
    lanesOption,
  ],
  examples: [
    'twinloop backtest twin.json --data recording.csv --report backtest.html',
    'twinloop backtest twin.json --data recording.csv --horizons 1,60,600 --output backtest.json',
  ],
  run,
};
