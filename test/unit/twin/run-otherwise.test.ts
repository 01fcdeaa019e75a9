import { describe, expect, it } from 'vitest';
import { createRng, silentLogger } from '../../../shared/core/index.js';
import { commission, createFitModel, type FitOutput } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import type { Condition } from '../../study/unseen/conditions.js';
import { CONDITIONS, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const ROWS = 120;
/** Each input has another level in each row, as what a controller writes has. */
const EACH_ROW: Condition = { name: 'base', group: 'exact', haste: 1000 };

type How = 'hold' | 'linear';

/** A machine's twin whose inputs run so between samples. */
function twinAs(name: string, how: readonly How[], under = EACH_ROW): Twin {
  const machine = MACHINES.find((m) => m.name === name)!;
  const { definition, ...twin } = twinOf(machine, under, 1, ROWS);
  const inputs = definition.inputs.map((input, i) => ({ ...input, interpolation: how[i]! }));
  return { ...twin, definition: { ...definition, inputs } };
}

async function fitted(twin: Twin, samples: readonly Sample[]): Promise<FitOutput> {
  const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
  try {
    return (await commission(twin, model, samples, { offer: true })).output;
  } finally {
    await model.close();
  }
}

const recordOf = (name: string, under = EACH_ROW) =>
  simulateMachine(MACHINES.find((m) => m.name === name)!, under, 1, ROWS).samples;

/** Whether each parameter of a machine lies in its band. */
const held = (name: string, { parameters }: FitOutput) =>
  MACHINES.find((m) => m.name === name)!.parameters.map(([variable, truth]) => {
    const { lower95, upper95 } = parameters[variable]!;
    return lower95 <= truth && truth <= upper95;
  });

describe.skipIf(!hasCompiler)('how inputs run between their readings', () => {
  it('those that are held and run straight are named, all at once; followed, the fit is right', async () => {
    const samples = recordOf('exchanger');
    const straight = await fitted(twinAs('exchanger', ['linear', 'linear', 'linear']), samples);
    expect(straight.offeredInterpolations).toEqual({ mh: 'hold', mc: 'hold', ThIn: 'hold' });
    expect(straight.verdict.grade).not.toBe('good');
    expect(straight.verdict.reasons.join('\n')).toMatch(
      /held between readings, not straight.* would explain \d+ % .*: set inputs\[\]\.interpolation/,
    );
    const followed = await fitted(twinAs('exchanger', ['hold', 'hold', 'hold']), samples);
    expect(followed.offeredInterpolations).toBeUndefined();
    expect(followed.verdict).toEqual({ grade: 'good', reasons: [] });
    expect(held('exchanger', followed)).toEqual([true, true, true]);
    const std = ({ parameters }: FitOutput) => parameters.UA!.std;
    expect(std(followed)).toBeLessThan(0.5 * std(straight));
  }, 120_000);

  it('one that is held beside one that is right is named alone', async () => {
    const { offeredInterpolations } = await fitted(
      twinAs('motor', ['linear', 'hold']),
      recordOf('motor'),
    );
    expect(offeredInterpolations).toEqual({ V: 'hold' });
  }, 120_000);

  it('one that runs straight and is held is named', async () => {
    const twin = twinAs('motor', ['linear', 'hold']);
    const machine = MACHINES.find((m) => m.name === 'motor')!;
    const samples = recordOf('motor');
    const timesS = Float64Array.from(samples, (s) => s.timeS);
    const inputs = machine.inputs.map((_, i) => Float64Array.from(samples, (s) => s.inputs[i]!));
    const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
    const channels = machine.measured.length;
    try {
      const record = {
        timesS,
        inputs,
        between: [],
        beginnings: [0],
        data: new Float64Array(ROWS * channels),
        channels,
        rows: [],
        skipped: {},
        resolution: new Float64Array(channels),
        rails: [],
      };
      const parameters = Float64Array.from(machine.parameters, ([, truth]) => truth);
      const [run] = await model.run([{ parameters }], record);
      if (run === undefined || run instanceof Error) throw run;
      const rng = createRng(5);
      const ramped = samples.map((s, row) => ({
        ...s,
        measured: s.measured.map(
          (_, c) =>
            run.outputs[row * channels + c]! +
            twin.definition.measured[c]!.noiseStd! * rng.normal(),
        ),
      }));
      const output = await fitted(twinAs('motor', ['hold', 'hold']), ramped);
      expect(output.offeredInterpolations).toEqual({ V: 'linear' });
      expect(output.verdict.reasons.join('\n')).toContain('V straight between readings, not held');
    } finally {
      await model.close();
    }
  }, 120_000);

  it.each(['states disturbed', 'term missing', 'inputs 1 % noisy', 'sensor drifts 10σ'])(
    'is not named for another cause: %s',
    async (name) => {
      const under = { ...CONDITIONS.find((c) => c.name === name)!, haste: 1000 };
      const output = await fitted(
        twinAs('motor', ['hold', 'hold'], under),
        recordOf('motor', under),
      );
      expect(output.offeredInterpolations).toBeUndefined();
    },
    120_000,
  );
});
