import type { ModelVariable } from '../../fmi/index.js';
import type { Proposal } from './proposal.js';

/**
 * Whether a variable of a moving machine stands for something unknown that acts on it, a heat, an
 * inflow, a torque: it may move along a run and starts at 0, with neither a size nor a sign that an
 * FMU gives to quantities of the machine itself.
 */
export function isUnknown(v: ModelVariable): boolean {
  const movable = v.causality === 'input' || v.variability === 'tunable';
  if (!movable || !v.start?.every((start) => Number(start) === 0)) return false;
  const positive = v.min !== undefined && Number(v.min) >= 0;
  const hasSize =
    v.nominal !== undefined || (v.max !== undefined && Number.isFinite(Number(v.max)));
  return !(positive && hasSize);
}

/** What may be declared as a disturbance, and is held at 0 until then. */
export const unknownsOf = (variables: readonly ModelVariable[]): Proposal['unknowns'] =>
  variables.map((v) => ({
    item: {
      on: v.name,
      ...(v.nominal === undefined ? {} : { std: v.nominal }),
      unit: v.unit ?? '',
    },
    comment: v.description ?? 'it starts at 0, and may be of either sign or any size',
  }));
