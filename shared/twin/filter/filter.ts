import { resetBank, updateBank } from './bank.js';
import type { Accepted, Belief, FirstLook, Rejection, UpdateRequest } from './belief.js';
import {
  chanceOf,
  gateChannels,
  isRegimeChange,
  isSearched,
  isUnlikely,
  regateChannels,
  widened,
} from './gate.js';
import type { Gaussian } from './gaussian-update.js';
import { bendOf, contradicts, isFarFrom, liesWithin, looksLike } from './judge.js';
import type { Linearisation } from './linearise.js';
import { type Observation, observe, updateWith } from './observation.js';
import { acceptedStep, rejectedStep } from './outcome.js';
import {
  doubt,
  type Explanation,
  explainChange,
  forgetBeyond,
  staysNearBounds,
  undoneBy,
} from './regime.js';
import { splitUpdate } from './split.js';
import type { FilterStep } from './step.js';

/**
 * The model is linearised again where it bends by more than this share of the noise's variance; in
 * the study (docs/explanation/calibration.md) nothing changed below.
 */
export const RELINEARISE_FROM = 0.02;
/** From this bend on a Gaussian no longer stands for the prior: it is split. */
const SPLIT_FROM = 1;
/** A line of before is found anew where so large a NIS has this chance, … */
const UNUSUAL = 1e-3;
/** … where the result is so many prior deviations away, … */
const STALE_FAR = 1.5;
/** … the model bends by this share of the noise's variance, or … */
const STALE_BEND = 0.05;
/** … a jump is so probable. */
const STALE_JUMP = 0.1;
/** Linearisations that modes may take at one sample. */
const ROUNDS = 3;
/** The sample is a jump where that is the most probable. */
const JUMPED = 0.5;
/** The model is as good as straight where it bends by less than this share of the noise. */
const STRAIGHT = 0.1;

/**
 * One step of the parameter-and-trend filter, after prediction: look, decide what happened, follow
 * the model's bend.
 *
 * @throws TwinError as the model does at the estimate; `NUMERIC`
 */
export async function filterUpdate(request: UpdateRequest): Promise<FilterStep> {
  const look = await firstLook(request);
  const isGated = request.settings.gate && look.observation.active.length > 0;
  if (look.bank !== undefined) {
    const outcome = await explainByModes(look, look.bank, request);
    return 'kept' in outcome ? rejectedStep(look, outcome) : acceptedStep(look, outcome);
  }
  const decided = isGated ? await decide(look, request) : asExpected(look);
  const outcome = 'kept' in decided ? decided : await followBend(look, decided, request);
  return 'kept' in outcome ? rejectedStep(look, outcome) : acceptedStep(look, outcome);
}

async function firstLook(request: UpdateRequest): Promise<FirstLook> {
  const { measured, evaluate, settings, withinBounds } = request;
  // A whole range outside: no sample of this machine has led there.
  const prior = forgetBeyond(request.predicted, settings, 1);
  const observation = observe(
    measured,
    evaluate,
    settings,
    withinBounds,
    request.lines,
    request.noisyInputs,
  );
  const nominal = request.noiseStd.map((s) => s * s);
  const byLines = await observation.lineariseByLines(prior, request.noiseStd);
  if (byLines !== undefined) {
    const look = lookAlong(request, observation, prior, nominal, byLines);
    if (holds(look)) return look;
  }
  return lookAlong(request, observation, prior, nominal, await observation.lineariseAt(prior));
}

/** Whether a line that was not found anew may be gone on from: nothing about the sample is unusual. */
function holds({ observation, prior, nominal, linearisation, update, bank }: FirstLook): boolean {
  return (
    chanceOf(update.nis, observation.active.length) > UNUSUAL &&
    !isFarFrom(update, linearisation.centre, prior, STALE_FAR) &&
    bendOf(observation, linearisation, nominal).ratio <= STALE_BEND &&
    (bank === undefined || bank.update.jump <= STALE_JUMP)
  );
}

function lookAlong(
  request: UpdateRequest,
  observation: Observation,
  prior: Gaussian,
  nominal: Float64Array,
  linearisation: Linearisation,
): FirstLook {
  const { modes } = request.settings;
  if (request.bank !== undefined && modes !== undefined) {
    const before = prior === request.predicted ? request.bank : resetBank(request.bank, prior);
    const update = updateBank(modes, before, observation, linearisation, nominal);
    const { noiseShare } = update;
    const bank = { before, update };
    return { observation, prior, nominal, linearisation, update, noiseShare, bank };
  }
  const update = updateWith(observation, prior, linearisation, nominal);
  const noiseShare = update.precision.map((p, i) => p * nominal[observation.active[i]!]!);
  return { observation, prior, nominal, linearisation, update, noiseShare };
}

