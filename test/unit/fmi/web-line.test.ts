import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { findBinary } from '../../../shared/fmi/description/platform.js';
import {
  type InterfaceType,
  openFmu,
  readFmu,
  resultColumn,
  validateFmu,
} from '../../../shared/fmi/index.js';
import { FmuRunner } from '../../../shared/fmi/running/runner.js';

const files = ['web-line.fmu', 'web-line-fmi3.fmu'].map((name) =>
  packageFile(`shared/twins/web-line/${name}`),
);
const first = await openFmu(files[0] as string);
const runnable = findBinary(first.unzipDir, 'WebLine') !== undefined;

const outputs = first.modelDescription.variables
  .filter((v) => v.causality === 'output')
  .map((v) => v.name);
const ways = files.flatMap((file) =>
  (['cs', 'me'] as const).map((type) => ({ file, type: type as InterfaceType })),
);

async function inEveryWay<T>(run: (runner: FmuRunner, type: InterfaceType) => T): Promise<T[]> {
  const results: T[] = [];
  for (const { file, type } of ways) {
    const runner = new FmuRunner(await openFmu(file));
    try {
      results.push(run(runner, type));
    } finally {
      runner.close();
    }
  }
  return results;
}

/** Largest difference, relative to the value or to 1. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    worst = Math.max(worst, Math.abs(x - (b[i] as number)) / Math.max(1, Math.abs(x)));
  }
  return worst;
}

describe('the example twin', () => {
  it.each(files)('%s is valid', async (file) => {
    const { fmu, problems } = await readFmu(file);
    expect(validateFmu(fmu, problems)).toEqual([]);
  });

  it.skipIf(!runnable).each([{}, { b3: 0.1, b9: 0.1 }, { b3: 0.2, b9: 0.2 }])(
    'rests at the same point in both versions, by both interfaces, warm and cold: %j',
    async (startValues) => {
      const runs = await inEveryWay((runner, type) =>
        [false, true].map((warm) =>
          runner.settle({
            startValues,
            inputs: { lineSpeed: 1 },
            outputs,
            interface: type,
            stepSizeS: 0.1,
            maxTimeS: 600,
            relativeTolerance: 1e-6,
            warm,
          }),
        ),
      );
      const [reference, ...others] = runs.flat();
      for (const run of [reference, ...others]) {
        expect(run?.settled).toBe(true);
        expect(distance(reference?.values ?? [], run?.values ?? [])).toBeLessThan(1e-8);
      }
    },
  );

  it.skipIf(!runnable)('moves alike from one state to another', async () => {
    const runs = await inEveryWay((runner, type) =>
      runner.simulate({
        interface: type,
        solver: 'rodas3',
        tolerance: 1e-7,
        startValues: { b9: 0.1, lineSpeed: 1.2 },
        stopTimeS: 5,
        stepSizeS: 0.05,
        outputIntervalS: 0.5,
        outputs: ['Roller9_w', 'S9_Tension_N', 'DancerAngle_deg'],
      }),
    );
    const [reference] = runs;
    for (const run of runs) {
      for (const name of ['Roller9_w', 'S9_Tension_N', 'DancerAngle_deg']) {
        const a = resultColumn(reference as NonNullable<typeof reference>, name);
        expect(distance(a, resultColumn(run, name)), name).toBeLessThan(1e-6);
      }
    }
  });
});
