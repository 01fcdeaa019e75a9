import {
  type CommandIo,
  jsonText,
  printJson,
  printLine,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import { openStore } from '../shared/store/index.js';
import { createCalibrator } from '../shared/twin/calibrator/calibrator.js';
import type { TwinRecording } from '../shared/twin/data/recording.js';
import { loadTwin } from '../shared/twin/definition/twin.js';
import { type Ahead, forecastAfterFit, looksAhead } from '../shared/twin/fit/handover/ahead.js';
import {
  type Commission,
  commission,
  createFitModel,
  type FitModel,
  type OfferedWear,
  stateAfterFit,
  withWearing,
} from '../shared/twin/fit/index.js';
import { fitLines } from '../shared/twin/fit/views/lines.js';
import { fitPlot } from '../shared/twin/fit/views/plot.js';
import { fitReport } from '../shared/twin/fit/views/report.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import { markOfVerdict } from '../shared/twin/report/fit-alarms.js';
import { type Verdict, verdictExitCode } from '../shared/twin/report/verdict.js';
import { conflictError, loadState, saveState } from '../shared/twin/state/state-store.js';
import { keepVersion } from '../shared/twin/state/versions.js';
import type { CalibratorState, Sample, Twin, TwinModel } from '../shared/twin/types.js';
import { guessedOf, recordingOf, summaryOf } from './batch-options.js';
import type { Command } from './command.js';
import { type OnOffers, wearOf } from './fit-offers.js';
import {
  lanesOf,
  lanesOption,
  numberIn,
  pageOption,
  resultOption,
  strictOption,
  twinArgument,
  wholeNumber,
} from './options.js';
import { progressBar } from './progress.js';
import { dataOption, recordingOptions } from './recording-options.js';

/** Samples that the calibrator's own first state is made from. */
const NOISE_SAMPLES = 200;

/** Fits a twin; `new` takes part in what is done about its offers. */
export async function runFit(
  args: Record<string, unknown>,
  io: CommandIo,
  onOffers?: OnOffers,
): Promise<number> {
  const given = await loadTwin(String(args.twin));
  const wear = wearOf(args.wear, given);
  if (Object.keys(wear).length > 0 && args.state !== undefined) {
    throw new TwinError(
      'USAGE',
      '--state keeps what the definition says, and --wear only tries: state wearHorizonS in the definition, then keep the fit.',
    );
  }
  const twin = withWearing(given, wear);
  const recording = await recordingOf(twin, args, io);
  const { samples } = recording;
  const model = await createFitModel(twin, {
    logger: io.logger,
    signal: io.signal,
    ...lanesOf(args),
  });
  const bar = progressBar(io, 'Fitting', 'model runs');
  let guessedWear: readonly OfferedWear[] = [];
  let ranOtherwise = false;
  try {
    bar.start(0);
    const result = await commission(twin, model, samples, {
      signal: io.signal,
      onPass: bar.update,
      recording: { ...(await summaryOf(twin, recording)), ...guessedOf(args) },
      offer: true,
      hidden: true,
      ...(args.starts === undefined ? {} : { starts: args.starts as number }),
      ...(args.holdOut === undefined ? {} : { holdOut: args.holdOut as number }),
      ...(args.guessedWear === undefined
        ? {}
        : { guessedWear: args.guessedWear as readonly OfferedWear[] }),
    });
    bar.stop();
    const { offeredWear: offers = [], offeredInterpolations } = result.output;
    if (onOffers !== undefined && offeredInterpolations !== undefined) {
      ranOtherwise = await onOffers.interpolations(offeredInterpolations);
    }
    // What inputs did is settled first: wear may be what makes up for it.
    if (onOffers !== undefined && offers.length > 0 && !ranOtherwise) {
      guessedWear = await onOffers.wear(offers);
    }
    if (guessedWear.length === 0 && !ranOtherwise) {
      await keepFit(twin, model, result, recording, args, io);
      return tellFit(result, args, io);
    }
  } finally {
    bar.stop();
    await model.close();
  }
  // Of the definition as it is now.
  return ranOtherwise ? runFit(args, io, onOffers) : runFit({ ...args, guessedWear }, io);
}

/** Writes what was asked for of a fit. */
async function keepFit(
  twin: Twin,
  model: FitModel,
  result: Commission,
  recording: TwinRecording,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<void> {
  const { output } = result;
  if (typeof args.output === 'string') {
    await writeUserFile(args.output, jsonText(output, 1));
  }
  if (typeof args.plot === 'string') {
    const svg = await fitPlot(twin, result);
    if (svg === undefined) io.logger.warn('Nothing was fitted, so nothing is drawn');
    else await writeUserFile(args.plot, svg);
  }
  const asked = {
    state: typeof args.state === 'string',
    report: typeof args.report === 'string',
  };
  let ahead: Ahead | undefined;
  if (asked.state || (asked.report && looksAhead(twin))) {
    ahead = await goOn(twin, model, result, recording.samples, args, io);
  }
  if (asked.report) {
    const { account } = recording.table;
    await writeUserFile(String(args.report), await fitReport(twin, result, account, ahead));
  }
}

/** Prints a fit. @returns the exit code */
function tellFit({ output }: Commission, args: Record<string, unknown>, io: CommandIo): number {
  if (args.json === true) {
    printJson(io.stdout, output);
  } else for (const line of fitLines(output)) printLine(io.stdout, line);
  return verdictExitCode(output.verdict, args.strict === true);
}

/** A state that says of its constants what spoke against their fit, until the next. */
function withVerdict(state: CalibratorState, verdict: Verdict): CalibratorState {
  const { refit } = state.filter;
  if (refit === undefined) return state;
  return {
    ...state,
    filter: { ...state.filter, refit: { ...refit, ...markOfVerdict(verdict) } },
  };
}

/** Goes on from a fit: saves the state that the calibrator begins with, and looks ahead for the page. */
async function goOn(
  twin: Twin,
  fitModel: FitModel,
  { fit: found, output }: Commission,
  samples: readonly Sample[],
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<Ahead | undefined> {
  if (found === undefined || output.verdict.grade === 'unusable') {
    const reasons = output.verdict.reasons;
    if (args.state !== undefined) {
      io.logger.warn('No state is written: the fit is not to be used', { reasons });
    }
    return { unknown: 'the fit is not to be used.' };
  }
  let model: TwinModel;
  try {
    model = await createTwinModel(twin, { logger: io.logger, lanes: 1 });
  } catch (error) {
    // A model that begins at its own start only can be fitted, and has no forecast; a state was asked for.
    const startsOnly = error instanceof TwinError && error.code === 'FMU_UNSUPPORTED';
    if (!startsOnly || args.state !== undefined) throw error;
    return { unknown: error.message };
  }
  try {
    const initial = createCalibrator({ twin, model }).initialState(samples.slice(-NOISE_SAMPLES));
    const state = withVerdict(
      await stateAfterFit(twin, fitModel, found, samples, initial, model),
      output.verdict,
    );
    if (typeof args.state === 'string') await keepState(twin, state, args.state);
    return args.report !== undefined && looksAhead(twin)
      ? await forecastAfterFit(twin, model, state, found.record, io.signal)
      : undefined;
  } finally {
    await model.close();
  }
}

/** Saves a state as the newest. */
async function keepState(twin: Twin, state: CalibratorState, location: string): Promise<void> {
  const store = openStore(location);
  const stored = await loadState(store, twin);
  try {
    await keepVersion(store, twin);
    await saveState(store, twin, state, stored?.etag);
  } catch (error) {
    throw error instanceof TwinError && error.code === 'CONFLICT' ? conflictError(error) : error;
  }
}

/** `fit`: commissioning of a twin from a recording. */
export const fitCommand: Command = {
  name: 'fit',
  summary: 'Fit a twin’s constants, its start and its noise to a recording, and test the fit',
  arguments: [twinArgument],
  options: [
    { ...dataOption, required: true },
    ...recordingOptions,
    {
      flags: '--starts <n>',
      description: 'points that the search begins from, 1 to 6; default: 4',
      parse: wholeNumber('--starts', 1, 6),
    },
    {
      flags: '--hold-out <share>',
      description: 'last share of the rows, kept from the fit to test it; default: 0.25',
      parse: numberIn('--hold-out', { from: 0, to: 0.9 }),
    },
    {
      flags: '--state <store>',
      description: 'folder or s3://bucket/prefix: saves what `calibrate` and the worker go on from',
    },
    {
      flags: '--wear <name=seconds...>',
      description:
        'try what it is if a constant wears, through its whole range in so many seconds, as wearHorizonS says it',
    },
    resultOption,
    pageOption,
    {
      flags: '--plot <svg>',
      writes: 'file',
      endings: ['.svg'],
      description: 'the free run beside the data',
    },
    strictOption,
    lanesOption,
  ],
  examples: [
    'twinloop fit twin.json --data recording.csv --report fit.html',
    'twinloop fit twin.json --data recording.csv --hold-out 0.5 --output fit.json --plot fit.svg',
  ],
  run: (args, io) => runFit(args, io),
};
