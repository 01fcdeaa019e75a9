// Directional derivatives in the implicit solver. The test shells take them over a step of one: right where
// a model is linear in its states, wrong elsewhere.
import { describe, expect, it } from 'vitest';
import type { LogFields } from '../../../shared/core/index.js';
import {
  createFmuPool,
  openFmu,
  resultColumn,
  type SimulateRequest,
} from '../../../shared/fmi/index.js';
import { contradiction } from '../../../shared/fmi/solving/offered-jacobian.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const OFFERED = {
  2: 'providesDirectionalDerivative',
  3: 'providesDirectionalDerivatives',
} as const;

const build = (name: string, version: 2 | 3, offers: boolean, flags: string[] = []) =>
  buildFmu(
    name,
    version,
    (xml) => {
      const without = xml.replaceAll(/ providesDirectionalDerivatives?="\w+"/g, '');
      return offers
        ? without.replace('<ModelExchange ', `<ModelExchange ${OFFERED[version]}="true" `)
        : without;
    },
    ['-O1', ...flags],
  );

async function run(path: string, request: SimulateRequest, times = 1) {
  const warnings: string[] = [];
  const calls: Record<string, number> = {};
  const quiet = () => undefined;
  const pool = await createFmuPool({
    fmu: await openFmu(path),
    lanes: 1,
    useProof: false,
    logger: {
      error: quiet,
      info: quiet,
      debug: quiet,
      warn: (_: string, fields: LogFields = {}) => void warnings.push(String(fields.text)),
    },
    onFmiCall: (text) => {
      const name = /fmi[123](\w+)/.exec(text)?.[1] ?? text;
      calls[name] = (calls[name] ?? 0) + 1;
    },
  });
  try {
    let result = await pool.simulate(request);
    for (let k = 1; k < times; k++) result = await pool.simulate(request);
    return { result, calls, warnings: warnings.filter((w) => /passed over/.test(w)) };
  } finally {
    await pool.close();
  }
}

const chain: SimulateRequest = {
  interface: 'me',
  solver: 'rodas3',
  stopTimeS: 20,
  outputIntervalS: 1,
  tolerance: 1e-6,
};
const roberts: SimulateRequest = { ...chain, stopTimeS: 1e4, outputIntervalS: 1e3 };

describe.skipIf(!hasCompiler)('directional derivatives', () => {
  it.each([2, 3] as const)(
    'take the place of differences where they are right, FMI %i',
    async (v) => {
      const [with_, without] = [
        await run(build('chain', v, true), chain),
        await run(build('chain', v, false), chain),
      ];
      expect(with_.warnings).toEqual([]);
      expect(with_.calls.GetDirectionalDerivative).toBeGreaterThan(0);
      expect(without.calls.GetDirectionalDerivative).toBeUndefined();
      const derivatives = (calls: Record<string, number>) =>
        calls.GetDerivatives ?? calls.GetContinuousStateDerivatives ?? 0;
      // Nine differences a step before; now only where the two are compared.
      expect(derivatives(with_.calls)).toBeLessThan(0.6 * derivatives(without.calls));
      for (const { name } of without.result.columns) {
        const [a, b] = [resultColumn(with_.result, name), resultColumn(without.result, name)];
        for (const [row, value] of b.entries()) {
          expect(Math.abs(a[row]! - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
        }
      }
    },
  );

  it.each([
    ['are wrong', 'roberts', roberts, [], /∂der\(\w+\)\/∂\w+ is given as .* where differences say/],
    ['are no numbers', 'chain', chain, ['-DNAN_DERIVATIVES'], /is given as NaN/],
    ['fail', 'chain', chain, ['-DFAILING_DERIVATIVES'], /returns Error/],
  ] as const)(
    'that %s are named once and passed over, and the run is as without',
    async (_, name, request, flags, says) => {
      const wrong = await run(build(name, 2, true, [...flags]), request, 2);
      expect(wrong.warnings).toHaveLength(1);
      expect(wrong.warnings[0]).toMatch(says);
      expect(wrong.calls.GetDirectionalDerivative).toBeLessThan(10);
      const { result } = await run(build(name, 2, false), request);
      expect(wrong.result.columns.map((c) => c.values)).toEqual(
        result.columns.map((c) => c.values),
      );
    },
  );

  it('that are no numbers are refused where a Jacobian is asked for, and differences are not', async () => {
    const fmu = await openFmu(build('chain', 2, true, ['-DNAN_DERIVATIVES']));
    const { variables } = fmu.modelDescription;
    const state = variables.find((x) => x.derivative !== undefined);
    const pool = await createFmuPool({ fmu, lanes: 1 });
    const request = { unknowns: [state?.name ?? ''], knowns: [state?.derivative ?? ''] };
    try {
      await expect(pool.jacobian(request)).rejects.toMatchObject({
        code: 'NUMERIC',
        message: expect.stringMatching(/as NaN.*finite differences/),
      });
      const { values } = await pool.jacobian({ ...request, method: 'finite-differences' });
      expect(values[0]).toBeCloseTo(-0.5, 6);
    } finally {
      await pool.close();
    }
  });
});

describe('a comparison with differences', () => {
  const size = Float64Array.of(1, 100);
  const none = () => 0;
  it('weighs an entry against what matters to its row', () => {
    const differences = Float64Array.of(1000, 1, 0, 2);
    expect(contradiction(Float64Array.of(1000.1, 1.001, 0, 2), differences, size, none)).toBe(
      undefined,
    );
    expect(contradiction(Float64Array.of(1000, 1, 0, -2), differences, size, none)).toEqual({
      row: 1,
      column: 1,
      offered: -2,
      difference: 2,
    });
  });

  it('lets a row of zeros be zero, and nothing else', () => {
    const zeros = new Float64Array(4);
    expect(contradiction(zeros, zeros, size, none)).toBe(undefined);
    expect(contradiction(Float64Array.of(0, 0, 1e-3, 0), zeros, size, none)?.row).toBe(1);
  });
});
