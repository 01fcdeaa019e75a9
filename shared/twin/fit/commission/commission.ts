import { messageOf, TwinError } from '../../../core/index.js';
import { movingHangsOn } from '../../report/cross-check.js';
import type { RecordingSummary } from '../../report/recording-summary.js';
import { type Finding, verdictOf } from '../../report/verdict.js';
import type { Estimate, Sample, Twin } from '../../types.js';
import { disturbanceOutput } from '../disturbances/disturbances.js';
import { offeredDisturbances } from '../disturbances/offer.js';
import { disturbanceFindings } from '../disturbances/undisturbed.js';
import { estimateOf } from '../fitting/estimates.js';
import type { Fit } from '../fitting/fit.js';
import { inputNoiseFindings } from '../input-noise/input-noise.js';
import { type FitContext, fitContext } from '../model/fit-context.js';
import type { FitModel } from '../model/fit-model.js';
import { type HiddenOutputs, hiddenOutputs } from '../outputs/hidden-outputs.js';
import { fitRecord } from '../record/arrange.js';
import { deadChannels, deadFindings, withoutChannels } from '../record/dead-channels.js';
import { gapFindings, runnable } from '../record/gaps.js';
import type { FitRecord } from '../record/record.js';
import { recordingOf } from '../record/recording-of.js';
import { CERTAIN, misfitScore } from '../residuals/lack-of-fit.js';
import { ridgesOf } from '../shape/ridges.js';
import { statedErrorFindings } from '../stated/stated-effect.js';
import { parameterCoordinates } from '../unknowns/coordinates.js';
import { fitHangsOn } from '../unseen/hangs-on.js';
import { inputScaleNotes } from '../unseen/input-scales.js';
import { seenHidden } from '../unseen/unseen-input-noise.js';
import { startFindings } from '../verdict/start-findings.js';
import { timeUnitFindings } from '../verdict/time-unit.js';
import {
  mistimed,
  mistimedFindings,
  offeredInterpolations,
  withWrongTimes,
} from '../verdict/timing.js';
import { fitFindings } from '../verdict/verdict.js';
import {
  guessedWearFindings,
  type OfferedWear,
  offeredWear,
  offeredWearFindings,
} from '../wear/unstated-wear.js';
import { type FitChain, fitChain } from './fit-chain.js';
import { type FitOutput, fitOutput, learntParts, type Told } from './fit-output.js';

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

/** Whether there is a fit, and its verdict does not say that it must not be used. */
export const isUsable = ({ fit, output }: Commission): boolean =>
  fit !== undefined && output.verdict.grade !== 'unusable';

/** Whether a fit may be used and leaves nothing but noise. */
export const leavesNoise = (result: Commission): boolean =>
  isUsable(result) &&
  result.fit!.misfit.channels.every((channel) => misfitScore(channel) < CERTAIN);

/** Fewer samples of a moving machine tell neither its noise nor what its model lacks. */
const LEAST_TO_FIT = 8;

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
  const { starts = 4, holdOut = 0.25, changeS, signal } = options;
  const read = fitRecord(twin, samples);
  const dead = deadChannels(twin, read);
  const record = withoutChannels(runnable(read, model), dead);
  const context = fitContext(twin, model, options);
  const recording = recordingOf(twin, samples, read, dead, options.recording);
  const account = { context, samples: samples.length, read, record, dead, recording, startedMs };
  const findings: Finding[] = [...deadFindings(twin, read, dead), ...gapFindings(read, record)];
  const withoutFit = (reason: string): Commission => {
    findings.push({ grade: 'unusable', reason });
    const parameters = priorEstimates(twin);
    return { output: fitOutput(account, findings, { parameters }, movingHangsOn(twin)) };
  };
  const tooFew = tooFewToFit(twin, model, record);
  if (tooFew !== undefined) return withoutFit(tooFew);
  try {
    const chain = await fitChain(context, record, { starts, holdOut, changeS });
    const { tested, train } = chain;
    const told = await tell(context, chain, options, findings);
    const { fit, hidden, disturbed } = told;
    const parts = learntParts(account, record, chain, told);
    const output = fitOutput(account, findings, parts, fitHangsOn(twin, fit), disturbed.alarms);
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
    return withoutFit(messageOf(error).replace(/\.$/, ''));
  }
}

/** Why a record cannot carry a fit; undefined where it may. */
function tooFewToFit(twin: Twin, model: FitModel, record: FitRecord): string | undefined {
  const { parameters, simulation } = twin.definition;
  const p = parameters.length;
  const usable = record.data.filter((v) => !Number.isNaN(v)).length;
  const starts = model.states.length * record.beginnings.length;
  if (usable <= p + starts) {
    const at = record.beginnings.length > 1 ? 'at the start and after gaps' : 'at the start';
    return `${usable} usable values cannot tell ${p} parameters${starts > 0 ? ` and ${starts} states ${at}` : ''}: the parameters are their priors`;
  }
  const fullest = fullestChannel(record);
  if (simulation.mode !== 'transient' || fullest >= LEAST_TO_FIT) return undefined;
  return `${fullest} samples of a moving machine tell neither its noise nor what its model lacks: at least ${LEAST_TO_FIT} are needed, and the parameters are their priors`;
}

/**
 * Asks what would explain the residuals, how far the fit can be believed, and what hidden outputs are.
 *
 * @param findings those of before, to which what is found is added
 */
async function tell(
  context: FitContext,
  { worn, fit, shape, tested }: FitChain,
  options: CommissionOptions,
  findings: Finding[],
): Promise<Told> {
  const { twin, model } = context;
  const { offer = false, guessedWear } = options;
  const ridges = ridgesOf(fit);
  const offered = offer ? await offeredDisturbances(context, fit) : [];
  const wear = offer ? await offeredWear(context, worn, offered) : [];
  if (offer) findings.push(...(await timeUnitFindings(context, fit)));
  const late = await mistimed(context, fit);
  findings.push(...mistimedFindings(context, fit, late));
  const held = withWrongTimes(fit, late);
  findings.push(...offeredWearFindings(wear), ...guessedWearFindings(guessedWear ?? []));
  findings.push(...fitFindings(twin, fit, ridges, tested?.heldOut, shape));
  findings.push(...inputNoiseFindings(twin, fit), ...statedErrorFindings(twin, fit.stated));
  findings.push(...(await disturbanceFindings(context, fit)));
  findings.push(...startFindings(model, fit));
  const disturbed = disturbanceOutput(twin, fit);
  const unusable = verdictOf(findings).grade === 'unusable';
  const seen = unusable ? undefined : await seenHidden(context, held, options.hidden === true);
  findings.push(...(seen?.findings ?? []));
  const hidden =
    options.hidden !== true || seen?.bands === undefined
      ? undefined
      : hiddenOutputs(held, seen.bands);
  const inputScales = offer && !unusable ? await inputScaleNotes(context, fit) : [];
  const found = {
    offered,
    offeredWear: wear,
    offeredInterpolations: offeredInterpolations(twin, late),
    guessedWear,
    inputScales,
  };
  return { fit: held, ridges, disturbed, unusable, hidden, ...found };
}

/** Usable values of the channel that has most of them. */
function fullestChannel({ data, channels }: FitRecord): number {
  const counts = new Float64Array(channels);
  data.forEach((v, i) => {
    if (!Number.isNaN(v)) counts[i % channels]!++;
  });
  return Math.max(0, ...counts);
}

const priorEstimates = (twin: Twin): Record<string, Estimate> =>
  Object.fromEntries(parameterCoordinates(twin).map((c) => [c.name, estimateOf(c, 0, 1)]));
