// The example of shared/fmi/README.md, compiled and run by the tests; keep the two alike.
import { createFmuPool, openFmu, resultColumn, simulate } from '../../../shared/fmi/index.js';

/** Runs the example on an FMU with parameter k, input u and output y. */
export async function example(path: string): Promise<{ end: number; settled: number[] }> {
  // begin
  const fmu = await openFmu(path);
  console.log(fmu.modelDescription.modelName, fmu.modelDescription.variables.length);

  // Once, over time, by model exchange; values may come with a unit.
  const result = await simulate(fmu, {
    interface: 'me',
    startValues: { k: { value: 120, unit: '1/min' } },
    stopTimeS: 5,
    outputs: ['y'],
    timeoutMs: 10_000,
  });
  const y = resultColumn(result, 'y');

  // Many times, to rest, on all cores: a run that crashes or hangs costs itself only.
  const pool = await createFmuPool({ fmu });
  try {
    const runs = await Promise.all(
      [0.5, 1, 2].map((k) =>
        pool.settle({
          startValues: { k },
          inputs: { u: 3 },
          outputs: ['y'],
          stepSizeS: 0.1,
          maxTimeS: 600,
          relativeTolerance: 1e-6,
        }),
      ),
    );
    return { end: y.at(-1) ?? Number.NaN, settled: runs.map((run) => run.values[0] ?? Number.NaN) };
  } finally {
    await pool.close();
  }
  // end
}
