import { createRng, messageOf, TwinError } from '../../core/index.js';
import { type Fit, fitRecordFrom } from '../fit/fitting/fit.js';
import { type FitContext, fitContext } from '../fit/model/fit-context.js';
import type { FitModel } from '../fit/model/fit-model.js';
import { freeRunOf, predictionStd } from '../fit/outputs/held-out.js';
import { fitRecord } from '../fit/record/arrange.js';
import { deadChannels, withoutChannels } from '../fit/record/dead-channels.js';
import { gapFindings, runnable } from '../fit/record/gaps.js';
import { type FitRecord, headOf, heardRows, residualsOf, sliceOf } from '../fit/record/record.js';
import { recordingOf } from '../fit/record/recording-of.js';
import { searchedOn, searchFrom } from '../fit/search/search.js';
import { freeUntold } from '../fit/search/untold.js';
import { withPulled } from '../fit/shape/pulled.js';
import { ridgesOf } from '../fit/shape/ridges.js';
import {
  parameterCoordinates,
  parameterCount,
  startPoints,
  valueAt,
} from '../fit/unknowns/coordinates.js';
import { fitCoordinates } from '../fit/unknowns/fit-coordinates.js';
import { ownFindings } from '../fit/verdict/verdict.js';
import { recordingFindings } from '../report/recording-findings.js';
import type { RecordingSummary } from '../report/recording-summary.js';
import type { Finding } from '../report/verdict.js';
import type { Sample, Twin } from '../types.js';
import { predictions } from './predict.js';
import { RollingQuantile } from './rolling-quantile.js';
import { ScoreCard } from './scores.js';
import type { BacktestOutput, HeldOutSensor, HorizonScore, Pit, SplitHalf } from './types.js';
import { backtestVerdicts, type Unusable } from './verdict.js';

/** How a twin is tested on its record. */
export interface BacktestOptions {
  /** Samples ahead; default 1, 10 and 100. */
  horizons?: readonly number[];
  /** Times that the twin is fitted anew, each on more of the record; default 3. */
  folds?: number;
  /** Points that the first search begins from; default 4. */
  starts?: number;
  /** Seed of the record that the twin itself makes; default 1. */
  seed?: number;
  /** Leave out the tests on a record of the twin's own. */
  withoutYardstick?: boolean;
  recording?: RecordingSummary;
  signal?: AbortSignal;
  onPass?: (passes: number) => void;
}

/** Share of the record that the first fit sees. */
const FIRST_SHARE = 0.4;
/** Times that the twin is fitted anew. */
const FOLDS = 3;
/** Fewer samples allow no test of predictions. */
const LEAST_SAMPLES = 60;
const SHARES = [0.5, 0.8, 0.95] as const;

/** What the tests on one record gave. */
interface Tested {
  horizons: HorizonScore[];
  pit: Record<string, Record<string, Pit>>;
  splitHalf: SplitHalf;
  origins: number[];
  /** Of the whole record. */
  fit: Fit;
}

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
  // Dead channels are among the test's own findings already.
  const ofRecording = recordingFindings(
    { ...recording, deadChannels: [] },
    twin.definition.measured.map((m) => m.variable),
  );
  const done = (
    parts: Partial<Tested & Pick<BacktestOutput, 'heldOut' | 'yardstick'>>,
    unusable?: Unusable,
  ): BacktestOutput => {
    const { verdict, quantities } = backtestVerdicts(
      twin,
      { ...parts, dead, record },
      [
        ...(parts.fit === undefined ? [] : ownFindings(twin, parts.fit, ridgesOf(parts.fit))),
        ...(parts.fit === undefined || model.startDoubt === undefined
          ? []
          : [{ grade: 'care' as const, reason: model.startDoubt }]),
        ...gapFindings(whole, record),
        ...(parts.horizons === undefined ? [] : untestedFindings(parts.horizons, record, options)),
        ...ofRecording,
      ],
      unusable,
    );
    return {
      twin: twin.definition.name,
      horizons: parts.horizons ?? [],
      heldOut: parts.heldOut ?? [],
      splitHalf: parts.splitHalf ?? { agree: null, pairs: 0, parameters: {} },
      pit: parts.pit ?? {},
      ...(parts.yardstick === undefined ? {} : { yardstick: parts.yardstick }),
      origins: parts.origins ?? [],
      quantities,
      verdict,
      summary: {
        samples: samples.length,
        used: heardRows(whole),
        modelRuns: context.passes,
        wallS: (performance.now() - startedMs) / 1000,
        verdict,
        recording,
      },
    };
  };
  const usable = record.data.filter((v) => !Number.isNaN(v)).length;
  const unknowns =
    twin.definition.parameters.length + model.states.length * record.beginnings.length;
  if (dead.size === record.channels) {
    return done({}, { reason: 'no measured variable has values that move' });
  }
  if (record.timesS.length < LEAST_SAMPLES || usable < 4 * unknowns) {
    return done(
      {},
      {
        reason: `${record.timesS.length} samples with ${usable} usable values are too few to test anything: at least ${LEAST_SAMPLES} samples are needed`,
      },
    );
  }
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