/**
 * Modes decide what happened, on lines that follow them to where they lead; what none of them
 * explains is searched for.
 */
async function explainByModes(
  look: FirstLook,
  bank: NonNullable<FirstLook['bank']>,
  request: UpdateRequest,
): Promise<Accepted | Rejection> {
  const { observation, prior, nominal } = look;
  const { settings, memory, suspicion } = request;
  const { active } = observation;
  let { linearisation } = look;
  let { update } = bank;
  let merged: Gaussian | undefined;
  if (
    isUnlikely(update.nis, active.length) &&
    looksLike(memory.rejected, observation.measured, linearisation, active)
  ) {
    return { kept: prior, linearisation, update, outOfReach: true };
  }
  const nonlinearity = bendOf(observation, linearisation, nominal).ratio;
  for (let round = 1; round < ROUNDS && settings.kink !== 'none'; round++) {
    const variance = widened(nominal, update.gated);
    const { ratio, worst } = bendOf(observation, linearisation, variance);
    if (ratio <= RELINEARISE_FROM && !isFarFrom(update, linearisation.centre, prior)) break;
    const isSplit = ratio > SPLIT_FROM && settings.kink === 'split' && !observation.oneSided;
    merged =
      isSplit && round === 1
        ? await splitAtKink(look, { start: prior, linearisation, variance }, worst)
        : undefined;
    linearisation = await observation.lineariseBeside(merged ?? update, request.noiseStd);
    update = updateBank(settings.modes!, bank.before, observation, linearisation, nominal);
    if (merged === undefined) continue;
    const straight = bendOf(observation, linearisation, nominal).ratio < STRAIGHT;
    if (!straight || !liesWithin(update, merged, settings)) break;
    merged = undefined;
  }
  const { gated } = update;
  const variance = widened(nominal, gated);
  const belief: Belief = {
    ...asExpected(look),
    linearisation,
    variance,
    update,
    gated,
    regimeChange: update.jump > JUMPED,
  };
  const accepted: Accepted = {
    ...belief,
    nonlinearity,
    ...(merged === undefined
      ? { posterior: update, byModes: update }
      : { posterior: merged, bank: resetBank(update.bank, merged) }),
  };
  if (!settings.gate || active.length === 0) return accepted;
  const isChange = isRegimeChange(update.nis, active, gated, suspicion);
  if (memory.beforeChange !== undefined && (isChange || belief.regimeChange)) {
    const { beforeChange } = memory;
    const undone = await undoneBy(observation, beforeChange, nominal, update.logLikelihood);
    if (undone !== undefined) {
      const found = changedBelief(look, undone, suspicion);
      return { ...found, posterior: found.update, nonlinearity, undone: true };
    }
  }
  if (isChange) {
    const found = await explain(look, belief, request);
    if ('kept' in found) return found;
    if (found.start !== prior) return followBend(look, found, request);
    accepted.mismatch = found.mismatch;
  } else if (contradicts(observation, accepted.posterior, linearisation, variance)) {
    return searchAgain(look, accepted, look.linearisation, request);
  }
  if (staysNearBounds(accepted.posterior.x, settings, prior)) return accepted;
  return {
    kept: doubt(prior, settings, memory.unexplained),
    linearisation,
    update,
    outOfReach: false,
  };
}

/** Nothing happened but what was predicted. */
function asExpected({ prior, linearisation, nominal, update }: FirstLook): Belief {
  return {
    start: prior,
    linearisation,
    variance: nominal.slice(),
    update,
    gated: [],
    regimeChange: false,
    mismatch: false,
    settled: false,
  };
}

/** Takes weight from contradicting channels, and looks for a change where that is not enough. */
async function decide(look: FirstLook, request: UpdateRequest): Promise<Belief | Rejection> {
  const { observation, prior, linearisation } = look;
  const { active } = observation;
  const { suspicion } = request;
  const expected = asExpected(look);
  const { update, gated } = gateChannels(look.update, active, expected.variance, (variance) =>
    updateWith(observation, prior, linearisation, variance),
  );
  const gatedBelief: Belief = { ...expected, update, gated };
  // A lone channel contradicts no other: only its third sample running tells a change.
  if (!isRegimeChange(update.nis, active, gated, suspicion)) return gatedBelief;
  return explain(look, gatedBelief, request);
}

