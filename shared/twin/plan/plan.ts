import { TwinError } from '../../core/index.js';
import type { Bounds } from '../filter/linearise.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from '../filter/settings.js';
import { type CourseSource, courseBelief } from '../forecast/course-belief.js';
import { modelResponse, valuesOf } from '../forecast/response.js';
import { drawTrendPaths } from '../forecast/trend-paths.js';
import { operatingInputs } from '../identifiability/operating-points.js';
import type { CalibratorState, Twin, TwinModel } from '../types.js';
import {
  assumptionsOf,
  type JudgedWay,
  objectiveOf,
  type PlannedObjective,
  type PlannedWay,
  type Spread,
  spreadOf,
  wayOf,
} from './account.js';
import { plannedLimits, requireKnown, summedOf } from './limits.js';
import { breathe, frontOf, gridOf, searchWays } from './search.js';
import {
  type Candidate,
  type Field,
  fieldOf,
  type Ground,
  lookedOutputs,
  type Setting,
} from './ways.js';

export type { PlannedWay, Spread } from './account.js';

/** What `plan` found. */
export interface Plan {
  twin: string;
  fromS: number;
  horizonS: number;
  /** Risk that is allowed. */
  risk: number;
  limits: string[];
  objective: PlannedObjective;
  feasible: boolean;
  /** The best way within the risk; where there is none, the way of the least risk. */
  plan: PlannedWay;
  /** Going on as today. */
  today: PlannedWay;
  /** What the plan is better by than today's way, course by course. */
  gain: Spread;
  /** Risk over the values of each decided input, all else as planned. */
  riskCurves: Record<string, { value: number; risk: number; objective: number }[]>;
  /** Ways of which none is better in both: the risk ascending. */
  front: { risk: number; objective: number; way: PlannedWay }[];
  /** What each parameter's course goes by, until a repair. */
  goesBy: Record<string, CourseSource>;
  assumptions: string[];
  courses: number;
  modelRuns: number;
}

const STEPS = 42;
/** Courses to search with, and independent ones to judge what was found by: a search finds luck too. */
const SEARCH_COURSES = 400;
const JUDGE_COURSES = 2000;
/** Ways that are judged before the next best is given up. */
const MOST_JUDGED = 12;
/** Fields of the judge that are kept: some MB each. */
const MOST_FIELDS = 4;

/**
 * Chooses inputs, and when to repair what, so that the objective is best while the probability that a
 * limit is passed within the horizon stays within the stated risk (a chance constraint on the joint
 * courses). The courses are those of `forecast`. Ways are searched on a grid: every combination of one
 * decided input moved, then of one more from the best; what is found is judged by courses of its own.
 *
 * @param options.inputs operating inputs of today instead of the definition's values
 * @param options.onProgress called with the share done
 * @throws TwinError `CONFIG_INVALID` without `decisions`; `VARIABLE_UNKNOWN`
 */
export async function plan(options: {
  twin: Twin;
  model: TwinModel;
  state: CalibratorState;
  inputs?: Readonly<Record<string, number>>;
  courses?: { search: number; judge: number };
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
}): Promise<Plan> {
  const { twin, state, signal } = options;
  const decisions = decisionsOf(twin);
  const settings = filterSettings(twin);
  const courses = options.courses ?? { search: SEARCH_COURSES, judge: JUDGE_COURSES };
  const groundOf = groundMaker(twin, state, settings);
  const search = groundOf(courses.search, 11);
  const judge = groundOf(courses.judge, 101);
  const today = operatingInputs(twin, options.inputs);
  const count = { modelRuns: 0 };
  const settingOf = settingMaker(options, settings, [search, judge], count);

  const asToday = await settingOf(today);
  const found = await searchWays({
    ground: search,
    today,
    settingOf,
    onProgress: (share) => options.onProgress?.(0.8 * share),
    signal,
  });

  const describe = judgeWith(twin, judge);
  const chosen = await chosenOf(found, describe, decisions.risk);
  const usual = await describe({ before: asToday, after: asToday, risk: 0, mean: 0 });
  const sign = decisions.objective.sense === 'maximise' ? 1 : -1;
  const riskCurves: Plan['riskCurves'] = {};
  for (const [d, input] of decisions.inputs.entries()) {
    const at = { place: judge.places[d]!, values: gridOf(input) };
    riskCurves[input.variable] = await riskCurve(at, chosen.candidate, settingOf, describe);
    options.onProgress?.(0.8 + (0.1 * (d + 1)) / decisions.inputs.length);
  }
  const front: Plan['front'] = [];
  for (const candidate of frontOf(found, sign)) {
    const { way } = await describe(candidate);
    front.push({ risk: way.risk, objective: way.objective.mean, way });
  }
  return {
    twin: twin.definition.name,
    fromS: state.timeS,
    horizonS: decisions.horizonS,
    risk: decisions.risk,
    limits: judge.limits.map((l) => l.variable),
    objective: objectiveOf(twin),
    feasible: chosen.way.risk <= decisions.risk,
    plan: chosen.way,
    today: usual.way,
    gain: spreadOf(chosen.sums.map((v, p) => sign * (v - usual.sums[p]!))),
    riskCurves,
    front,
    goesBy: courseBelief(twin, state, settings).goesBy,
    assumptions: assumptionsOf(twin),
    courses: judge.worn.count,
    modelRuns: count.modelRuns,
  };
}

