import type { Twin } from '../types.js';
import type { Response } from './response.js';
import type { TrendPaths } from './trend-paths.js';

/** What one parameter does to a quantity with a limit. */
export interface LimitDriver {
  parameter: string;
  /** What the part's wear has changed so far, in the quantity's unit: now against as new. */
  sinceNew: number;
  /** What it changes on the way to the limit, or to the horizon's end: mean of the courses. */
  ahead: number;
  /** Its share of the uncertainty at that time, from 0 to 1. */
  varianceShare: number;
}

/** Less than this share of the strongest is not worth a line. */
const LEAST_SHARE = 0.001;

/**
 * Which parameters move an output: the response is a sum of curves, one by each parameter, so that
 * its changes fall into parts.
 *
 * @param output place among the model's outputs
 * @param limitS when the limit is probably passed, seconds ahead; `null` or absent: not within the
 *   horizon, whose end is taken
 */
export function driversOf(
  twin: Twin,
  response: Response,
  output: number,
  drawn: TrendPaths,
  times: Float64Array,
  limitS: number | null | undefined,
): LimitDriver[] {
  const { parameters } = twin.definition;
  const n = parameters.length;
  const at = limitS === null || limitS === undefined ? -1 : times.findIndex((t) => t >= limitS);
  const then = drawn.values[at > 0 ? at : times.length - 1]!;
  const now = drawn.values[0]!;
  const found = parameters.map((p, i) => {
    let before = 0;
    let sum = 0;
    let squares = 0;
    for (let path = 0; path < drawn.count; path++) {
      before += response.part(i, now[path * n + i]!, output);
      const value = response.part(i, then[path * n + i]!, output);
      sum += value;
      squares += value * value;
    }
    const mean = sum / drawn.count;
    return {
      parameter: p.variable,
      sinceNew: before / drawn.count - response.part(i, p.prior.mean, output),
      ahead: mean - before / drawn.count,
      variance: Math.max(0, squares / drawn.count - mean * mean),
    };
  });
  const total = found.reduce((sum, d) => sum + d.variance, 0);
  const size = (d: { sinceNew: number; ahead: number }) => Math.abs(d.sinceNew) + Math.abs(d.ahead);
  const most = Math.max(...found.map(size));
  return found
    .filter((d) => most > 0 && size(d) >= LEAST_SHARE * most)
    .sort((a, b) => size(b) - size(a))
    .map(({ variance, ...d }) => ({ ...d, varianceShare: total > 0 ? variance / total : 0 }));
}
