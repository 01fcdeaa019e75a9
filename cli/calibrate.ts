import {
  type CommandIo,
  collectGarbageEarly,
  nsToSeconds,
  systemClock,
  TwinError,
} from '../shared/core/index.js';
import { type ObjectStore, openStore } from '../shared/store/index.js';
import { createCalibrator } from '../shared/twin/calibrator/calibrator.js';
import { type CalibrationRun, runSamples, type TakeStep } from '../shared/twin/calibrator/run.js';
import { loadAssetTwin } from '../shared/twin/definition/asset-twin.js';
import { heldInputsOf } from '../shared/twin/definition/assumed-inputs.js';
import { type Commission, createFitModel } from '../shared/twin/fit/index.js';
import {
  integrationErrorReasons,
  withIntegrationError,
} from '../shared/twin/model/integration-error.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import { channelAlarms, withChannelAlarms } from '../shared/twin/readings/channel-faults.js';
import { levelFindings } from '../shared/twin/readings/levels.js';
import { createRefitter, runWithRefits } from '../shared/twin/refit/index.js';
import { calibrationFindings } from '../shared/twin/report/calibration-findings.js';
import { crossCheckOf } from '../shared/twin/report/cross-check.js';
import { isOfFit } from '../shared/twin/report/fit-alarms.js';
import { hindsightFindings } from '../shared/twin/report/hindsight.js';
import { pulledFindings } from '../shared/twin/report/pulled-constants.js';
import { summarizeRecording, summarizeStreams } from '../shared/twin/report/recording-summary.js';
import { parameterEstimates } from '../shared/twin/report/report.js';
import { type CalibrationOutput, judgeBy, summarize } from '../shared/twin/report/results.js';
import type { RunSteps } from '../shared/twin/report/step-trace.js';
import { type Finding, findingsOf, verdictExitCode } from '../shared/twin/report/verdict.js';
import {
  conflictError,
  loadState,
  type StoredState,
  saveState,
} from '../shared/twin/state/state-store.js';
import { keepVersion } from '../shared/twin/state/versions.js';
import type { Calibrator, CalibratorState, Sample, Twin, TwinModel } from '../shared/twin/types.js';
import { tune } from './calibrate-tune.js';
import {
  type CalibrationData,
  errorOfIntegration,
  readData,
  samplesToTake,
} from './calibration-data.js';
import { CalibrationResults } from './calibration-results.js';
import type { Command } from './command.js';
import {
  endpointOptions,
  instantNs,
  lanesOf,
  lanesOption,
  strictOption,
  twinArgument,
  wholeNumber,
} from './options.js';
import { progressBar } from './progress.js';
import { dataOption, RECORDING_FLAGS, recordingOptions } from './recording-options.js';

/** Samples that sensor noise is first estimated from. */
const NOISE_SAMPLES = 200;
/** Share of runs that may lose a mode before the result is of no use. */
const FEW = 0.02;

/** Options that belong to one source of samples only. */
const ASSET_FLAGS = ['since', 'endpoint', 'region', 'timeMap'] as const;

function checkUsage(args: Record<string, unknown>): void {
  const given = (names: readonly string[]) => names.filter((name) => args[name] !== undefined);
  const flag = (name: string) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
  if ((args.data === undefined) === (args.asset === undefined)) {
    throw new TwinError(
      'USAGE',
      args.data === undefined
        ? 'No data: name a recording with --data FILE.csv, or a stream in SiteWise with --asset ALIAS.'
        : 'Two sources of data: give --data or --asset, not both.',
    );
  }
  const idle = given(args.data === undefined ? RECORDING_FLAGS : ASSET_FLAGS);
  const ofTune = args.tune === true ? given(['state', 'plot', 'report']) : [];
  if (idle.length + ofTune.length > 0) {
    throw new TwinError(
      'USAGE',
      `${[...idle, ...ofTune].map(flag).join(', ')} ${idle.length > 0 ? `goes with ${args.data === undefined ? '--data' : '--asset'} only` : 'does not go with --tune, which keeps no state and draws nothing'}.`,
    );
  }
  const output = args.output as string | undefined;
  if (args.tune === true && output?.endsWith('.csv') === true) {
    throw new TwinError(
      'USAGE',
      `--output is "${output}": with --tune expected a name ending in .json.`,
    );
  }
}

