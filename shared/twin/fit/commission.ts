import { messageOf, TwinError } from '../../core/index.js';
import { versionOf } from '../definition/twin.js';
import { channelAlarms, channelFaults } from '../report/channel-faults.js';
import { movingHangsOn } from '../report/cross-check.js';
import { type HangsOn, quantityVerdicts } from '../report/quantities.js';
import { paceOf } from '../report/recording-summary.js';
import {
  type Finding,
  type RecordingSummary,
  recordingFindings,
  verdictOf,
} from '../report/verdict.js';
import type { Alarm, Estimate, Sample, Twin } from '../types.js';
import { block } from './bands.js';
import { type Coordinate, parameterCoordinate, startPoints } from './coordinates.js';
import { disturbanceOutput } from './disturbances.js';
import { estimateOf, estimatesOf } from './estimates.js';
import { type Fit, type FitContext, fitCoordinates, rangeOf } from './fit.js';
import type { FitModel } from './fit-model.js';
import { findInputNoise, foundInputNoise } from './found-input-noise.js';
import { fitHangsOn } from './hangs-on.js';
import { rmseOf, testOn } from './held-out.js';
import { type HiddenOutputs, hiddenOutputs } from './hidden-outputs.js';
import { inputNoiseFindings, withInputNoise } from './input-noise.js';
import { offeredDisturbances, offerText } from './offer.js';
import { type FitRecord, fitRecord, headOf } from './record.js';
import { findRidges, type Ridge } from './ridges.js';
import { searchedOn, searchFrom } from './search.js';
import { shapeOf } from './shape.js';
import { fitSources } from './sources.js';
import { timeUnitFindings } from './time-unit.js';
import type { FitOutput, OfferedWear } from './types.js';
import { disturbanceFindings, undisturbedStarts } from './undisturbed.js';
import { seenHidden } from './unseen-input-noise.js';
import { guessedWearFindings, offeredWear, offeredWearFindings } from './unstated-wear.js';
import { freeUntold } from './untold.js';
import { fitFindings } from './verdict.js';
import { refitWorn, wearOutput, withWear } from './wear.js';

/** How a twin is commissioned. */
export interface CommissionOptions {
  /** Points that the search begins from; default 4. */
  starts?: number;
  /** Share of the record that is held out to test the fit; default 0.25. */
  holdOut?: number;
  /** Look for a disturbance that would explain the residuals: some tens of model runs. */
  offer?: boolean;
  /** Tell the virtual sensors, too: two model runs for each unknown, and one. */
  hidden?: boolean;
  /** When something changed, s: a parameter may have stepped there. */
  changeS?: number;
  /** Parameters that were taken to wear by a guess, as an earlier fit of the record offered it. */
  guessedWear?: readonly OfferedWear[];
  /** What was read of the recording, where a reader knows. */
  recording?: RecordingSummary;
  signal?: AbortSignal;
  onPass?: (passes: number) => void;
}

/** A commissioned twin: what is written, and what plots and states are made of. */
export interface Commission {
  output: FitOutput;
  /** The fit of the whole record; left out where nothing could be fitted. */
  fit?: Fit;
  /** The virtual sensors along the record, where they were asked for and the fit may be used. */
  hidden?: HiddenOutputs;
  /** The free run that was tested on rows held out, with its 95 % half-widths. */
  test?: { fit: Fit; prediction: Float64Array; std: Float64Array; fromSample: number };
}

/** Fewer samples of a moving machine tell neither its noise nor what its model lacks. */
const LEAST_TO_FIT = 8;
/** Fewer samples hold nothing out. */
const LEAST_TO_HOLD_OUT = 40;

/**
 * Commissions a twin from a recording: fits its parameters, the start and the noise by output error,
 * tests the fit on rows held out, and says how far the result can be believed. A record that cannot
 * carry a fit ends in a verdict `unusable` with the priors as parameters, not in an error.
 *
 * @throws TwinError `CANCELLED`, and what the model throws that no data can mend
 */
