import { TwinError } from '../core/index.js';
import { requireShape } from './checks.js';
import { chiSquareSurvival } from './distributions.js';
import type { Space } from './space.js';
import type { Gate, Innovation } from './types.js';

const LOG_2PI = Math.log(2 * Math.PI);

/** The innovation before anything is solved: which channels count and how far off they are. */
export interface Selection {
  y: Float64Array;
  std: Float64Array;
  used: number[];
  gated: number[];
}

/**
 * Forms y = z ⊖ ẑ and sorts channels into present, missing (NaN) and gated ones.
 *
 * @param variance m, the diagonal of S
 * @throws TwinError `VALUE_INVALID` for an infinite measurement
 */
export function selectChannels(
  z: Float64Array,
  zHat: Float64Array,
  variance: Float64Array,
  gate: Gate | undefined,
  space: Space | undefined,
): Selection {
  const m = z.length;
  const y = new Float64Array(m);
  if (space?.residual !== undefined) space.residual(z, zHat, y);
  else for (let i = 0; i < m; i++) y[i] = z[i]! - zHat[i]!;
  const std = new Float64Array(m);
  const used: number[] = [];
  const gated: number[] = [];
  for (let i = 0; i < m; i++) {
    const s = Math.sqrt(variance[i]!);
    std[i] = s;
    if (Number.isNaN(z[i])) {
      y[i] = Number.NaN;
      continue;
    }
    if (gate?.channelSigma !== undefined && Math.abs(y[i]!) > gate.channelSigma * s) gated.push(i);
    else used.push(i);
  }
  return { y, std, used, gated };
}

/** Refuses measurements of the wrong size or infinite ones; NaN says that a channel is missing. */
export function checkMeasurement(z: Float64Array, m: number): void {
  requireShape(z, m, 1, 'z');
  for (let i = 0; i < m; i++) {
    if (z[i] === Number.POSITIVE_INFINITY || z[i] === Number.NEGATIVE_INFINITY) {
      throw new TwinError(
        'VALUE_INVALID',
        `z[${i}] is ${z[i]}, expected a finite number, or NaN for a missing channel. Mark the sample as bad instead.`,
      );
    }
  }
}

/** Completes a selection: NIS and likelihood from the whitened innovation. */
export function finishInnovation(
  selection: Selection,
  whitened: Float64Array,
  logDetS: number,
  gate: Gate | undefined,
): { innovation: Innovation; rejected: boolean } {
  const { y, std, used, gated } = selection;
  const dof = used.length;
  let nis = 0;
  for (let i = 0; i < dof; i++) nis += whitened[i]! * whitened[i]!;
  const rejected =
    dof > 0 &&
    gate?.jointProbability !== undefined &&
    chiSquareSurvival(nis, dof) < 1 - gate.jointProbability;
  const logLikelihood = dof === 0 ? 0 : -0.5 * (nis + logDetS + dof * LOG_2PI);
  return {
    rejected,
    innovation: {
      y,
      std,
      whitened,
      used: rejected ? [] : used,
      gated: rejected ? [...gated, ...used].sort((a, b) => a - b) : gated,
      nis,
      dof,
      logLikelihood,
    },
  };
}
