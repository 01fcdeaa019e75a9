import { sortedQuantile } from '../forecast/first-passage.js';
import type { Twin } from '../types.js';
import {
  type Candidate,
  endsAtLimit,
  type Field,
  followFrom,
  followTo,
  type Ground,
  moneyPerDay,
  type Repair,
  type Setting,
  type Stretch,
} from './ways.js';

/** A mean with the 95 % interval of the courses, which holds it. */
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

/** A way with its sums, course by course. */
export interface JudgedWay {
  way: PlannedWay;
  sums: Float64Array;
  candidate: Candidate;
}

/** What is to be best. */
export interface PlannedObjective {
  sense: 'maximise' | 'minimise';
  of: string;
  label: string;
  unit: string;
}

/** Two stretches as one: a course that was stopped before the repair stays so. */
export function join(ground: Ground, before: Setting, first: Stretch, then: Stretch): Stretch {
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

export function scoreOf(
  ground: Ground,
  { passed, sum }: Stretch,
  repair?: Repair,
): [risk: number, mean: number] {
  const total = withCosts(ground, sum, repair);
  const count = passed.reduce((c, which) => c + (which >= 0 ? 1 : 0), 0);
  // Laplace's rule: no finite number of courses makes a risk zero.
  return [(count + 1) / (passed.length + 2), total.reduce((s, v) => s + v, 0) / total.length];
}

/** Judges a candidate by the ground's courses. */
export function wayOf(
  twin: Twin,
  ground: Ground,
  candidate: Candidate,
  field: (setting: Setting) => Field,
): JudgedWay {
  const { before, after, repair } = candidate;
  const last = ground.times.length - 1;
  const [first] = followTo(ground, field(before), [repair?.at ?? last]);
  const stretch =
    repair === undefined
      ? first!
      : join(ground, before, first!, followFrom(ground, field(after), repair));
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

/**
 * Mean and 95 % interval of values. Where nearly all courses earn the same and a few are stopped early, the
 * mean lies beyond the quantile: the end then is the nearest course beyond the mean, so that what is
 * promised lies within its own interval, and that still holds at least 95 % of the courses.
 */
export function spreadOf(values: Float64Array): Spread {
  const sorted = values.slice().sort();
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  // A sum of equal values may round to beside them.
  const mean = Math.min(most, Math.max(least, sorted.reduce((s, v) => s + v, 0) / sorted.length));
  return {
    mean,
    lower95: Math.min(sortedQuantile(sorted, 0.025), sorted.findLast((v) => v <= mean) ?? mean),
    upper95: Math.max(sortedQuantile(sorted, 0.975), sorted.find((v) => v >= mean) ?? mean),
  };
}

/** What is to be best, with its name and unit. */
export function objectiveOf(twin: Twin): PlannedObjective {
  const { sense, of, label, unit } = twin.definition.decisions!.objective;
  const { inputs, parameters, measured, virtualSensors } = twin.definition;
  const item = [...inputs, ...parameters, ...measured, ...virtualSensors].find(
    (i) => i.variable === of,
  );
  const own = item?.unit === undefined || item.unit === '' ? 's' : `${item.unit}·s`;
  return { sense, of, label: label ?? of, unit: unit ?? (of === 'cost' ? '' : own) };
}

/** What a plan takes for granted. */
export function assumptionsOf(twin: Twin): string[] {
  const decisions = twin.definition.decisions!;
  const stops = decisions.objective.atLimit === 'stop';
  return [
    'Wear goes on by the laws that the samples so far bear, or as the trend model of the calibration has it, at a pace that does not depend on the settings.',
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