/** Puts what was read, what speaks against the result, and the verdict into its summary. */
async function judge(
  twin: Twin,
  model: TwinModel,
  data: CalibrationData,
  result: CalibrationOutput,
  signal: AbortSignal,
  { traces, lastUsed, pulled, known }: RunSteps,
  { newest, slopes, state }: CalibrationRun & { newest?: Commission },
): Promise<void> {
  const nowS = nsToSeconds(systemClock.nowNs());
  const { summary } = result;
  const held = await heldInputsOf(twin);
  summary.recording =
    data.recording === undefined
      ? summarizeStreams(twin, data.samples, traces, nowS, held)
      : { ...summarizeRecording(twin, data.recording, traces, nowS, held), ...data.guessed };
  const measured = twin.definition.measured.map((m) => m.variable);
  const dead = summary.recording.deadChannels.filter((name) => measured.includes(name));
  summary.alarms = withChannelAlarms(summary.alarms, channelAlarms(dead, summary.recording));
  const notes = (data.recording?.table.account.notes ?? []).filter((n) => !n.includes('--decimal'));
  // The newest fit was made after the last step: its own verdict counts.
  if (newest !== undefined) summary.alarms = summary.alarms.filter((a) => !isOfFit(a.code));
  const check = crossCheckOf(twin, { lastUsed, slopes, state });
  const findings: Finding[] = [
    ...calibrationFindings(twin, result),
    ...pulledFindings(twin, pulled),
    ...hindsightFindings(twin, known, summary.parameters),
    ...check.findings,
    ...(newest === undefined ? [] : findingsOf(newest.output.verdict, newest.output.quantities)),
    ...integrationErrorReasons(twin, summary.integrationError).map((reason) => ({
      grade: 'care' as const,
      reason,
    })),
    ...notes.map((note) => ({ grade: 'care' as const, reason: note.replace(/\.$/, '') })),
  ];
  if (lastUsed !== undefined) {
    const found = twin.definition.parameters.map((p) => lastUsed.parameters[p.variable]!.mean);
    const lost = await model.transient?.forgets?.(Float64Array.from(found), data.samples, signal);
    if (lost !== undefined) {
      findings.push({ grade: lost.share > FEW ? 'unusable' : 'care', reason: lost.text });
    }
  }
  // What unit may be wrong is asked only where something is: it costs a run of the model.
  if (findings.length > 0)
    findings.push(...(await levelFindings(twin, model, data.samples, signal)));
  judgeBy(twin, result, findings, check.hangsOn);
}

/** All samples, with refits where the twin's constants are fitted. */
async function runAll(
  calibrator: Calibrator,
  model: TwinModel,
  start: CalibratorState,
  samples: readonly Sample[],
  args: Record<string, unknown>,
  onStep: (done: number) => void,
  take: TakeStep,
  io: CommandIo,
): Promise<CalibrationRun & { newest?: Commission }> {
  const { twin } = calibrator;
  if (twin.definition.simulation.mode !== 'transient') {
    return runSamples(calibrator, start, samples, onStep, io.signal, take);
  }
  const options = { logger: io.logger, signal: io.signal, ...lanesOf(args) };
  const fitModel = await createFitModel(twin, options);
  try {
    const refitter = createRefitter(calibrator, fitModel, model, io.logger);
    return refitter === undefined
      ? await runSamples(calibrator, start, samples, onStep, io.signal, take)
      : await runWithRefits(calibrator, refitter, start, samples, onStep, io.signal, take);
  } finally {
    await fitModel.close();
  }
}

/** Constants are what the newest fit says: the bands of the steps are of fits before. */
function tellFit(
  { summary }: CalibrationOutput,
  { twin }: Calibrator,
  state: CalibratorState,
  newest: Commission,
): void {
  const { output } = newest;
  summary.parameters =
    output.verdict.grade === 'unusable' ? parameterEstimates(twin, state) : output.parameters;
  if (output.bands !== undefined) summary.bands = output.bands;
  delete summary.identifiability;
}

/** What is kept of a run, and where. */
interface Keeping {
  store: ObjectStore | undefined;
  stored: StoredState | undefined;
  asset: string;
  results: CalibrationResults;
}

