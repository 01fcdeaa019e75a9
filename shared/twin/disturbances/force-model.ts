import type { StateEvaluation, TransientModel } from '../types.js';
import { type Force, keptAfter } from './force.js';

const extended = (values: Float64Array, more: ArrayLike<number>) =>
  Float64Array.from([...values, ...Array.from(more)]);

/**
 * A moving machine with what disturbs it among its states: a force acts over a run as it is at the
 * run's end, and its outputs tell it last.
 *
 * @param model whose `propagate` adds to the variables that are disturbed
 */
export function withForces(model: TransientModel, forces: readonly Force[]): TransientModel {
  if (forces.length === 0) return model;
  const ns = model.states.length;
  const none = new Float64Array(forces.length);
  const joined = (end: StateEvaluation, f: Float64Array): StateEvaluation =>
    end instanceof Error
      ? end
      : { ...end, states: extended(end.states, f), outputs: extended(end.outputs, f) };
  return {
    ...model,
    states: [...model.states, ...forces.map(({ name }) => name)],
    nominal: extended(
      model.nominal,
      forces.map(({ std }) => std),
    ),
    forces,
    async settle(points, inputs, signal) {
      return (await model.settle(points, inputs, signal)).map((end) => joined(end, none));
    },
    async propagate(points, span, signal) {
      const kept = forces.map((force) => keptAfter(force, span.toS - span.fromS));
      const acting = points.map(({ states }) =>
        states === undefined || states.length === ns
          ? none
          : states.slice(ns).map((f, i) => kept[i]! * f),
      );
      const ends = await model.propagate(
        points.map((point, k) => ({
          ...point,
          ...(point.states === undefined ? {} : { states: point.states.slice(0, ns) }),
          added: acting[k]!,
        })),
        span,
        signal,
      );
      return ends.map((end, k) => joined(end, acting[k]!));
    },
  };
}
