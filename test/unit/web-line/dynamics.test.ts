import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { type FmuPool, resultColumn } from '../../../shared/fmi/index.js';
import { lineFmu, openLine, PISTON_PRESSURE_PA } from './line-pool.js';

interface GoldenRun {
  startValues: Record<string, number>;
  times: number[];
  outputs: string[];
  values: number[][];
}

const golden = JSON.parse(
  readFileSync(packageFile('test/golden/web-line/run-up.json'), 'utf8'),
) as GoldenRun;

describe('the web line in motion', () => {
  const pools: FmuPool[] = [];
  let line: FmuPool;
  beforeAll(async () => {
    line = await openLine(lineFmu(2));
    pools.push(line, await openLine(lineFmu(3)));
  });
  afterAll(() => Promise.all(pools.map((pool) => pool.close())));

  it.each([
    ['cs', 0],
    ['me', 0],
    ['cs', 1],
    ['me', 1],
  ] as const)(
    'runs up as an independent integrator says (%s, archive %i)',
    async (kind, archive) => {
      const result = await pools[archive]!.simulate({
        interface: kind,
        startValues: golden.startValues,
        stopTimeS: 20,
        outputIntervalS: 0.5,
        outputs: golden.outputs,
      });
      golden.outputs.forEach((name, column) => {
        const values = resultColumn(result, name);
        const largest = Math.max(...golden.values.map((row) => Math.abs(row[column]!)));
        golden.times.forEach((time, at) => {
          const row = result.time.findIndex((t) => Math.abs(t - time) < 1e-6);
          const error = Math.abs(values[row]! - golden.values[at]![column]!);
          expect(error / largest, `${name} at ${time} s`).toBeLessThan(1e-3);
        });
      });
    },
  );

  it('goes on from a serialized state exactly as if it had never stopped', async () => {
    const request = {
      startValues: { b3: 0.1, b9: 0.19 },
      inputs: { lineSpeed: 1, unwindTension: 100, pistonPressure: PISTON_PRESSURE_PA },
      outputs: ['Roller3_w', 'Roller9_w', 'S4_Tension_N', 'S9_Tension_N', 'DancerAngle_deg'],
      stepSizeS: 0.5,
    };
    const whole = await line.advance({ ...request, fromS: 0, toS: 4 });
    const half = await line.advance({ ...request, fromS: 0, toS: 2 });
    const rest = await line.advance({ ...request, state: half.state, fromS: 2, toS: 4 });
    expect([...rest.values]).toEqual([...whole.values]);
    expect(Buffer.from(rest.state).equals(Buffer.from(whole.state))).toBe(true);
  });

  it('offers directional derivatives that agree with differences', async () => {
    const request = {
      startValues: { b9: 0.1, Roller9_w: 18, S9_Tension_N: 120, S10_Tension_N: 140 },
      unknowns: ['der(Roller9_w)', 'der(S9_Tension_N)', 'der(S10_Tension_N)'],
      knowns: ['Roller9_w', 'S9_Tension_N', 'S10_Tension_N'],
      interface: 'me' as const,
    };
    const own = await line.jacobian(request);
    const differences = await line.jacobian({ ...request, method: 'finite-differences' });
    expect(own.method).toBe('directional');
    own.values.forEach((value, at) => {
      const other = differences.values[at]!;
      expect(Math.abs(value - other)).toBeLessThan(1e-5 * Math.max(1, Math.abs(other)));
    });
  });
});
