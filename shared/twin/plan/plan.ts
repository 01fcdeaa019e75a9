import { TwinError } from '../../core/index.js';
import { filterSettings, keepsWithinBounds } from '../filter/settings.js';
import { sortedQuantile } from '../forecast/first-passage.js';
import { renewed } from '../forecast/renewed.js';
import { modelResponse } from '../forecast/response.js';
import { drawTrendPaths } from '../forecast/trend-paths.js';
import { operatingInputs } from '../identifiability/operating-points.js';
import type { CalibratorState, Twin, TwinModel } from '../types.js';
import { plannedLimits, requireKnown, summedOf } from './limits.js';
import {
  endsAtLimit,
  follow,
  type Ground,
  moneyPerDay,
  type Repair,
  type Setting,
  type Stretch,
} from './ways.js';

/** A mean with its 95 % interval over the courses. */
export interface Spread {
  mean: number;
  lower95: number;
  upper95: number;
}

/** A way to go, with what comes of it. */
export interface PlannedWay {
  /** Until the repair, or to the horizon's end. */
  inputs: Record<string, number>;
  maintenance?: {
    name: string;
    resets: string[];
    /** When it begins, seconds from now. */
    aheadS: number;
    takesS: number;
    costs: number;
    /** After it. */
    inputs: Record<string, number>;
  };
  /** Probability that any limit is passed within the horizon … */
  risk: number;
  /** … and that each is the first. */
  riskByLimit: Record<string, number>;
  objective: Spread;
}

/** What `plan` found. */
export interface Plan {
  twin: string;
  fromS: number;
  horizonS: number;
  /** Risk that is allowed. */
  risk: number;
  limits: string[];
  objective: { sense: 'maximise' | 'minimise'; of: string; label: string; unit: string };
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
  assumptions: string[];
  courses: number;
  modelRuns: number;
}

/** Values of each decided input that are tried. */
const GRID = 13;
/** Times at which a repair may begin. */
const REPAIR_TIMES = 7;
const STEPS = 42;
/** Courses to search with, and independent ones to judge what was found by: a search finds luck too. */
const SEARCH_COURSES = 400;
const JUDGE_COURSES = 2000;
/** Ways that are judged before the next best is given up. */
const MOST_JUDGED = 12;

