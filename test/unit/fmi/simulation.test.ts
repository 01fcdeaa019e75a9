import { describe, expect, it } from 'vitest';
import {
  type InputTable,
  type InterfaceType,
  openFmu,
  resultColumn,
  type SimulateRequest,
  type SimulationResult,
} from '../../../shared/fmi/index.js';
import { FmuRunner } from '../../../shared/fmi/running/runner.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const VDP_20 = [2.00814976217, -0.04250887527] as const;

const runners = new Map<string, FmuRunner>();

/** Benign FMUs run in this process; what is hostile goes through the pool. */
async function runnerOf(name: string, version: 2 | 3): Promise<FmuRunner> {
  const key = `${name}${version}`;
  let runner = runners.get(key);
  if (runner === undefined) {
    runner = new FmuRunner(await openFmu(buildFmu(name, version)));
    runners.set(key, runner);
  }
  return runner;
}

async function simulated(
  name: string,
  version: 2 | 3,
  request: SimulateRequest,
): Promise<SimulationResult> {
  return (await runnerOf(name, version)).simulate(request);
}

const everyWay = [2, 3].flatMap((version) =>
  ['cs', 'me'].map((type) => ({ version: version as 2 | 3, type: type as InterfaceType })),
);

const table = (time: number[], columns: Record<string, number[]>): InputTable => ({
  time: Float64Array.from(time),
  columns: Object.entries(columns).map(([name, values]) => ({
    name,
    values: Float64Array.from(values),
    width: 1,
  })),
});

