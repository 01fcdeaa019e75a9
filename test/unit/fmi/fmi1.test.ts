import { describe, expect, it } from 'vitest';
import { validateSchema } from '../../../shared/fmi/description/validate-schema.js';
import {
  createFmuPool,
  openFmu,
  readFmu,
  resultColumn,
  simulate,
  validateFmu,
} from '../../../shared/fmi/index.js';
import { asSlave, buildFmu, hasCompiler } from './fixture-fmus.js';

describe.skipIf(!hasCompiler)('FMI 1.0', () => {
  it('is read in the words of later versions', async () => {
    const { modelDescription: md } = await openFmu(buildFmu('decay', 1, asSlave));
    expect(md).toMatchObject({
      fmiVersion: '1.0',
      fmiMajorVersion: 1,
      numberOfContinuousStates: 1,
    });
    expect(md.modelExchange).toBeUndefined();
    expect(md.coSimulation).toMatchObject({
      modelIdentifier: 'decay',
      canHandleVariableCommunicationStepSize: true,
      canGetAndSetFmuState: false,
    });
    const named = Object.fromEntries(md.variables.map((v) => [v.name, v]));
    expect(named.x).toMatchObject({ causality: 'local', initial: 'exact', start: [1] });
    expect(named.k).toMatchObject({
      causality: 'parameter',
      variability: 'fixed',
      unit: '1/s',
      min: -1000,
    });
    expect(named.minus).toMatchObject({ causality: 'output', negated: true });
    expect(named.on).toMatchObject({
      causality: 'input',
      variability: 'discrete',
      type: 'Boolean',
    });
    expect(md.typeDefinitions[1]?.items.map((i) => i.value)).toEqual([1, 2]);
    expect(md.unitDefinitions[0]?.displayUnits[0]).toMatchObject({ name: 'degC', offset: -273.15 });
  });

  it('is checked against its schema, line by line', async () => {
    for (const edit of [undefined, asSlave]) {
      const { xml } = await readFmu(buildFmu('ball', 1, edit));
      expect(await validateSchema(xml, 1)).toEqual([]);
    }
    const { xml } = await readFmu(
      buildFmu('ball', 1, (text) =>
        text.replace('variability="discrete"', 'variabilty="discrete"'),
      ),
    );
    expect(await validateSchema(xml, 1)).toMatchObject([
      { line: 11, severity: 'error', message: expect.stringMatching(/variabilty.*not allowed/) },
    ]);
  });

  it('is validated as far as it says', async () => {
    const good = await readFmu(buildFmu('ball', 1));
    expect(validateFmu(good.fmu, good.problems)).toEqual([]);
    const bad = await readFmu(buildFmu('ball', 1, (xml) => xml.replace('name="e"', 'name="g"')));
    expect(validateFmu(bad.fmu, bad.problems)).toMatchObject([
      { message: expect.stringContaining('the name "g" is taken already'), severity: 'error' },
    ]);
  });

  it.each(['cs', 'me'] as const)(
    'runs by %s: start values, inputs, a negated alias',
    async (type) => {
      const file = buildFmu('decay', 1, type === 'cs' ? asSlave : undefined);
      const result = await simulate(file, {
        interface: type,
        startValues: { k: 2, x: 3, note: 'set', mode: 'on', stage: 4, on: true },
        input: {
          time: Float64Array.of(0, 5),
          columns: [{ name: 'u', values: Float64Array.of(1, 1), width: 1 }],
        },
        stopTimeS: 1,
        stepSizeS: 0.01,
        outputIntervalS: 0.5,
        outputs: ['y', 'minus', 'stage', 'on', 'note', 'mode'],
      });
      const y = resultColumn(result, 'y');
      expect(y.at(-1)).toBeCloseTo(1 + 2 * Math.exp(-2), 5);
      expect(resultColumn(result, 'minus')).toEqual(y.map((v) => -v));
      expect(resultColumn(result, 'stage').at(-1)).toBe(4);
      expect(resultColumn(result, 'on').at(-1)).toBe(1);
      expect(resultColumn(result, 'mode').at(-1)).toBe(2);
      expect(result.columns.find((c) => c.name === 'note')?.values.at(-1)).toBe('set');
    },
  );

  it('handles state events, and the end that a model asks for', async () => {
    const result = await simulate(buildFmu('ball', 1), {
      interface: 'me',
      startValues: { endAtRest: true },
      stopTimeS: 20,
      tolerance: 1e-8,
    });
    expect(result.terminated).toBe(true);
    const g = 9.81;
    // √(2/g) · (1 + 2 (e + e² + … )) until a bounce is slower than 0.1 m/s.
    const v0 = Math.sqrt(2 * g);
    let [speed, rest] = [v0 * 0.7, v0 / g];
    for (; speed >= 0.1; speed *= 0.7) rest += (2 * speed) / g;
    expect(result.time.at(-1)).toBeCloseTo(rest, 5);
    expect(result.statistics.stateEvents).toBe(resultColumn(result, 'bounces').at(-1));
  });

  it('is used again by new instances, and settles', async () => {
    const fmu = await openFmu(buildFmu('decay', 1, asSlave));
    const pool = await createFmuPool({ fmu, lanes: 1 });
    try {
      const settled = async (u: number) =>
        (
          await pool.settle({
            startValues: { k: 2 },
            inputs: { u },
            outputs: ['y2'],
            stepSizeS: 0.1,
            maxTimeS: 100,
            relativeTolerance: 1e-8,
          })
        ).values[0];
      expect(await settled(3)).toBeCloseTo(9, 6);
      expect(await settled(-1)).toBeCloseTo(-3, 6);
      const told = await pool.simulate({
        input: {
          time: Float64Array.of(0, 2),
          columns: [{ name: 'u', values: Float64Array.of(0, 2), width: 1 }],
        },
        startValues: { x: 0 },
        setInputDerivatives: true,
        stopTimeS: 2,
        stepSizeS: 0.5,
      });
      expect(resultColumn(told, 'y').at(-1)).toBeCloseTo(1 + Math.exp(-2), 6);
    } finally {
      await pool.close();
    }
  });

  it('tells what it says when it does not start', async () => {
    const wrong = buildFmu('decay', 1, (xml) => xml.replace('guid="decay-1"', 'guid="other"'));
    await expect(simulate(wrong)).rejects.toThrow(
      /fmiInstantiateModel returned NULL.*wrong guid: found other, expected decay-1 \(7, 1\.500\)/s,
    );
  });
});
