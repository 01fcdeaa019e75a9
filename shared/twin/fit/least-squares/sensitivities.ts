import { TwinError } from '../../../core/index.js';
import type { LeastSquaresProblem } from './objective.js';
import { stepOf } from './steps.js';

/** Difference step of sensitivities: relative of a logarithmic parameter, else share of a deviation. */
const DIFFERENCE = 1e-3;

/**
 * Sensitivities of the free run: samples·channels per coordinate, a column each.
 *
 * @param base the run at u for one-sided differences; left out, differences are central
 * @param look which coordinates to look at; the columns of the others are empty
 * @throws TwinError `NUMERIC` where the model fails on both sides
 */
export async function sensitivities(
  problem: LeastSquaresProblem,
  u: Float64Array,
  base?: Float64Array,
  relative = DIFFERENCE,
  look?: readonly boolean[],
): Promise<{ columns: Float64Array[]; passes: number }> {
  const { coordinates } = problem;
  const looked = [...coordinates.keys()].filter((j) => look?.[j] !== false);
  const moved = (j: number, h: number) => {
    const x = u.slice();
    x[j]! += h;
    return x;
  };
  // Away from a bound that is close.
  const steps = coordinates.map((c, j) => {
    const h = stepOf(c, relative);
    return u[j]! + h > c.upper ? -h : h;
  });
  const central = base === undefined;
  const points = looked.map((j) => moved(j, steps[j]!));
  if (central) {
    points.push(
      ...looked.map((j) => {
        const c = coordinates[j]!;
        // Outputs follow a disturbance almost by straight lines: one side is enough.
        if (c.kind === 'force') return u.slice();
        const back = u[j]! - steps[j]!;
        return back < c.lower || back > c.upper ? u.slice() : moved(j, -steps[j]!);
      }),
    );
  }
  const runs = await problem.simulate(points);
  let passes = points.length;
  const columns: Float64Array[] = coordinates.map(() => new Float64Array());
  for (const [k, j] of looked.entries()) {
    let ahead = runs[k]!;
    let aheadAt = points[k]![j]!;
    let behind: Float64Array | Error | undefined = central ? runs[looked.length + k]! : base;
    let behindAt = central ? points[looked.length + k]![j]! : u[j]!;
    if (ahead instanceof Error || behind instanceof Error) {
      // One side is beyond what the model bears: the other, against the middle.
      const side = ahead instanceof Error ? -1 : 1;
      const [middle, other] = await problem.simulate([u, moved(j, side * Math.abs(steps[j]!))]);
      passes += 2;
      ahead = other!;
      aheadAt = u[j]! + side * Math.abs(steps[j]!);
      behind = middle;
      behindAt = u[j]!;
    }
    if (ahead instanceof Error || !(behind instanceof Float64Array)) {
      throw new TwinError(
        'NUMERIC',
        `The model fails on both sides of a value of ${coordinates[j]!.name}: no sensitivity there.`,
        { cause: ahead instanceof Error ? ahead : undefined },
      );
    }
    const h = aheadAt - behindAt;
    const from = behind;
    columns[j] = ahead.map((v, i) => (v - from[i]!) / h);
  }
  return { columns, passes };
}

/** A secant update of sensitivities from a step that was taken. @see Broyden, Math. Comp. 19 (1965) */
export function secantUpdate(
  columns: readonly Float64Array[],
  step: Float64Array,
  change: (i: number) => number,
): void {
  const length = step.reduce((sum, d) => sum + d * d, 0);
  if (!(length > 0)) return;
  const size = columns[0]?.length ?? 0;
  for (let i = 0; i < size; i++) {
    let miss = change(i);
    for (let j = 0; j < step.length; j++) miss -= columns[j]![i]! * step[j]!;
    miss /= length;
    for (let j = 0; j < step.length; j++) columns[j]![i]! += miss * step[j]!;
  }
}