export async function commission(
  twin: Twin,
  model: FitModel,
  samples: readonly Sample[],
  options: CommissionOptions = {},
): Promise<Commission> {
  const startedMs = performance.now();
  const { starts = 4, holdOut = 0.25, signal, onPass } = options;
  const read = fitRecord(twin, samples);
  const dead = deadChannels(twin, read);
  const record = withoutChannels(read, dead);
  const context: FitContext = {
    twin,
    model,
    passes: 0,
    ...(signal === undefined ? {} : { signal }),
    ...(onPass === undefined ? {} : { onPass }),
  };
  const recording: RecordingSummary =
    options.recording === undefined
      ? recordingOf(twin, samples, read, dead)
      : {
          ...options.recording,
          used: read.timesS.length,
          skipped: { ...options.recording.skipped, ...read.skipped },
        };
  // Dead channels are among the fit's own findings already.
  const ofRecording = recordingFindings(
    { ...recording, deadChannels: [] },
    twin.definition.measured.map((m) => m.variable),
  );
  const done = (
    findings: readonly Finding[],
    parts: Partial<FitOutput> & { parameters: Record<string, Estimate> },
    hangsOn: HangsOn = movingHangsOn(twin),
    alarms: readonly Alarm[] = [],
  ): FitOutput => {
    const all = [...findings, ...ofRecording];
    const verdict = verdictOf(all);
    const quantities = quantityVerdicts(twin, all, hangsOn);
    return {
      twin: twin.definition.name,
      twinVersion: versionOf(twin.hash),
      summary: {
        samples: samples.length,
        used: read.timesS.length,
        assimilated: read.timesS.length,
        skipped: samples.length - read.timesS.length,
        modelRuns: context.passes,
        wallS: (performance.now() - startedMs) / 1000,
        parameters: parts.parameters,
        virtualSensors: parts.virtualSensors ?? {},
        alarms: [
          ...channelAlarms(
            [...dead].map((c) => twin.definition.measured[c]!.variable),
            recording,
          ),
          ...alarms,
        ],
        verdict,
        quantities,
        recording,
      },
      virtualSensors: {},
      startStates: {},
      nEff: 0,
      tFactor: 1,
      residuals: { white: 0, ou: { std: 0, timeConstantS: 0 }, channels: {} },
      structures: {},
      wear: {},
      disturbances: {},
      ridges: [],
      rails: read.rails,
      starts: [],
      freeRun: { channels: {} },
      notes: [],
      ...parts,
      verdict,
      quantities,
    };
  };
  const findings: Finding[] = deadFindings(twin, dead);
  const p = twin.definition.parameters.length;
  const usable = record.data.filter((v) => !Number.isNaN(v)).length;
  const unknowns = p + model.states.length;
  if (usable <= unknowns) {
    findings.push({
      grade: 'unusable',
      reason: `${usable} usable values cannot tell ${p} parameters${model.states.length > 0 ? ` and ${model.states.length} states at the start` : ''}: the parameters are their priors`,
    });
    return { output: done(findings, { parameters: priorEstimates(twin) }) };
  }
  const fullest = fullestChannel(record);
  if (twin.definition.simulation.mode === 'transient' && fullest < LEAST_TO_FIT) {
    findings.push({
      grade: 'unusable',
      reason: `${fullest} samples of a moving machine tell neither its noise nor what its model lacks: at least ${LEAST_TO_FIT} are needed, and the parameters are their priors`,
    });
    return { output: done(findings, { parameters: priorEstimates(twin) }) };
  }
  try {
    const n = record.timesS.length;
    // A change late in the record would test the fit of what was before it.
    const testable = n >= LEAST_TO_HOLD_OUT && options.changeS === undefined;
    const train = testable && holdOut > 0 ? Math.round(n * (1 - holdOut)) : n;
    const coordinates = await fitCoordinates(context, record);
    const head = headOf(record, train);
    const from = startPoints(coordinates, starts);
    const warm = await undisturbedStarts(context, coordinates, head, from);
    const first = await freeUntold(context, await searchFrom(context, coordinates, head, warm));
    const test = train < n ? await testOn(context, first, record, train) : undefined;
    // The whole record from where its first part led, and from second modes.
    const whole = train < n ? await searchedOn(context, first, record, true) : first;
    const worn = await withWear(context, await freeUntold(context, whole), options.changeS);
    const { fit: shaped, shape } = await shapeOf(context, worn);
    const known = worn.wear === undefined ? shaped : { ...shaped, wear: worn.wear };
    const fit = await withInputNoise(context, known, await findInputNoise(context, known));
    const tested =
      test !== undefined && fit.coordinates.some((c) => c.kind === 'wear')
        ? await testOn(
            context,
            await refitWorn(context, first, fit, headOf(record, train)),
            record,
            train,
          )
        : test;
    const ridges = ridgesOf(fit);
    const offered = options.offer === true ? await offeredDisturbances(context, fit) : [];
    const wear = options.offer === true ? await offeredWear(context, worn, offered) : [];
    if (options.offer === true) findings.push(...(await timeUnitFindings(context, fit)));
    findings.push(...offeredWearFindings(wear), ...guessedWearFindings(options.guessedWear ?? []));
    findings.push(...fitFindings(twin, fit, ridges, tested?.heldOut, shape));
    findings.push(...inputNoiseFindings(twin, fit));
    findings.push(...(await disturbanceFindings(context, fit)));
    if (model.startDoubt !== undefined) findings.push({ grade: 'care', reason: model.startDoubt });
    const names = twin.definition.measured.map((c) => c.variable);
    const channels = Object.fromEntries(
      names.flatMap((name, c) => (dead.has(c) ? [] : [[name, fit.residualModels[c]!]])),
    );
    const least = Object.values(channels).toSorted((a, b) => a.nEff - b.nEff)[0]!;
    const disturbed = disturbanceOutput(twin, fit);
    const unusable = verdictOf(findings).grade === 'unusable';
    const seen = unusable ? undefined : await seenHidden(context, fit, options.hidden === true);
    findings.push(...(seen?.findings ?? []));
    const hidden =
      options.hidden !== true || seen?.bands === undefined
        ? undefined
        : hiddenOutputs(fit, seen.bands);
    const parts = {
      // What is not to be used must not look as if it were known.
      parameters: unusable
        ? Object.fromEntries(
            fit.coordinates.flatMap((c, j) =>
              c.kind === 'parameter' ? [[c.name, estimateOf(c, fit.u[j]!, 1)]] : [],
            ),
          )
        : estimatesOf(fit, 'parameter'),
      virtualSensors: Object.fromEntries(
        Object.entries(hidden?.courses ?? {}).map(([name, course]) => [name, course.at(-1)!]),
      ),
      ...(unusable ? {} : { bands: { sources: fitSources(context, fit) } }),
      startStates: estimatesOf(fit, 'start-state'),
      nEff: fit.covariance.nEff,
      tFactor: fit.covariance.tFactor,
      residuals: { white: least.white, ou: least.ou, channels },
      structures: { 'output-error': { weight: 1 } },
      ridges,
      starts: first.starts,
      freeRun: { channels: rmseOf(names, record, fit.prediction, 0, dead) },
      ...(tested === undefined ? {} : { heldOut: tested.heldOut }),
      wear: wearOutput(twin, fit),
      disturbances: disturbed.disturbances,
      ...foundInputNoise(twin.definition, fit.inputNoise?.found),
      ...(offered.length === 0 ? {} : { offered }),
      ...(wear.length === 0 ? {} : { offeredWear: wear }),
      ...(options.guessedWear === undefined ? {} : { guessedWear: options.guessedWear }),
      notes: [
        ...wearNotes(twin),
        ...disturbed.notes,
        ...offerText(offered),
        ...(hidden?.unknown === undefined
          ? []
          : [`The virtual sensors are not told: ${hidden.unknown}`]),
      ],
    };
    const output = done(findings, parts, fitHangsOn(twin, fit), disturbed.alarms);
    return {
      output,
      fit,
      ...(hidden === undefined ? {} : { hidden }),
      ...(tested === undefined
        ? {}
        : {
            test: {
              fit: tested.fit,
              prediction: tested.prediction,
              std: tested.std,
              fromSample: train,
            },
          }),
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    findings.push({ grade: 'unusable', reason: messageOf(error).replace(/\.$/, '') });
    return { output: done(findings, { parameters: priorEstimates(twin) }) };
  }
}

/** What a fit does not do of a machine at rest: its parameters stay along the record. */
function wearNotes({ definition }: Twin): string[] {
  if (definition.simulation.mode !== 'steady-state') return [];
  const wear = definition.parameters.filter((p) => p.dynamics !== 'constant');
  if (wear.length === 0) return [];
  return [
    `Taken for constant along the record: ${wear.map((p) => p.variable).join(', ')}. Of a machine at rest, \`twinloop calibrate\` follows what wears.`,
  ];
}

/** What a fit leaves unknown although its parameters together are known. */
export function ridgesOf(fit: Fit): Ridge[] {
  const n = fit.coordinates.length;
  const parameters = fit.coordinates.filter((c) => c.kind === 'parameter');
  return findRidges(
    parameters,
    block(fit.covariance.covariance, n, parameters.length),
    block(fit.covariance.information, n, parameters.length),
  );
}

/** Channels that hold no value, or one value only. */
export function deadChannels(twin: Twin, record: FitRecord): Set<number> {
  return new Set(
    twin.definition.measured.flatMap((_, c) => {
      const range = rangeOf(record, c);
      const many = record.timesS.length > 2;
      return Number.isNaN(range) || (range === 0 && many) ? [c] : [];
    }),
  );
}

/** Usable values of the channel that has most of them. */
function fullestChannel({ data, channels }: FitRecord): number {
  const counts = new Float64Array(channels);
  data.forEach((v, i) => {
    if (!Number.isNaN(v)) counts[i % channels]!++;
  });
  return Math.max(0, ...counts);
}

function deadFindings(twin: Twin, dead: ReadonlySet<number>): Finding[] {
  const { measured } = twin.definition;
  const names = [...dead].map((c) => measured[c]!.variable);
  if (dead.size === measured.length) {
    return [
      {
        grade: 'unusable',
        reason: `no measured variable has values that move: ${names.join(', ')}`,
      },
    ];
  }
  return names.map((name) => ({
    grade: 'care',
    reason: `${name} holds no value, or one value throughout, and was left out: is the sensor connected?`,
    about: [name],
  }));
}

/** The record with some channels' values missing. */
export function withoutChannels(record: FitRecord, dead: ReadonlySet<number>): FitRecord {
  if (dead.size === 0) return record;
  const data = record.data.map((v, i) => (dead.has(i % record.channels) ? Number.NaN : v));
  return { ...record, data };
}

/** The coordinates of the parameters. */
export const priorsOf = (twin: Twin): Coordinate[] =>
  twin.definition.parameters.map(parameterCoordinate);

const priorEstimates = (twin: Twin): Record<string, Estimate> =>
  Object.fromEntries(priorsOf(twin).map((c) => [c.name, estimateOf(c, 0, 1)]));

/** What a record was read from, where no reader has told. */
export function recordingOf(
  twin: Twin,
  samples: readonly Sample[],
  record: FitRecord,
  dead: ReadonlySet<number>,
): RecordingSummary {
  return {
    rows: samples.length,
    used: record.timesS.length,
    skipped: { ...record.skipped },
    unreadable: {},
    deadChannels: [...dead].map((c) => twin.definition.measured[c]!.variable),
    ...channelFaults(twin, samples),
    ...paceOf(record.timesS),
    ageS: null,
  };
}
