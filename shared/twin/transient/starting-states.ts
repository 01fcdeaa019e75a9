import { semidefiniteSquareRoot, squareRootOfStack } from '../../kalman/index.js';
import { forceOfState } from '../disturbances/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { centreOf, linearise } from '../filter/linearise.js';
import type { FilterSettings } from '../filter/settings.js';
import type { Evaluation, TransientModel } from '../types.js';
import { jointOf, widenStates } from './joint.js';

/** Where a moving machine's filter begins. */
export interface Start {
  /** Parameters, trends and states. */
  joint: Gaussian;
  /** What a state is small or large against. */
  scale: Float64Array;
  /** Whether its states are those of rest. */
  rests: boolean;
  modelRuns: number;
}

function scalesOf(model: TransientModel, states: Float64Array): Float64Array {
  return model.nominal.map((nominal, i) =>
    nominal > 0 ? nominal : Math.abs(states[i]!) > 0 ? Math.abs(states[i]!) : 1,
  );
}

/** How sure states are at a start: as said, but for disturbances, of which nothing is known but their size. */
const startStd =
  ({ states, forces = [] }: TransientModel, scale: Float64Array, share: number) =>
  (i: number): number =>
    forceOfState(forces, states.length, i)?.std ?? share * scale[i]!;

/**
 * Parameters and trends with the states at rest that belong to them.
 *
 * @param stdShare how sure the states are, as a share of their scales
 */
export async function atRest(
  model: TransientModel,
  parameters: Gaussian,
  inputs: Float64Array,
  settings: FilterSettings,
  withinBounds: boolean,
  stdShare: number,
  signal: AbortSignal | undefined,
): Promise<Start> {
  const n = settings.range.length;
  const ns = model.states.length;
  const N = 2 * n + ns;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) factor[i * n + j] = parameters.S[i * 2 * n + j]!;
  }
  const evaluate = async (points: readonly Float64Array[]): Promise<Evaluation[]> =>
    (await model.settle(points, inputs, signal)).map((r) => (r instanceof Error ? r : r.states));
  const { lower, upper } = settings.bounds;
  const inside = parameters.x
    .slice(0, n)
    .map((v, i) => Math.min(upper[i]!, Math.max(lower[i]!, v)));
  // One run first: where the middle has no rest, the others would each cost a process for nothing.
  const middle = centreOf((await evaluate([inside]))[0]);
  const others = async ([first, ...rest]: readonly Float64Array[]): Promise<Evaluation[]> =>
    first?.every((v, i) => v === inside[i])
      ? [middle, ...(await evaluate(rest))]
      : evaluate([first!, ...rest]);
  const lin = await linearise(
    others,
    parameters.x.slice(0, n),
    factor,
    settings.spread,
    settings.bounds,
    withinBounds,
  );
  const omega = semidefiniteSquareRoot(lin.omega, ns);
  const stack = new Float64Array((2 * n + ns) * N);
  for (let k = 0; k < 2 * n; k++) {
    for (let i = 0; i < 2 * n; i++) stack[k * N + i] = parameters.S[i * 2 * n + k]!;
    for (let s = 0; s < ns; s++) {
      for (let j = 0; j < n; j++) {
        stack[k * N + 2 * n + s]! += lin.slope[s * n + j]! * parameters.S[j * 2 * n + k]!;
      }
    }
  }
  for (let k = 0; k < ns; k++) {
    for (let s = 0; s < ns; s++) stack[(2 * n + k) * N + 2 * n + s] = omega[s * ns + k]!;
  }
  const scale = scalesOf(model, lin.mean);
  const joint: Gaussian = {
    x: Float64Array.of(...parameters.x, ...lin.mean),
    S: squareRootOfStack(stack, N, N),
  };
  return {
    joint: widenStates(joint, n, startStd(model, scale, stdShare)),
    scale,
    rests: true,
    modelRuns: lin.modelRuns,
  };
}

/**
 * Parameters and trends with the states that the FMU starts with.
 *
 * @param stdShare how sure the states are, as a share of their scales
 * @throws what the model says where it cannot start
 */
export async function atStart(
  model: TransientModel,
  parameters: Gaussian,
  inputs: Float64Array,
  n: number,
  stdShare: number,
  signal: AbortSignal | undefined,
): Promise<Start> {
  const { startTimeS } = model;
  const [found] = await model.propagate(
    [{ parameters: parameters.x.slice(0, n) }],
    { fromS: startTimeS, toS: startTimeS, inputs, inputsTo: inputs },
    signal,
  );
  if (found === undefined || found instanceof Error) throw found;
  const scale = scalesOf(model, found.states);
  const joint = jointOf(parameters, {
    stateMean: found.states,
    stateFactor: new Float64Array(found.states.length * (2 * n + found.states.length)),
  });
  return {
    joint: widenStates(joint, n, startStd(model, scale, stdShare)),
    scale,
    rests: false,
    modelRuns: 1,
  };
}
