/**
 * Which of some weights a share of their sum falls to.
 *
 * @param u between 0 and 1
 */
export function chosenBy(weights: ArrayLike<number>, u: number): number {
  let total = 0;
  for (let k = 0; k < weights.length; k++) total += weights[k]!;
  let reached = 0;
  for (let k = 0; k < weights.length; k++) {
    reached += weights[k]!;
    if (reached > u * total) return k;
  }
  return weights.length - 1;
}