/** Where parts of a record begin that predictions are tested on. */
const originsOf = (samples: number, folds = FOLDS): number[] =>
  Array.from({ length: folds }, (_, f) =>
    Math.round(samples * (FIRST_SHARE + ((1 - FIRST_SHARE) * f) / folds)),
  );

/** What was asked for, and no part of the record is long enough for. */
function untestedFindings(
  scores: readonly HorizonScore[],
  record: FitRecord,
  { horizons = [], folds }: BacktestOptions,
): Finding[] {
  const untested = horizons.filter((h) => !scores.some((s) => s.samples === h));
  if (untested.length === 0) return [];
  const n = record.timesS.length;
  const origins = originsOf(n, folds);
  const longest = Math.max(...origins.map((origin, f) => (origins[f + 1] ?? n) - origin));
  return [
    {
      grade: 'care',
      reason: `predictions ${untested.join(', ')} samples ahead were asked for and none could be tested: they are made within parts of the record of ${longest} samples; fewer --folds make longer ones`,
    },
  ];
}

/** All tests that a record alone allows. */
async function testRecord(
  context: FitContext,
  record: FitRecord,
  options: BacktestOptions,
): Promise<Tested> {
  const { horizons = [1, 10, 100], starts = 4 } = options;
  const n = record.timesS.length;
  const names = context.twin.definition.measured.map((c) => c.variable);
  const origins = originsOf(n, options.folds);
  const coordinates = await fitCoordinates(context, record);
  const cards = new Map<string, ScoreCard>();
  const trackers = new Map<string, RollingQuantile>();
  const of = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const found = map.get(key) ?? make();
    map.set(key, found);
    return found;
  };
  let before: Fit | undefined;
  for (const [f, origin] of origins.entries()) {
    const part = headOf(record, origin);
    // As a fit does: its searches from several starts, once, and on from where they led.
    const found =
      before === undefined
        ? await searchFrom(context, coordinates, part, startPoints(coordinates, starts))
        : await searchedOn(context, before, part);
    const fit = withPulled(await freeUntold(context, found));
    before = fit;
    const end = origins[f + 1] ?? n;
    const run = await freeRunOf(context, fit, headOf(record, end));
    names.forEach((name, c) => {
      for (const horizon of [...horizons, 0]) {
        const key = `${name} ${horizon}`;
        const tracker = of(trackers, key, () => new RollingQuantile());
        const card = of(cards, key, () => new ScoreCard());
        const made = predictions(fit, run, headOf(record, end), c, horizon, origin, end);
        made.forEach((p, i) => {
          // Of the predictions, those are finished whose own time is not after this one's origin.
          const finished = horizon === 0 ? undefined : made[i - horizon];
          if (finished !== undefined) tracker.add(finished.error / finished.std);
          if (Number.isNaN(p.error)) return;
          card.add(
            p.error,
            p.std,
            SHARES.map((share) => tracker.factor(share)),
          );
        });
      }
    });
  }
  const fit = withPulled(await searchedOn(context, before!, record, true));
  const scores: HorizonScore[] = [];
  const pit: Tested['pit'] = {};
  for (const name of names) {
    for (const horizon of [...horizons, 0]) {
      const card = cards.get(`${name} ${horizon}`);
      if (card === undefined || card.n === 0) continue;
      const samples = horizon === 0 ? 'free-run' : horizon;
      scores.push(card.score(name, samples));
      pit[name] = { ...pit[name], [samples]: card.pit() };
    }
  }
  return { horizons: scores, pit, splitHalf: await splitHalf(context, record, fit), origins, fit };
}