/** The twin's decisions, once all that they name is there. @throws TwinError */
function decisionsOf({ definition }: Twin) {
  const { decisions } = definition;
  if (decisions === undefined) {
    throw new TwinError(
      'CONFIG_INVALID',
      `"${definition.name}" has no \`decisions\`: say in the twin definition which inputs may be set, what may be repaired, and what is to be best.`,
    );
  }
  const known = (items: readonly { variable: string }[]) => items.map((i) => i.variable);
  requireKnown('decisions.inputs', known(decisions.inputs), known(definition.inputs), 'input');
  for (const { resets } of decisions.maintenance) {
    requireKnown('decisions.maintenance', resets, known(definition.parameters), 'parameter');
  }
  return decisions;
}

/** Draws courses for a search, or for a judge. */
function groundMaker(twin: Twin, state: CalibratorState, settings: FilterSettings) {
  const { definition } = twin;
  const decisions = decisionsOf(twin);
  const times = Float64Array.from(
    { length: STEPS + 1 },
    (_, k) => (k * decisions.horizonS) / STEPS,
  );
  const now = courseBelief(twin, state, settings);
  const resets = new Set(decisions.maintenance.flatMap((m) => m.resets));
  const asNew = courseBelief(twin, state, settings, [...resets]);
  const placeOf = (items: readonly { variable: string }[], variable: string) =>
    items.findIndex((i) => i.variable === variable);
  const limits = plannedLimits(twin, decisions);
  const summed = summedOf(twin, decisions.objective.of);
  return (courses: number, seed: number): Ground => ({
    decisions,
    places: decisions.inputs.map((d) => placeOf(definition.inputs, d.variable)),
    limits,
    summed,
    looked: lookedOutputs(limits, summed),
    times,
    worn: drawTrendPaths(now, settings, times, courses, seed),
    fresh: drawTrendPaths(asNew, settings, times, courses, seed + 1),
    resets: decisions.maintenance.map((m) =>
      m.resets.map((r) => placeOf(definition.parameters, r)),
    ),
  });
}

type SettingOf = (inputs: Float64Array) => Promise<Setting>;

/**
 * Makes settings of inputs: the model's response under them, asked for once each. It has to hold for every course,
 * as worn as parts may get and as new.
 *
 * @param count adds up the model runs
 */
function settingMaker(
  { twin, model, state, signal }: Parameters<typeof plan>[0],
  settings: FilterSettings,
  grounds: readonly Ground[],
  count: { modelRuns: number },
): SettingOf {
  const n = twin.definition.parameters.length;
  const values = valuesOf(
    grounds.flatMap((g) => [...g.worn.values, ...g.fresh.values]),
    n,
  );
  const { measured, virtualSensors } = twin.definition;
  const limits = [...measured, ...virtualSensors].map(
    (_, o) => grounds[0]!.limits.find((l) => l.output === o)?.limits,
  );
  const bounds = boundsOf(twin, state, settings);
  const responses = new Map<string, Setting>();
  return async (inputs) => {
    const key = inputs.join();
    const found = responses.get(key);
    if (found !== undefined) return found;
    const anchor = state.filter.x.slice(0, n);
    const asked = { model, inputs, anchor, values, bounds, limits, signal };
    const response = await modelResponse({ ...asked, effort: 'quick' });
    count.modelRuns += response.modelRuns;
    const setting = { inputs, response };
    responses.set(key, setting);
    return setting;
  };
}

/** The best of the ways found that the judge lets stay within the risk; where none does, the least risky. */
async function chosenOf(
  found: readonly Candidate[],
  describe: (candidate: Candidate) => Promise<JudgedWay>,
  risk: number,
): Promise<JudgedWay> {
  for (const candidate of found.slice(0, MOST_JUDGED)) {
    const judged = await describe(candidate);
    // The rest is worse.
    if (judged.way.risk <= risk) return judged;
  }
  return describe([...found].sort((a, b) => a.risk - b.risk)[0]!);
}

/** Risk and objective over the values of one decided input, all else as in a way. */
async function riskCurve(
  { place, values }: { place: number; values: readonly number[] },
  chosen: Candidate,
  settingOf: SettingOf,
  describe: (candidate: Candidate) => Promise<JudgedWay>,
): Promise<Plan['riskCurves'][string]> {
  const points = [];
  for (const value of values) {
    const inputs = chosen.before.inputs.slice();
    inputs[place] = value;
    const before = await settingOf(inputs);
    const after = chosen.repair === undefined ? before : chosen.after;
    const { way } = await describe({ ...chosen, before, after });
    points.push({ value, risk: way.risk, objective: way.objective.mean });
  }
  return points;
}

/** How far the response reaches: a little beyond the bounds where the model bears that. */
function boundsOf(twin: Twin, state: CalibratorState, { bounds, range }: FilterSettings): Bounds {
  if (keepsWithinBounds(twin, state)) return bounds;
  const { x } = state.filter;
  return {
    lower: bounds.lower.map((v, i) => Math.min(v, x[i]! - 0.1 * range[i]!)),
    upper: bounds.upper.map((v, i) => Math.max(v, x[i]! + 0.1 * range[i]!)),
  };
}

/** Judges candidates by courses of their own; fields of the settings asked last are kept. */
function judgeWith(twin: Twin, judge: Ground): (candidate: Candidate) => Promise<JudgedWay> {
  const fields = new Map<Setting, Field>();
  const field = (setting: Setting): Field => {
    const found = fields.get(setting) ?? fieldOf(judge, setting);
    fields.delete(setting);
    fields.set(setting, found);
    if (fields.size > MOST_FIELDS) fields.delete(fields.keys().next().value!);
    return found;
  };
  return async (candidate) => {
    await breathe();
    return wayOf(twin, judge, candidate, field);
  };
}