interface Candidate {
  before: Setting;
  repair?: Repair | undefined;
  after: Setting;
  risk: number;
  mean: number;
}

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
  const { twin, model, state, signal } = options;
  const { definition } = twin;
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
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const today = operatingInputs(twin, options.inputs);
  const times = Float64Array.from(
    { length: STEPS + 1 },
    (_, k) => (k * decisions.horizonS) / STEPS,
  );
  const now = { x: state.filter.x, S: state.filter.S };
  const allResets = [...new Set(decisions.maintenance.flatMap((m) => m.resets))];
  const asNew = renewed(twin, now, allResets);
  const places = decisions.inputs.map((d) =>
    definition.inputs.findIndex((i) => i.variable === d.variable),
  );
  const groundOf = (courses: number, seed: number): Ground => ({
    decisions,
    places,
    limits: plannedLimits(twin, decisions),
    summed: summedOf(twin, decisions.objective.of),
    times,
    worn: drawTrendPaths(now, settings, times, courses, seed),
    fresh: drawTrendPaths(asNew, settings, times, courses, seed + 1),
    resets: decisions.maintenance.map((m) =>
      m.resets.map((r) => known(definition.parameters).indexOf(r)),
    ),
  });
  const search = groundOf(options.courses?.search ?? SEARCH_COURSES, 11);
  const judge = groundOf(options.courses?.judge ?? JUDGE_COURSES, 101);

  // The response has to hold for every course, as worn as it may get and as new.
  const low = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  for (const values of [search, judge].flatMap((g) => [...g.worn.values, ...g.fresh.values])) {
    values.forEach((v, p) => {
      low[p % n] = Math.min(low[p % n]!, v);
      high[p % n] = Math.max(high[p % n]!, v);
    });
  }
  const bounds = keepsWithinBounds(twin, state)
    ? settings.bounds
    : {
        lower: settings.bounds.lower.map((v, i) =>
          Math.min(v, now.x[i]! - 0.1 * settings.range[i]!),
        ),
        upper: settings.bounds.upper.map((v, i) =>
          Math.max(v, now.x[i]! + 0.1 * settings.range[i]!),
        ),
      };
  let modelRuns = 0;
  const responses = new Map<string, Setting>();
  const settingOf = async (inputs: Float64Array): Promise<Setting> => {
    const key = inputs.join();
    const found = responses.get(key);
    if (found !== undefined) return found;
    const response = await modelResponse(
      model,
      inputs,
      now.x.slice(0, n),
      low,
      high,
      bounds,
      [],
      signal,
      'quick',
    );
    modelRuns += response.modelRuns;
    const setting = { inputs, response };
    responses.set(key, setting);
    return setting;
  };

  const asToday = await settingOf(today);
  const gridAbout = (base: Float64Array) =>
    decisions.inputs.flatMap(({ lower, upper }, d) =>
      Array.from({ length: GRID }, (_, g) => {
        const inputs = base.slice();
        inputs[places[d]!] = lower + (g / (GRID - 1)) * (upper - lower);
        return inputs;
      }),
    );
  const repairs: Repair[] = decisions.maintenance.flatMap((_, index) =>
    Array.from({ length: REPAIR_TIMES }, (_, r) => ({
      index,
      at: Math.floor((r * STEPS) / REPAIR_TIMES),
    })),
  );

  const found: Candidate[] = [];
  const rank = (a: Candidate, b: Candidate) =>
    compare(decisions.risk, decisions.objective.sense, a, b);
  const tryAll = async (all: readonly Float64Array[], done: number, share: number) => {
    const chosen: Setting[] = [];
    for (const [k, inputs] of all.entries()) {
      chosen.push(await settingOf(inputs));
      options.onProgress?.(done + (0.6 * share * (k + 1)) / all.length);
    }
    const last = STEPS;
    for (const before of chosen) {
      await breathe();
      const [risk, mean] = scoreOf(search, follow(search, before, 0, last));
      found.push({ before, after: before, risk, mean });
    }
    for (const [k, repair] of repairs.entries()) {
      signal?.throwIfAborted();
      const until: Stretch[] = [];
      const later: Stretch[] = [];
      for (const setting of chosen) {
        await breathe();
        until.push(follow(search, setting, 0, repair.at));
        later.push(follow(search, setting, repair.at, last, repair));
      }
      chosen.forEach((before, i) => {
        chosen.forEach((after, j) => {
          const joined = join(search, before, until[i]!, later[j]!);
          const [risk, mean] = scoreOf(search, joined, repair);
          found.push({ before, repair, after, risk, mean });
        });
      });
      options.onProgress?.(done + share * (0.6 + (0.4 * (k + 1)) / repairs.length));
    }
  };
  const isOne = decisions.inputs.length <= 1;
  await tryAll([today, ...gridAbout(today)], 0, isOne ? 1 : 0.5);
  found.sort(rank);
  if (!isOne) {
    const best = found[0]!;
    await tryAll([today, best.before.inputs, ...gridAbout(best.before.inputs)], 0.5, 0.5);
    found.sort(rank);
  }

  const describe = (c: Candidate) => wayOf(twin, judge, c);
  const ways: ReturnType<typeof describe>[] = [];
  for (const candidate of found.slice(0, MOST_JUDGED)) {
    await breathe();
    ways.push(describe(candidate));
    // The rest is worse.
    if (ways.at(-1)!.way.risk <= decisions.risk) break;
  }
  const kept = ways.find((w) => w.way.risk <= decisions.risk);
  const leastRisky = () => describe([...found].sort((a, b) => a.risk - b.risk)[0]!);
  const chosen = kept ?? leastRisky();
  const feasible = chosen.way.risk <= decisions.risk;
  const usual = describe({ before: asToday, after: asToday, risk: 0, mean: 0 });
  const sign = decisions.objective.sense === 'maximise' ? 1 : -1;
  const gain = spreadOf(chosen.sums.map((v, p) => sign * (v - usual.sums[p]!)));

  const riskCurves: Plan['riskCurves'] = {};
  for (const [d, { variable, lower, upper }] of decisions.inputs.entries()) {
    const points = [];
    for (let g = 0; g < GRID; g++) {
      const inputs = chosen.candidate.before.inputs.slice();
      inputs[places[d]!] = lower + (g / (GRID - 1)) * (upper - lower);
      const before = await settingOf(inputs);
      const after = chosen.candidate.repair === undefined ? before : chosen.candidate.after;
      await breathe();
      const { way } = describe({ ...chosen.candidate, before, after });
      points.push({ value: inputs[places[d]!]!, risk: way.risk, objective: way.objective.mean });
    }
    riskCurves[variable] = points;
  }
  return {
    twin: definition.name,
    fromS: state.timeS,
    horizonS: decisions.horizonS,
    risk: decisions.risk,
    limits: judge.limits.map((l) => l.variable),
    objective: objectiveOf(twin),
    feasible,
    plan: chosen.way,
    today: usual.way,
    gain,
    riskCurves,
    front: frontOf(found, sign).map((c) => {
      const { way } = describe(c);
      return { risk: way.risk, objective: way.objective.mean, way };
    }),
    assumptions: assumptionsOf(twin),
    courses: judge.worn.count,
    modelRuns,
  };
}

/** Lets the server that asks go on with what others want of it. */
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Within the risk, the better objective first; beyond it, the smaller risk. */
function compare(risk: number, sense: 'maximise' | 'minimise', a: Candidate, b: Candidate): number {
  const fits = (c: Candidate) => c.risk <= risk;
  if (fits(a) !== fits(b)) return fits(a) ? -1 : 1;
  if (!fits(a)) return a.risk - b.risk;
  return sense === 'maximise' ? b.mean - a.mean : a.mean - b.mean;
}

