import type { TransientModel, TwinModel } from '../../../shared/twin/index.js';

/** How states follow states, row-major. */
export const A = [0.8, 0.1, -0.2, 0.9];
/** How states follow parameters, row-major. */
export const B = [0.3, 0.1, 0.05, -0.2];

/** s⁺ = A s + B [p; q] + [0; 0.1 u], y = (s1 + 0.1 p, s2, s1 + s2), v = s1 − s2. */
export function linearDynamics(refuse: (states: Float64Array) => boolean = () => false) {
  const asked = { runs: 0, settled: 0 };
  const outputs = (p: number, s: Float64Array) =>
    Float64Array.of(s[0]! + 0.1 * p, s[1]!, s[0]! + s[1]!, s[0]! - s[1]!);
  const transient: TransientModel = {
    states: ['s1', 's2'],
    nominal: Float64Array.of(1, 1),
    startTimeS: 0,
    settle: async (points) => {
      asked.settled += points.length;
      return points.map(([p = 0, q = 0]) => {
        const states = Float64Array.of(p, q);
        return { states, outputs: outputs(p, states) };
      });
    },
    propagate: async (points, span) => {
      asked.runs += points.length;
      return points.map(({ parameters: [p = 0, q = 0], states = new Float64Array(2) }) => {
        if (refuse(states)) return new Error('refused');
        const s =
          span.toS === span.fromS
            ? states
            : Float64Array.of(
                A[0]! * states[0]! + A[1]! * states[1]! + B[0]! * p + B[1]! * q,
                A[2]! * states[0]! +
                  A[3]! * states[1]! +
                  B[2]! * p +
                  B[3]! * q +
                  0.1 * span.inputs[0]!,
              );
        return { states: s, outputs: outputs(p, s) };
      });
    },
  };
  const model: TwinModel = {
    outputs: ['y1', 'y2', 'y3', 'v'],
    evaluate: async () => [],
    transient,
    close: async () => {},
  };
  return { model, asked };
}

/** What makes the small twin one of these dynamics. */
export const overrides = {
  parameters: ['p', 'q'].map((variable) => ({
    variable,
    alias: `/s/${variable}`,
    prior: { mean: 0.1, std: 0.05 },
    dynamics: 'constant',
  })),
  simulation: { mode: 'transient' },
  transient: { initialState: 'start-values', initialStateStd: 0.2, stateNoise: 0.01 },
  estimator: { adaptNoise: false },
};
