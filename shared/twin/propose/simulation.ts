import { durationText, upperMedian } from '../../core/index.js';
import type { ModelDescription } from '../../fmi/index.js';
import type { RecordingTable } from '../../recordings/index.js';
import type { Proposal } from './proposal.js';

import type { RestTime } from './rest-time.js';

/** Rows so far apart, seconds, may be states of rest … */
const REST_PERIOD_S = 600;
/** … unless the model takes more of them to come to rest: to its last digits, as that is measured. */
const REST_ROWS = 3;
/** Steps a row of a machine that moves, where its FMU states no step of its own. */
const STEPS_A_ROW = 10;
/** Steps of a tag that tell its period. */
const STEPS_TO_JUDGE = 1000;

/**
 * Whether rows are states of rest or moments of a moving machine, and how its model is run.
 *
 * @param restS how long the model takes to come to rest, seconds, where that was tried
 */
export function simulationOf(
  md: ModelDescription,
  table: RecordingTable,
  restS: number | undefined,
): Proposal['simulation'] {
  const type = md.coSimulation === undefined ? 'me' : 'cs';
  const states = md.modelStructure.continuousStateDerivatives.length;
  const period = samplePeriodS(table) ?? Number.POSITIVE_INFINITY;
  const { stepSizeS: step, text: stepText } = communicationStep(md, period);
  const stepSizeS = step === undefined ? {} : { stepSizeS: step };
  const atRestSoon = (restS ?? 0) <= REST_ROWS * period;
  if (states === 0 && !atRestSoon) {
    return {
      item: { mode: 'transient', interface: type, ...stepSizeS },
      comment: `the FMU declares no continuous states but does not come to rest within ${REST_ROWS} rows, which are ${durationText(period)} apart: it keeps states to itself, and the machine moves between rows; twinloop fit runs it from its start values, calibrate needs its states`,
    };
  }
  if (states === 0) {
    return {
      item: { mode: 'steady-state', interface: type },
      comment: 'the FMU declares no continuous states: each row is a state of rest',
    };
  }
  const atRest = period >= REST_PERIOD_S && atRestSoon;
  const having = `the FMU has ${states} continuous ${states === 1 ? 'state' : 'states'}, rows are ${durationText(period)} apart:`;
  if (atRest) {
    const own = ownStep(md) === undefined ? {} : stepSizeS;
    const text = ownStep(md) === undefined ? '' : stepText;
    return {
      item: { mode: 'steady-state', interface: type, ...own },
      comment: `${having} each row is taken for a state of rest${text}`,
    };
  }
  return {
    item: { mode: 'transient', interface: type, ...stepSizeS },
    comment: `${having} the machine moves between them${stepText}`,
  };
}

/** The step that an FMU states for itself. */
function ownStep({ defaultExperiment, coSimulation }: ModelDescription): number | undefined {
  const stated = [defaultExperiment.stepSize, coSimulation?.fixedInternalStepSize];
  return stated.find((step) => step !== undefined && step > 0);
}

/** How long a step of a run is, seconds, and a remark on it; of the definition's default nothing. */
function communicationStep(
  md: ModelDescription,
  periodS: number,
): { stepSizeS?: number; text: string } {
  const own = ownStep(md);
  if (own === undefined) {
    // The default of 0.1 s would make a day of rows each minute a million calls a run.
    if (md.coSimulation === undefined || !(periodS > 0 && periodS < Number.POSITIVE_INFINITY)) {
      return { text: '' };
    }
    const stepSizeS = Number((periodS / STEPS_A_ROW).toPrecision(6));
    return { stepSizeS, text: `; ${STEPS_A_ROW} steps a row, as the FMU states none` };
  }
  // Rows that come faster than the FMU steps need a step each: the definition's default may be thousands.
  return own <= periodS
    ? { stepSizeS: own, text: '; its own step' }
    : { stepSizeS: periodS, text: `; a step a row, its own being ${durationText(own)}` };
}

/** Median seconds between values of one column: rows of long form come as often as all tags together. */
function samplePeriodS({ long, columns, timeS, account }: RecordingTable): number | null {
  if (!long) return account.periodS;
  const periods = columns.flatMap(({ values }) => {
    const steps: number[] = [];
    let before: number | undefined;
    for (let i = 0; i < values.length && steps.length < STEPS_TO_JUDGE; i++) {
      if (Number.isNaN(values[i]!)) continue;
      if (before !== undefined) steps.push(timeS[i]! - before);
      before = timeS[i]!;
    }
    return steps.length === 0 ? [] : [upperMedian(steps)];
  });
  return periods.length === 0 ? null : upperMedian(periods);
}

/** A proposal whose runs take shorter steps than the FMU's own. */
export function withStep(proposal: Proposal, stepSizeS: number, because: string): Proposal {
  const { item, comment } = proposal.simulation;
  const text = comment.replace(
    /; (its own step|a step a row, its own being .*|\d+ steps a row, .*)$/,
    '',
  );
  return {
    ...proposal,
    simulation: { item: { ...item, stepSizeS }, comment: `${text}; ${because}` },
  };
}

/** A proposal whose simulation knows how long its model takes to come to rest. */
export function withRestTime(proposal: Proposal, { maxTimeS, because }: RestTime): Proposal {
  const { item, comment } = proposal.simulation;
  if (maxTimeS !== undefined) {
    return {
      ...proposal,
      simulation: { item: { ...item, maxTimeS }, comment: `${comment}; ${because}` },
    };
  }
  if (item.mode === 'steady-state') {
    return { ...proposal, simulation: { item, comment: `${comment}; CAUTION: ${because}` } };
  }
  return {
    ...proposal,
    transient: {
      item: { initialState: 'start-values' },
      comment: `${because}: a run begins at the FMU's start values; forecasts and sensors need a rest, see simulation.maxTimeS`,
    },
  };
}