/** Two stretches as one: a course that was stopped before the repair stays so. */
function join(ground: Ground, before: Setting, first: Stretch, then: Stretch): Stretch {
  const ends = endsAtLimit(ground, moneyPerDay(ground, before.inputs));
  const passed = first.passed.map((which, p) => (which >= 0 ? which : then.passed[p]!));
  const sum = first.sum.map((v, p) => (ends && first.passed[p]! >= 0 ? v : v + then.sum[p]!));
  return { passed, sum };
}

function withCosts(ground: Ground, sum: Float64Array, repair: Repair | undefined): Float64Array {
  if (ground.summed.kind !== 'cost' || repair === undefined) return sum;
  const { costs } = ground.decisions.maintenance[repair.index]!;
  return sum.map((v) => v + costs);
}

function scoreOf(
  ground: Ground,
  { passed, sum }: Stretch,
  repair?: Repair,
): [risk: number, mean: number] {
  const total = withCosts(ground, sum, repair);
  const count = passed.reduce((c, which) => c + (which >= 0 ? 1 : 0), 0);
  // Laplace's rule: no finite number of courses makes a risk zero.
  return [(count + 1) / (passed.length + 2), total.reduce((s, v) => s + v, 0) / total.length];
}

function wayOf(twin: Twin, ground: Ground, candidate: Candidate) {
  const { before, after, repair } = candidate;
  const last = ground.times.length - 1;
  const stretch =
    repair === undefined
      ? follow(ground, before, 0, last)
      : join(
          ground,
          before,
          follow(ground, before, 0, repair.at),
          follow(ground, after, repair.at, last, repair),
        );
  const sums = withCosts(ground, stretch.sum, repair);
  const [risk] = scoreOf(ground, stretch, repair);
  const decided = (inputs: Float64Array) =>
    Object.fromEntries(
      ground.places.map((place) => [twin.definition.inputs[place]!.variable, inputs[place]!]),
    );
  const share = (which: number) =>
    stretch.passed.reduce((c, w) => c + (w === which ? 1 : 0), 0) / stretch.passed.length;
  const item = repair === undefined ? undefined : ground.decisions.maintenance[repair.index]!;
  const way: PlannedWay = {
    inputs: decided(before.inputs),
    ...(item === undefined || repair === undefined
      ? {}
      : {
          maintenance: {
            name: item.name ?? `renew ${item.resets.join(', ')}`,
            resets: item.resets,
            aheadS: ground.times[repair.at]!,
            takesS: item.takesS,
            costs: item.costs,
            inputs: decided(after.inputs),
          },
        }),
    risk,
    riskByLimit: Object.fromEntries(
      ground.limits.map((l, i) => [l.variable, share(i)] as const).filter(([, r]) => r > 0),
    ),
    objective: spreadOf(sums),
  };
  return { way, sums, candidate };
}

function spreadOf(values: Float64Array): Spread {
  const sorted = values.slice().sort();
  return {
    mean: sorted.reduce((s, v) => s + v, 0) / sorted.length,
    lower95: sortedQuantile(sorted, 0.025),
    upper95: sortedQuantile(sorted, 0.975),
  };
}

/** Ways of which none is better in both risk and objective, thinned to a dozen. */
function frontOf(found: readonly Candidate[], sign: number): Candidate[] {
  const byRisk = [...found].sort((a, b) => a.risk - b.risk || sign * (b.mean - a.mean));
  const front: Candidate[] = [];
  for (const c of byRisk) {
    const best = front.at(-1);
    if (best === undefined || sign * (c.mean - best.mean) > 1e-9 * Math.abs(best.mean))
      front.push(c);
  }
  const every = Math.max(1, Math.ceil(front.length / 12));
  return front.filter((_, i) => i % every === 0 || i === front.length - 1);
}

function objectiveOf(twin: Twin): Plan['objective'] {
  const { sense, of, label, unit } = twin.definition.decisions!.objective;
  const { inputs, parameters, measured, virtualSensors } = twin.definition;
  const item = [...inputs, ...parameters, ...measured, ...virtualSensors].find(
    (i) => i.variable === of,
  );
  const own = item?.unit === undefined || item.unit === '' ? 's' : `${item.unit}·s`;
  return { sense, of, label: label ?? of, unit: unit ?? (of === 'cost' ? '' : own) };
}

function assumptionsOf(twin: Twin): string[] {
  const decisions = twin.definition.decisions!;
  const stops = decisions.objective.atLimit === 'stop';
  return [
    'Wear goes on as the trend model of the calibration has it, at a pace that does not depend on the settings.',
    'Settings are kept from now on, and changed only at a repair; inputs that are not decided stay as they are.',
    'The model settles at each instant: what happens while settings change is not looked at.',
    ...(decisions.maintenance.length > 0
      ? [
          'A repaired part is as uncertain as the definition’s prior; wear goes on by the calendar while the machine stands.',
        ]
      : []),
    stops
      ? 'A course that passes a limit stops the machine there: it earns nothing more within the horizon.'
      : 'A course that passes a limit goes on as before.',
  ];
}
