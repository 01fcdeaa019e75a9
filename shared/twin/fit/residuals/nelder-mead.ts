/**
 * The simplex search of Nelder and Mead, for a few unknowns whose gradient is not worth its lines.
 *
 * @param step size of the first simplex
 * @see Nelder & Mead, The Computer Journal 7 (1965)
 */
export function nelderMead(
  objective: (x: Float64Array) => number,
  start: Float64Array,
  step: number,
  maxEvaluations = 400,
): { x: Float64Array; value: number } {
  const n = start.length;
  const value = (x: Float64Array) => {
    const f = objective(x);
    return Number.isNaN(f) ? Number.POSITIVE_INFINITY : f;
  };
  const simplex = Array.from({ length: n + 1 }, (_, i) => {
    const x = start.slice();
    if (i > 0) x[i - 1]! += step;
    return { x, f: value(x) };
  });
  let evaluations = n + 1;
  const at = (centre: Float64Array, worst: Float64Array, share: number) => {
    const x = centre.map((c, j) => c + share * (worst[j]! - c));
    evaluations++;
    return { x, f: value(x) };
  };
  while (evaluations < maxEvaluations) {
    simplex.sort((a, b) => a.f - b.f);
    const best = simplex[0]!;
    const worst = simplex[n]!;
    const spread = Math.max(
      ...simplex.map(({ x }) => Math.hypot(...x.map((v, j) => v - best.x[j]!))),
    );
    if (worst.f - best.f < 1e-7 && spread < 1e-3) break;
    const centre = new Float64Array(n);
    for (const { x } of simplex.slice(0, n)) for (let j = 0; j < n; j++) centre[j]! += x[j]! / n;
    const reflected = at(centre, worst.x, -1);
    if (reflected.f < best.f) {
      const expanded = at(centre, worst.x, -2);
      simplex[n] = expanded.f < reflected.f ? expanded : reflected;
    } else if (reflected.f < simplex[n - 1]!.f) simplex[n] = reflected;
    else {
      const contracted = at(centre, worst.x, reflected.f < worst.f ? -0.5 : 0.5);
      if (contracted.f < Math.min(worst.f, reflected.f)) simplex[n] = contracted;
      else {
        for (let i = 1; i <= n; i++) simplex[i] = at(best.x, simplex[i]!.x, 0.5);
      }
    }
  }
  simplex.sort((a, b) => a.f - b.f);
  return { x: simplex[0]!.x, value: simplex[0]!.f };
}
