import { messageOf, TwinError } from '../../core/index.js';
import { type FitContext, fitContext } from '../fit/model/fit-context.js';
import type { FitModel } from '../fit/model/fit-model.js';
import { fitRecord } from '../fit/record/arrange.js';
import { deadChannels, withoutChannels } from '../fit/record/dead-channels.js';
import { gapFindings, runnable } from '../fit/record/gaps.js';
import { type FitRecord, heardRows } from '../fit/record/record.js';
import { recordingOf } from '../fit/record/recording-of.js';
import { ridgesOf } from '../fit/shape/ridges.js';
import { startFindings } from '../fit/verdict/start-findings.js';
import { ownFindings } from '../fit/verdict/verdict.js';
import { recordingFindings } from '../report/recording-findings.js';
import type { RecordingSummary } from '../report/recording-summary.js';
import type { Finding } from '../report/verdict.js';
import type { Sample, Twin } from '../types.js';
import { heldOutSensors } from './held-out-sensors.js';
import type { BacktestOptions } from './options.js';
import { untestedFindings, untestedHorizons } from './origins.js';
import { ownRecordTested, type Tested, testRecord } from './record-tests.js';
import type { BacktestOutput } from './types.js';
import { backtestVerdicts, type Unusable } from './verdict.js';

/** Fewer samples allow no test of predictions. */
const LEAST_SAMPLES = 60;

/** What a backtest came to: of what could not be tested, nothing. */
type Parts = Partial<Tested & Pick<BacktestOutput, 'heldOut' | 'yardstick'>>;

/**
 * Tests how far a twin's predictions and bands can be believed, on the user's own record: fits on a
 * growing part of it predict what follows at several horizons; parameters of separate parts are
 * compared; each sensor is held out in turn; and all the same on a record that the twin itself made,
 * for a yardstick.
 *
 * @throws TwinError `CANCELLED`, and what the model throws that no data can mend
 */
export async function backtest(
  twin: Twin,
  model: FitModel,
  samples: readonly Sample[],
  options: BacktestOptions = {},
): Promise<BacktestOutput> {
  const startedMs = performance.now();
  const { signal, seed = 1 } = options;
  const context = fitContext(twin, model, options);
  const whole = fitRecord(twin, samples);
  const dead = deadChannels(twin, whole);
  const record = withoutChannels(runnable(whole, model), dead);
  const recording = recordingOf(twin, samples, whole, dead, options.recording);
  const account = { context, samples: samples.length, whole, record, dead, recording, startedMs };
  const done = (parts: Parts, unusable?: Unusable) =>
    backtestOutput(account, options, parts, unusable);
  const untestable = tooFewToTest(context, record, dead);
  if (untestable !== undefined) return done({}, { reason: untestable });
  try {
    const tested = await testRecord(context, record, options);
    const heldOut = await heldOutSensors(context, record, tested.fit, dead);
    const yardstick =
      options.withoutYardstick === true
        ? undefined
        : await ownRecordTested(context, record, tested.fit, options, seed);
    return done({ ...tested, heldOut, ...(yardstick === undefined ? {} : { yardstick }) });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    return done({}, { reason: messageOf(error).replace(/\.$/, '') });
  }
}

/** Why a record allows no test; undefined where it does. */
function tooFewToTest(
  { twin, model }: FitContext,
  record: FitRecord,
  dead: ReadonlySet<number>,
): string | undefined {
  if (record.timesS.length > 0 && dead.size === record.channels)
    return 'no measured variable has values that move';
  const usable = record.data.filter((v) => !Number.isNaN(v)).length;
  const unknowns =
    twin.definition.parameters.length + model.states.length * record.beginnings.length;
  if (record.timesS.length >= LEAST_SAMPLES && usable >= 4 * unknowns) return undefined;
  return `${record.timesS.length} samples with ${usable} usable values are too few to test anything: at least ${LEAST_SAMPLES} samples are needed`;
}

/** What was read and tested, and how far it can be believed. */
function backtestOutput(
  {
    context,
    samples,
    whole,
    record,
    dead,
    recording,
    startedMs,
  }: {
    context: FitContext;
    samples: number;
    whole: FitRecord;
    record: FitRecord;
    dead: ReadonlySet<number>;
    recording: RecordingSummary;
    startedMs: number;
  },
  options: BacktestOptions,
  parts: Parts,
  unusable: Unusable | undefined,
): BacktestOutput {
  const { twin, model } = context;
  const untested =
    parts.horizons === undefined ? undefined : untestedHorizons(parts.horizons, record, options);
  const findings: Finding[] = [
    // What was read first, as of a fit. Dead channels are among the test's own findings already.
    ...recordingFindings(
      { ...recording, deadChannels: [] },
      twin.definition.measured.map((m) => m.variable),
    ),
    ...(parts.fit === undefined ? [] : ownFindings(twin, parts.fit, ridgesOf(parts.fit))),
    ...(parts.fit === undefined ? [] : startFindings(model, parts.fit)),
    ...gapFindings(whole, record),
    ...untestedFindings(untested, options),
  ];
  const { verdict, quantities } = backtestVerdicts(
    twin,
    { ...parts, dead, record },
    findings,
    unusable,
  );
  return {
    twin: twin.definition.name,
    horizons: parts.horizons ?? [],
    ...(untested === undefined ? {} : { untested }),
    heldOut: parts.heldOut ?? [],
    splitHalf: parts.splitHalf ?? { agree: null, pairs: 0, parameters: {} },
    pit: parts.pit ?? {},
    ...(parts.yardstick === undefined ? {} : { yardstick: parts.yardstick }),
    origins: parts.origins ?? [],
    quantities,
    verdict,
    summary: {
      samples,
      used: heardRows(whole),
      modelRuns: context.passes,
      wallS: (performance.now() - startedMs) / 1000,
      verdict,
      recording,
    },
  };
}