/** Looks for what explains a sample that is not as expected; its outliers alone may. */
async function explain(
  look: FirstLook,
  gatedBelief: Belief,
  request: UpdateRequest,
): Promise<Belief | Rejection> {
  const { observation, prior, linearisation, nominal } = look;
  const { update, gated } = gatedBelief;
  const { active } = observation;
  const { suspicion, memory, measured } = request;
  if (looksLike(memory.rejected, measured, linearisation, active)) {
    return { kept: prior, linearisation, update, outOfReach: true };
  }
  const mayBeOutliers =
    !isUnlikely(update.nis, active.length) && !gated.some((o) => suspicion[o]! >= 2);
  const change = await explainChange(
    observation,
    prior,
    linearisation,
    nominal,
    mayBeOutliers ? { update, count: gated.length } : undefined,
    isSearched(memory.unexplained),
  );
  if (change.outOfReach || change.implausible) {
    // Where the machine runs but nothing fits, what was known of it is doubtful.
    const kept = change.outOfReach ? prior : doubt(prior, request.settings, memory.unexplained);
    return { kept, linearisation, update, outOfReach: change.outOfReach };
  }
  const mismatch = !change.explained;
  if (change.best.kind === 'outliers') return { ...gatedBelief, mismatch };
  return { ...changedBelief(look, change.best, suspicion), mismatch };
}

/** What is believed where the machine has changed: every channel counts again, but the suspicious. */
function changedBelief(look: FirstLook, best: Explanation, suspicion: Float64Array): Belief {
  const { observation, nominal } = look;
  const variance = nominal.slice();
  const { update, gated } = regateChannels(
    best.update,
    observation.active,
    suspicion,
    variance,
    (v) => updateWith(observation, best.start, best.linearisation, v),
  );
  return {
    start: best.start,
    linearisation: best.linearisation,
    variance,
    update,
    gated,
    regimeChange: true,
    mismatch: false,
    settled: best.kind === 'jump',
  };
}

/** Linearises again where the model bends within the uncertainty, and splits a prior across a kink. */
async function followBend(
  look: FirstLook,
  belief: Belief,
  request: UpdateRequest,
): Promise<Accepted | Rejection> {
  const { observation } = look;
  const { settings } = request;
  const { start, variance, update } = belief;
  const { ratio: nonlinearity, worst } = bendOf(observation, belief.linearisation, variance);
  if (nonlinearity <= RELINEARISE_FROM || settings.kink === 'none' || belief.settled) {
    return { ...belief, posterior: update, nonlinearity };
  }
  const isSplit = nonlinearity > SPLIT_FROM && settings.kink === 'split' && !observation.oneSided;
  const merged = isSplit ? await splitAtKink(look, belief, worst) : undefined;
  const linearisation = await observation.lineariseAt(merged ?? update);
  // Where the merged Gaussian lies on one side of the kink, the model is a straight line there:
  // the update from the whole prior by that line is better than the sum of its parts, unless it
  // leads to where the line was not tried, as from the kink's wrong side.
  const byLine = updateWith(observation, start, linearisation, variance);
  const straight = bendOf(observation, linearisation, variance).ratio < STRAIGHT;
  const lineHolds = merged === undefined || (straight && liesWithin(byLine, merged, settings));
  const bent: Accepted = {
    ...belief,
    linearisation,
    posterior: lineHolds ? byLine : merged,
    nonlinearity,
  };
  const found =
    settings.gate && contradicts(observation, bent.posterior, linearisation, variance)
      ? await searchAgain(look, bent, belief.linearisation, request)
      : bent;
  if ('kept' in found || staysNearBounds(found.posterior.x, settings, look.prior)) return found;
  const kept = doubt(look.prior, settings, request.memory.unexplained);
  return { kept, linearisation: found.linearisation, update, outOfReach: false };
}

async function splitAtKink(
  { observation }: FirstLook,
  { start, linearisation, variance }: Pick<Belief, 'start' | 'linearisation' | 'variance'>,
  worst: number,
): Promise<Gaussian | undefined> {
  const { active, measured, evaluate } = observation;
  return (await splitUpdate(start, linearisation, worst, active, measured, variance, evaluate))
    .merged;
}

/** The prior was too wide for parts and lines alike: a search knows no prior. */
async function searchAgain(
  { observation, prior, nominal }: FirstLook,
  bent: Accepted,
  atStart: Linearisation,
  { settings, memory }: UpdateRequest,
): Promise<Accepted | Rejection> {
  const change = await explainChange(observation, prior, atStart, nominal, undefined, true);
  if (!change.explained || change.implausible) {
    const kept = doubt(prior, settings, memory.unexplained);
    const { linearisation, update } = bent;
    return { kept, linearisation, update, outOfReach: change.outOfReach };
  }
  const { update: posterior, linearisation } = change.best;
  const { byModes: _, bank: __, ...rest } = bent;
  return { ...rest, posterior, linearisation, regimeChange: true };
}