/** Fits of the record's halves, compared parameter by parameter. */
async function splitHalf(context: FitContext, record: FitRecord, whole: Fit): Promise<SplitHalf> {
  const n = record.timesS.length;
  const half = n >> 1;
  const parts = [sliceOf(record, 0, half), sliceOf(record, half, n)];
  const fits: Fit[] = [];
  for (const part of parts) {
    const coordinates = await fitCoordinates(context, part);
    const parameters = parameterCount(coordinates);
    // The halves begin with the priors as they were stated.
    const near = Float64Array.from(coordinates, (_, j) =>
      j < parameters ? whole.u[j]! * whole.coordinates[j]!.doubt : 0,
    );
    const points = [near, ...startPoints(coordinates, 2)];
    const found = await fitRecordFrom(context, coordinates, part, points);
    fits.push(withPulled(await freeUntold(context, found)));
  }
  const parameters: SplitHalf['parameters'] = {};
  let agreeing = 0;
  const names = parameterCoordinates(context.twin);
  names.forEach((c, j) => {
    // In deviations of the priors as they were stated.
    const us = fits.map((fit) => fit.u[j]! * fit.coordinates[j]!.doubt);
    const sds = fits.map(
      (fit) =>
        fit.coordinates[j]!.doubt *
        Math.sqrt(fit.covariance.covariance[j * fit.coordinates.length + j]!),
    );
    const z = Math.abs(us[0]! - us[1]!) / Math.hypot(sds[0]!, sds[1]!);
    const agree = z <= 1.96;
    if (agree) agreeing++;
    const means = us.map((u) => valueAt(c, u));
    const stds = sds.map((sd, k) => (c.transform === 'log' ? means[k]! : 1) * c.scale * sd);
    parameters[c.name] = { means, stds, z, agree };
  });
  return { agree: names.length === 0 ? null : agreeing / names.length, pairs: 1, parameters };
}

/** Each sensor predicted by a fit that has not seen it. */
async function heldOutSensors(
  context: FitContext,
  record: FitRecord,
  whole: Fit,
  dead: ReadonlySet<number>,
): Promise<HeldOutSensor[]> {
  const { measured } = context.twin.definition;
  const live = measured.flatMap((_, c) => (dead.has(c) ? [] : [c]));
  if (live.length < 2) return [];
  const found: HeldOutSensor[] = [];
  for (const c of live) {
    const blind = withoutChannels(record, new Set([c]));
    const fit = withPulled(await fitRecordFrom(context, whole.coordinates, blind, [whole.u]));
    const run = await freeRunOf(context, fit, record);
    // Its own noise is not known to that fit: it is what the fit of all sensors found.
    const judged: Fit = { ...fit, residualModels: whole.residualModels };
    const std = predictionStd(judged, run, record.channels);
    const residuals = residualsOf(record, run.prediction, c);
    let inside = 0;
    let squares = 0;
    const values: number[] = [];
    residuals.forEach((e, row) => {
      if (Number.isNaN(e)) return;
      values.push(record.data[row * record.channels + c]!);
      squares += e * e;
      if (Math.abs(e) <= 1.96 * std[row * record.channels + c]!) inside++;
    });
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    found.push({
      channel: measured[c]!.variable,
      coverage95: inside / values.length,
      rmse: Math.sqrt(squares / values.length),
      std: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length),
    });
  }
  return found;
}

/** The same tests on a record that the fitted twin makes, its fitted noise drawn from a seed. */
async function ownRecordTested(
  context: FitContext,
  record: FitRecord,
  fit: Fit,
  options: BacktestOptions,
  seed: number,
): Promise<BacktestOutput['yardstick']> {
  const rng = createRng(seed);
  const data = fit.prediction.slice();
  for (let c = 0; c < record.channels; c++) {
    const { white, ou } = fit.residualModels[c]!;
    let d = ou.std * rng.normal();
    record.timesS.forEach((t, row) => {
      if (row > 0) {
        const a = Math.exp(-(t - record.timesS[row - 1]!) / ou.timeConstantS);
        d = a * d + ou.std * Math.sqrt(1 - a * a) * rng.normal();
      }
      data[row * record.channels + c]! += d + white * rng.normal();
    });
  }
  // Missing where the record itself is.
  record.data.forEach((v, i) => {
    if (Number.isNaN(v)) data[i] = Number.NaN;
  });
  const { horizons, splitHalf: halves } = await testRecord(context, { ...record, data }, options);
  return { horizons, splitHalf: halves };
}
