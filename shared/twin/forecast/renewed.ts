import { TwinError, unknownNames } from '../../core/index.js';
import { squareRootOfStack } from '../../kalman/index.js';
import { INITIAL_TREND } from '../calibrator/initial-state.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { filterSettings } from '../filter/settings.js';
import type { Twin } from '../types.js';

/**
 * Parts that have been replaced: their parameters are what is known before any data, and know nothing
 * of the others; all else stays as it was estimated.
 *
 * @param state parameters and trends
 * @param names parameters of the parts that are new
 * @throws TwinError `VARIABLE_UNKNOWN`
 */
export function renewed(twin: Twin, state: Gaussian, names: readonly string[]): Gaussian {
  const { parameters } = twin.definition;
  const known = parameters.map((p) => p.variable);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `"${twin.definition.name}" has no parameter ${unknownNames(unknown, known)}: expected some of ${known.join(', ')}.`,
    );
  }
  const { range, trend } = filterSettings(twin);
  const n = parameters.length;
  const N = 2 * n;
  const x = state.x.slice(0, N);
  const chosen = known.flatMap((name, i) => (names.includes(name) ? [i] : []));
  const fresh = new Set(chosen.flatMap((i) => [i, n + i]));
  const stack = new Float64Array((N + 2 * chosen.length) * N);
  for (let i = 0; i < N; i++) {
    if (fresh.has(i)) continue;
    for (let k = 0; k < N; k++) stack[k * N + i] = state.S[i * N + k]!;
  }
  chosen.forEach((i, k) => {
    x[i] = parameters[i]!.prior.mean;
    x[n + i] = 0;
    stack[(N + 2 * k) * N + i] = parameters[i]!.prior.std;
    stack[(N + 2 * k + 1) * N + n + i] = trend[i] ? INITIAL_TREND * range[i]! : 0;
  });
  return { x, S: squareRootOfStack(stack, N + 2 * chosen.length, N) };
}
