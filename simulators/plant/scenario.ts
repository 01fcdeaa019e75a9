import type { TwinDefinition } from '../../shared/config/index.js';

/** A hidden truth over time: the value of a parameter at days of the machine's time. */
export interface Scenario {
  /** After so many days everything begins anew, as after an overhaul. */
  periodDays: number;
  /** Per parameter: `[day, value]` knots in ascending order, joined by straight lines. */
  parameters: Readonly<Record<string, readonly (readonly [day: number, value: number])[]>>;
}

const DAY_S = 86_400;

/**
 * Two bearings of the web line wear: R9 fast, until the web slips on it on day 12; it is replaced on
 * day 16. R3 follows slowly.
 */
export const WEB_LINE_SCENARIO: Scenario = {
  periodDays: 24,
  parameters: {
    b3: [
      [0, 2e-4],
      [1, 2e-4],
      [20, 0.15],
      [20.01, 2e-4],
      [24, 2e-4],
    ],
    b9: [
      [0, 2e-4],
      [0.4, 2e-4],
      [5, 0.06],
      [12.5, 0.2],
      [16, 0.2],
      [16.01, 2e-4],
      [24, 2e-4],
    ],
  },
};

/**
 * A scenario for any twin: its first parameter wears from where it is expected to be to three
 * standard deviations of its prior, or half-way to its upper bound, and is repaired.
 */
export function defaultScenario(twin: TwinDefinition): Scenario {
  if (twin.name === 'web-line') return WEB_LINE_SCENARIO;
  const [first] = twin.parameters;
  if (first === undefined) return { periodDays: 24, parameters: {} };
  const { mean, std } = first.prior;
  const worn = first.upper === undefined ? mean + 3 * std : (mean + first.upper) / 2;
  return {
    periodDays: 24,
    parameters: {
      [first.variable]: [
        [0, mean],
        [1, mean],
        [20, worn],
        [20.01, mean],
        [24, mean],
      ],
    },
  };
}

/** The hidden parameters at a time of the machine; what the scenario leaves out stays at its prior. */
export function truthAt(
  scenario: Scenario,
  twin: TwinDefinition,
  machineS: number,
): Record<string, number> {
  const day = (machineS / DAY_S) % scenario.periodDays;
  const values: Record<string, number> = {};
  for (const { variable, prior } of twin.parameters) {
    const knots = scenario.parameters[variable];
    values[variable] = knots === undefined ? prior.mean : interpolate(knots, day);
  }
  return values;
}

function interpolate(knots: readonly (readonly [number, number])[], day: number): number {
  const next = knots.findIndex(([d]) => d > day);
  const after = knots[next];
  const before = knots[next - 1] ?? knots[0];
  if (before === undefined) return Number.NaN;
  if (next === -1) return knots[knots.length - 1]?.[1] ?? before[1];
  if (next === 0 || after === undefined) return before[1];
  return before[1] + ((after[1] - before[1]) * (day - before[0])) / (after[0] - before[0]);
}
