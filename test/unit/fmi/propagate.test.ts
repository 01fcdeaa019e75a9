import { describe, expect, it } from 'vitest';
import {
  createFmuPool,
  type InterfaceType,
  inputsBetween,
  openFmu,
  stateAccess,
} from '../../../shared/fmi/index.js';
import { FmuRunner } from '../../../shared/fmi/running/runner.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const everyWay = [2, 3].flatMap((version) =>
  ['cs', 'me'].map((type) => ({ version: version as 2 | 3, type: type as InterfaceType })),
);

async function runnerOf(name: string, version: 2 | 3): Promise<FmuRunner> {
  return new FmuRunner(await openFmu(buildFmu(name, version)));
}

describe.skipIf(!hasCompiler)('runs from given states', () => {
  describe.each(everyWay)('FMI $version, $type', ({ version, type }) => {
    it('follow the closed form of a lag, with inputs held and with inputs on a straight line', async () => {
      const runner = await runnerOf('decay', version);
      const k = 2;
      const run = (from: number, to: number, interpolation: 'linear' | 'hold') =>
        runner.propagate({
          interface: type,
          startValues: { k },
          states: Float64Array.of(3),
          inputs: inputsBetween(5, 5.5, ['u'], [from], [to], interpolation),
          outputs: ['y', 'y2'],
          fromS: 5,
          toS: 5.5,
          stepSizeS: 0.001,
          relativeTolerance: 1e-9,
        });
      const decayed = Math.exp(-k * 0.5);
      const held = run(0.5, 1, 'hold');
      // The co-simulation integrates in fixed steps and holds its input over each of them.
      expect(held.states[0]).toBeCloseTo(0.5 + 2.5 * decayed, 3);
      // The input has jumped at the end: y2 = 2 x + u.
      expect(held.values[1]).toBeCloseTo(2 * held.states[0]! + 1, 10);
      // u = u0 + s t: x = u − s/k + (x0 − u0 + s/k) exp(−k t).
      const line = run(0.5, 1, 'linear');
      expect(line.states[0]).toBeCloseTo(1 - 0.5 + (3 - 0.5 + 0.5) * decayed, 5);
      runner.close();
    });

    it('in two parts are the whole', async () => {
      const runner = await runnerOf('vdp', version);
      const run = (states: Float64Array, fromS: number, toS: number) =>
        runner.propagate({
          interface: type,
          startValues: { mu: 1.5 },
          states,
          outputs: ['x0'],
          fromS,
          toS,
          stepSizeS: 0.01,
          relativeTolerance: 1e-9,
        });
      const start = Float64Array.of(1, -0.5);
      const whole = run(start, 0, 2);
      const half = run(start, 0, 1);
      const rest = run(half.states, 1, 2);
      for (const i of [0, 1]) expect(rest.states[i]).toBeCloseTo(whole.states[i]!, 5);
      const still = run(start, 3, 3);
      expect([...still.states, ...still.values]).toEqual([1, -0.5, 1]);
      runner.close();
    });
  });

  it.each([2, 3] as const)(
    'handle the events of model exchange on the way (FMI %i)',
    async (version) => {
      const runner = await runnerOf('ball', version);
      // Falls from 1 m at rest, bounces after 0.4515 s, is on its way down again at 1 s.
      const whole = runner.simulate({ interface: 'me', stopTimeS: 1, outputIntervalS: 1 });
      const states = stateAccess(
        (await openFmu(buildFmu('ball', version))).modelDescription,
        'me',
      ).states.map((v) => v.name);
      const begin = runner.propagate({
        interface: 'me',
        startValues: {},
        outputs: states,
        fromS: 0,
        toS: 0,
      });
      const run = runner.propagate({
        interface: 'me',
        startValues: {},
        states: begin.states,
        outputs: states,
        fromS: 0,
        toS: 1,
        relativeTolerance: 1e-8,
      });
      const column = whole.columns.find((c) => c.name === states[0]);
      expect(run.states[0]).toBeCloseTo((column!.values as Float64Array).at(-1)!, 4);
      runner.close();
    },
  );

  it('are refused where co-simulation offers no start values for the states, naming them', async () => {
    const hidden = (xml: string) =>
      xml.replace(
        'name="x" valueReference="0" causality="local" variability="continuous" initial="exact"><Real start="1" unit="K"/>',
        'name="x" valueReference="0" causality="local" variability="continuous" initial="calculated"><Real unit="K"/>',
      );
    const fmu = await openFmu(buildFmu('decay', 2, hidden));
    const runner = new FmuRunner(fmu);
    expect(() =>
      runner.propagate({ interface: 'cs', startValues: {}, outputs: [], fromS: 0, toS: 1 }),
    ).toThrow(/the states "x" of Decay are no start values.*interface "me"/);
    expect(stateAccess(fmu.modelDescription, 'me').obstacle).toBeUndefined();
    const nothing = await openFmu(
      buildFmu('decay', 2, (xml) => xml.replace(/<Derivatives>.*<\/Derivatives>/, '')),
    );
    expect(stateAccess(nothing.modelDescription, 'me').obstacle).toMatch(/no continuous states/);
    runner.close();
  });

  it('refuse wrong states, spans and steps', async () => {
    const fixed = (xml: string) => xml.replace('canHandleVariableCommunicationStepSize="true"', '');
    const runner = new FmuRunner(await openFmu(buildFmu('decay', 2, fixed)));
    const base = { interface: 'cs' as const, startValues: {}, outputs: ['y'], fromS: 0, toS: 1 };
    expect(() => runner.propagate({ ...base, states: Float64Array.of(1, 2) })).toThrow(
      /Found 2 states, expected 1: x/,
    );
    expect(() => runner.propagate({ ...base, toS: -1 })).toThrow(/from 0 to -1 s/);
    expect(() => runner.propagate({ ...base, stepSizeS: 0.3 })).toThrow(/no multiple of 0.3 s/);
    expect(() => runner.propagate({ ...base, stepSizeS: 0.25 })).not.toThrow();
    runner.close();
  });

  it('run in the pool, where a process that was killed costs nothing', async () => {
    const pool = await createFmuPool({ fmu: await openFmu(buildFmu('vdp', 2)), lanes: 1 });
    const request = {
      interface: 'me' as const,
      startValues: { mu: 1 },
      states: Float64Array.of(2, 0),
      outputs: ['x1'],
      fromS: 0,
      toS: 0.5,
    };
    const [pid] = pool.pids;
    const before = await pool.propagate(request);
    process.kill(pid!, 'SIGKILL');
    expect(await pool.propagate(request)).toEqual(before);
    await pool.close();
  });
});