describe.skipIf(!hasCompiler)('simulation', () => {
  describe.each(everyWay)('FMI $version, $type', ({ version, type }) => {
    it('follows the closed form of a first-order lag', async () => {
      const result = await simulated('decay', version, {
        interface: type,
        startValues: { k: { value: 120, unit: '1/min' }, u: { value: 0.5, unit: 'K' }, x: 3 },
        stopTimeS: 2,
        outputIntervalS: 0.05,
      });
      expect(result.time).toHaveLength(41);
      result.time.forEach((t, i) => {
        expect(t).toBeCloseTo(i * 0.05, 12);
        const exact = 0.5 + 2.5 * Math.exp(-2 * t);
        expect(Math.abs((resultColumn(result, 'y')[i] as number) - exact)).toBeLessThan(3e-6);
      });
    });

    it('follows a ramp and a step of its input', async () => {
      // u rises from 0 to 1 in the first second and jumps to 2 at t = 1.5.
      const input = table([0, 1, 1.5, 1.5, 3], { u: [0, 1, 1, 2, 2] });
      const result = await simulated('decay', version, {
        interface: type,
        startValues: { x: 0 },
        input,
        stopTimeS: 3,
        stepSizeS: type === 'cs' ? 1e-3 : 0.01,
        outputIntervalS: 0.5,
      });
      const x1 = Math.exp(-1);
      const x15 = 1 - (1 - x1) * Math.exp(-0.5);
      const x3 = 2 - (2 - x15) * Math.exp(-1.5);
      // Co-simulation holds the input over a step: an error of the order of the step size.
      const tolerance = type === 'cs' ? 1e-3 : 1e-5;
      const at = (t: number) => {
        const i = result.time.findLastIndex((v) => Math.abs(v - t) < 1e-9);
        return resultColumn(result, 'y')[i] as number;
      };
      expect(Math.abs(at(1) - x1)).toBeLessThan(tolerance);
      expect(Math.abs(at(1.5) - x15)).toBeLessThan(tolerance);
      expect(Math.abs(at(3) - x3)).toBeLessThan(tolerance);
    });

    it('finds the bounces of a ball', async () => {
      const result = await simulated('ball', version, {
        interface: type,
        stopTimeS: 2,
        outputs: ['h', 'v'],
      });
      const h = resultColumn(result, 'h');
      const v = resultColumn(result, 'v');
      const g = 9.81;
      const fall = Math.sqrt(2 / g);
      const speed = Math.sqrt(2 * g);
      // Bounces at fall, then after 2·e^k·speed/g each.
      const bounces = [fall];
      for (let k = 1; k < 5; k++)
        bounces.push((bounces[k - 1] as number) + (2 * 0.7 ** k * speed) / g);
      // The FMU's own solver finds events at its step ends (1 ms); the importer's to rounding.
      const tolerance = type === 'cs' ? 0.03 : 1e-6;
      result.time.forEach((t, i) => {
        const k = bounces.findLastIndex((b) => b < t - 1e-9);
        if (k === 4) return;
        const since = k < 0 ? t : t - (bounces[k] as number);
        const v0 = k < 0 ? 0 : 0.7 ** (k + 1) * speed;
        const exact = (k < 0 ? 1 : 0) + v0 * since - 0.5 * g * since * since;
        if (bounces.some((b) => Math.abs(b - t) < 2e-3)) return;
        expect(Math.abs((h[i] as number) - exact), `t=${t}`).toBeLessThan(tolerance);
      });
      expect(Math.min(...h)).toBeGreaterThan(-0.01);
      if (type === 'me') {
        const times = [...result.time].filter((t, i) => t === result.time[i - 1]);
        expect(result.statistics.stateEvents).toBeGreaterThanOrEqual(4);
        times.slice(0, 4).forEach((t, k) => {
          expect(Math.abs(t - (bounces[k] as number))).toBeLessThan(1e-8);
        });
        // Before and after: the speed changes its sign.
        const first = result.time.findIndex((t, i) => t === result.time[i - 1]);
        expect(v[first]).toBeCloseTo(-0.7 * (v[first - 1] as number), 9);
      }
    });

    it('handles time events and ends where the FMU wants to', async () => {
      const result = await simulated('stair', version, { interface: type, outputs: ['counter'] });
      expect(result.terminated).toBe(true);
      expect(result.time.at(-1)).toBeCloseTo(10, 6);
      const counter = resultColumn(result, 'counter');
      for (const [t, expected] of [
        [0.6, 1],
        [1.4, 2],
        [5.4, 6],
        [9.4, 10],
      ] as const) {
        const i = result.time.findIndex((v) => Math.abs(v - t) < 1e-6);
        expect(counter[i >= 0 ? i : result.time.findLastIndex((v) => v < t)]).toBe(expected);
      }
    });

    it('agrees with an independent integration of the van der Pol oscillator', async () => {
      const result = await simulated('vdp', version, { interface: type, stopTimeS: 20 });
      // RK4 in Python with 20,000 and 40,000 steps, extrapolated; mu = 1, x(0) = (2, 0), t = 20.
      expect(resultColumn(result, 'x0').at(-1)).toBeCloseTo(VDP_20[0], 5);
      expect(resultColumn(result, 'x1').at(-1)).toBeCloseTo(VDP_20[1], 5);
    });
  });

  it('integrates with Euler and RK4 at their orders', async () => {
    const error = async (solver: 'euler' | 'rk4', stepSizeS: number) => {
      const result = await simulated('decay', 2, {
        interface: 'me',
        solver,
        stepSizeS,
        stopTimeS: 1,
        outputIntervalS: 0.5,
      });
      return Math.abs((resultColumn(result, 'y').at(-1) as number) - Math.exp(-1));
    };
    const euler = Math.log2((await error('euler', 0.05)) / (await error('euler', 0.025)));
    const rk4 = Math.log2((await error('rk4', 0.1)) / (await error('rk4', 0.05)));
    expect(euler).toBeGreaterThan(0.95);
    expect(euler).toBeLessThan(1.1);
    expect(rk4).toBeGreaterThan(3.8);
    expect(rk4).toBeLessThan(4.2);
  });

  it('integrates stiff models with rodas3, at its order and with few steps', async () => {
    const error = async (tolerance: number) => {
      const result = await simulated('vdp', 3, {
        interface: 'me',
        solver: 'rodas3',
        tolerance,
        stopTimeS: 20,
        outputIntervalS: 1,
      });
      const x0 = resultColumn(result, 'x0').at(-1) as number;
      return { error: Math.abs(x0 - VDP_20[0]), steps: result.statistics.steps };
    };
    const [loose, tight] = [await error(1e-5), await error(1e-8)];
    expect(loose.error).toBeLessThan(1e-3);
    expect(tight.error).toBeLessThan(1e-6);
    // Third order: a thousandth of the tolerance costs ten times the steps.
    expect(tight.steps / loose.steps).toBeLessThan(13);
    const stiff = {
      interface: 'me' as const,
      startValues: { mu: 1000 },
      stopTimeS: 1500,
      tolerance: 1e-6,
    };
    const implicit = await simulated('vdp', 2, { ...stiff, solver: 'rodas3' });
    const explicit = await simulated('vdp', 2, { ...stiff, solver: 'dopri5' });
    const at = (r: SimulationResult) => resultColumn(r, 'x0').at(-1) as number;
    expect(Math.abs(at(implicit) - at(explicit))).toBeLessThan(1e-4);
    expect(explicit.statistics.steps / implicit.statistics.steps).toBeGreaterThan(100);
  });

  it('has rows as exact as its steps', async () => {
    const dense = await simulated('vdp', 2, {
      interface: 'me',
      stopTimeS: 20,
      outputIntervalS: 0.01,
    });
    const reference = await simulated('vdp', 2, {
      interface: 'me',
      solver: 'rk4',
      stepSizeS: 5e-4,
      stopTimeS: 20,
      outputIntervalS: 0.01,
    });
    const a = resultColumn(dense, 'x0');
    const b = resultColumn(reference, 'x0');
    expect(a.length).toBe(b.length);
    a.forEach((value, i) => {
      expect(Math.abs(value - (b[i] as number))).toBeLessThan(2e-6);
    });
  });

  it.each([2, 3] as const)('moves every type in and out, FMI %i', async (version) => {
    if (version === 2) {
      const result = await simulated('types', 2, {
        startValues: {
          real_in: 1.5,
          int_in: -7,
          bool_in: true,
          string_in: 'grüße "x"',
          mode_in: 'fast',
        },
        stopTimeS: 0.5,
      });
      expect(result.columns.map((c) => [c.name, c.values[0]])).toEqual([
        ['real_out', 1.5],
        ['int_out', -7],
        ['bool_out', 1],
        ['string_out', 'grüße "x"'],
        ['mode_out', 3],
      ]);
      return;
    }
    const bytes = new Uint8Array([0, 255, 16]);
    const values = {
      Float64_in: 1e-300,
      Float32_in: 0.1,
      Int32_in: -(2 ** 31),
      Int8_in: -128,
      UInt8_in: 255,
      Int16_in: -32768,
      UInt16_in: 65535,
      UInt32_in: 4294967295,
      Int64_in: -(2n ** 63n),
      UInt64_in: 2n ** 63n,
      Boolean_in: true,
      mode_in: 2,
      String_in: 'größer',
      Binary_in: bytes,
    };
    const result = await simulated('types', 3, { startValues: values, stopTimeS: 0.5 });
    for (const [name, value] of Object.entries(values)) {
      const column = result.columns.find((c) => c.name === name.replace('_in', '_out'));
      const expected = name === 'Float32_in' ? Math.fround(0.1) : value === true ? 1 : value;
      expect(column?.values[0], name).toEqual(expected);
    }
  });

  it.each(['cs', 'me'] as const)('resizes arrays by a structural parameter, %s', async (type) => {
    const initial = await simulated('arrays', 3, {
      interface: type,
      stopTimeS: 1,
      outputIntervalS: 1,
    });
    const y = resultColumn(initial, 'y');
    expect(initial.columns[0]?.width).toBe(2);
    expect(y[2]).toBeCloseTo(Math.exp(-1), 5);
    expect(y[3]).toBeCloseTo(Math.exp(-2), 5);
    if (type === 'me') return;
    const three = await simulated('arrays', 3, {
      interface: type,
      startValues: { n: 3n, A: [-1, 0, 0, 0, -2, 0, 0, 0, -3], x: [1, 2, 3], u: [0, 0, 0] },
      stopTimeS: 1,
      outputIntervalS: 1,
    });
    expect(three.columns[0]?.width).toBe(3);
    const z = resultColumn(three, 'y');
    expect(z[5]).toBeCloseTo(3 * Math.exp(-3), 5);
  });

  it('gives derivatives of the FMU, and finite differences that agree with them', async () => {
    for (const version of [2, 3] as const) {
      const runner = await runnerOf('decay', version);
      const request = {
        interface: 'me' as const,
        startValues: { x: 2, k: 3 },
        inputs: { u: 5 },
        unknowns: ['der(x)', 'y2'],
        knowns: ['x', 'u'],
      };
      const own = runner.jacobian(request);
      const checked = runner.jacobian({ ...request, method: 'finite-differences' });
      expect(own.method).toBe('directional');
      expect(checked.method).toBe('finite-differences');
      // der(x) = k (u - x), y2 = 2 x + u
      [-3, 3, 2, 1].forEach((exact, i) => {
        expect(own.values[i]).toBeCloseTo(exact, 12);
        expect(checked.values[i]).toBeCloseTo(exact, 8);
        expect(checked.errors[i]).toBeLessThan(1e-6);
      });
    }
  });

  it('gives adjoint derivatives where the FMU offers only those', async () => {
    const onlyAdjoint = (xml: string) =>
      xml.replace(
        'providesDirectionalDerivatives="true"',
        'providesDirectionalDerivatives="false"',
      );
    const fmu = await openFmu(buildFmu('decay', 3, onlyAdjoint));
    const own = new FmuRunner(fmu).jacobian({
      interface: 'me',
      startValues: { x: 2, k: 3 },
      inputs: { u: 5 },
      unknowns: ['der(x)', 'y2'],
      knowns: ['x', 'u'],
    });
    expect(own.method).toBe('adjoint');
    [-3, 3, 2, 1].forEach((exact, i) => {
      expect(own.values[i]).toBeCloseTo(exact, 12);
    });
  });

  it.each(everyWay)('continues from a serialized state, FMI $version, $type', async (way) => {
    const runner = await runnerOf('decay', way.version);
    const common = { interface: way.type, outputs: ['y'], stepSizeS: 0.1, relativeTolerance: 1e-9 };
    const half = runner.advance({ ...common, startValues: { x: 4 }, fromS: 0, toS: 0.5 });
    runner.simulate({ interface: way.type, startValues: { x: 100 } });
    const whole = runner.advance({ ...common, state: half.state, fromS: half.timeS, toS: 1 });
    expect(whole.timeS).toBeCloseTo(1, 12);
    expect(whole.values[0]).toBeCloseTo(4 * Math.exp(-1), 7);
    const again = runner.advance({ ...common, state: half.state, fromS: half.timeS, toS: 1 });
    expect(again.values[0]).toBe(whole.values[0]);
  });
});