async function calibrate(args: Record<string, unknown>, io: CommandIo): Promise<number> {
  checkUsage(args);
  // A long record is minutes of garbage beside little that lives.
  collectGarbageEarly();
  const { twin, asset } = await loadAssetTwin(args);
  if (args.tune === true) return tune(twin, args, io);
  const store = typeof args.state === 'string' ? openStore(args.state) : undefined;
  const stored = store === undefined ? undefined : await loadState(store, twin, asset);
  const data = await readData(twin, stored?.state, args, io);
  const results = await CalibrationResults.open(twin, args);
  try {
    const output = await run(twin, data, { store, stored, asset, results }, args, io);
    await results.give(output, data.samples, data.recording?.table.account, io);
    return verdictExitCode(output.summary.verdict, args.strict === true);
  } finally {
    await results.close();
  }
}

/** Runs the samples, judges the result and saves the state. */
async function run(
  twin: Twin,
  data: CalibrationData,
  { store, stored, asset, results }: Keeping,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<CalibrationOutput> {
  const samples = samplesToTake(twin, data);
  const model = await createTwinModel(twin, { logger: io.logger, ...lanesOf(args) });
  const startedMs = performance.now();
  const bar = progressBar(io, 'Calibrating', 'samples');
  try {
    const error = await errorOfIntegration(model, samples, io);
    const calibrator = createCalibrator({ twin: withIntegrationError(twin, error), model });
    const start = stored?.state ?? calibrator.initialState(samples.slice(0, NOISE_SAMPLES));
    bar.start(samples.length);
    const take: TakeStep = (step) => results.take(step);
    const run = await runAll(calibrator, model, start, samples, args, bar.update, take, io);
    const wallS = (performance.now() - startedMs) / 1000;
    const result = summarize(twin, results.kept, wallS, run.slopes, run.state);
    if (run.newest !== undefined) tellFit(result, calibrator, run.state, run.newest);
    result.summary.integrationError = error;
    await judge(twin, model, data, result, io.signal, results.kept, run);
    if (store !== undefined && run.state !== stored?.state) {
      await keepVersion(store, twin);
      try {
        await saveState(store, twin, run.state, stored?.etag, {
          asset,
          ...(args.history === undefined ? {} : { history: Number(args.history) }),
        });
      } catch (error) {
        throw error instanceof TwinError && error.code === 'CONFLICT'
          ? conflictError(error)
          : error;
      }
    }
    return result;
  } finally {
    bar.stop();
    await model.close();
  }
}

/** `calibrate`: one calibration run, or with `--tune` the search for the settings that suit best. */
export const calibrateCommand: Command = {
  name: 'calibrate',
  summary: 'Calibrate a twin against a recording, or against what SiteWise has of an asset',
  arguments: [twinArgument],
  options: [
    dataOption,
    ...recordingOptions,
    {
      flags: '--asset <alias>',
      description: 'alias of a stream of an asset in SiteWise: reads what is new, writes nothing',
    },
    {
      flags: '--since <time>',
      description:
        'where to begin without a state; default: 30 days ago, or 500 samples where these take longer',
      parse: instantNs('--since'),
    },
    ...endpointOptions,
    {
      flags: '--time-map <file>',
      description: 'how timestamps relate to the machine’s time, where it runs faster',
    },
    {
      flags: '--state <store>',
      description: 'folder or s3://bucket/prefix that keeps the state between runs',
    },
    {
      flags: '--history <n>',
      description: 'earlier states to keep beside the newest; default: 10',
      parse: wholeNumber('--history', 0),
    },
    {
      flags: '--output <file>',
      writes: 'file',
      endings: ['.json', '.csv'],
      description: 'every step, as .json or .csv',
    },
    {
      flags: '--plot <svg>',
      writes: 'file',
      endings: ['.svg'],
      description: 'parameters, virtual sensors and NIS over time',
    },
    {
      flags: '--tune',
      description: 'find trendScale, and noise that is left out, by likelihood; --output .json',
    },
    {
      flags: '--report <html>',
      writes: 'file',
      endings: ['.html'],
      description: 'a page to read and to print: everything about the run',
    },
    strictOption,
    lanesOption,
  ],
  examples: [
    'twinloop calibrate shared/twins/web-line/twin.json --data recording.csv --output out.json --plot out.svg',
    'twinloop calibrate twin.json --data recording.csv --tune --output tuned.json',
    'twinloop calibrate twin.json --asset /line1/roller1/w --state states',
  ],
  run: calibrate,
};
