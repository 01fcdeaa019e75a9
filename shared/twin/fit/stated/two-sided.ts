/** What a run of the model may come to. */
export type RunEnd = Float64Array | Error | undefined;

/** What a step to one side adds to a run, by runs to both; where the model fails on one, the other tells. */
export async function twoSided(
  runAt: (side: number) => Promise<RunEnd>,
  middle: () => RunEnd | Promise<RunEnd>,
): Promise<Float64Array | Error> {
  const [up, down] = await Promise.all([runAt(1), runAt(-1)]);
  const isRun = (end: RunEnd) => end instanceof Float64Array;
  if (isRun(up) && isRun(down)) return up.map((v, i) => (v - down[i]!) / 2);
  const one = isRun(up) ? up : down;
  const from = isRun(one) ? await middle() : undefined;
  if (!isRun(one) || !isRun(from)) {
    return [up, down].find((end) => end instanceof Error) ?? new Error('The model gave no run.');
  }
  return one.map((v, i) => (one === up ? 1 : -1) * (v - from[i]!));
}
