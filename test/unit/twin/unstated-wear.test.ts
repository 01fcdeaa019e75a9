import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/core/index.js';
import { commission, createFitModel, withWearing } from '../../../shared/twin/fit/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import { CONDITIONS, type Condition, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const ROWS = 120;

/** A machine of the study whose definition takes every parameter for constant, as `new` writes it. */
function ofConstants(name: string, under: string | Condition, seed = 1) {
  const machine = MACHINES.find((m) => m.name === name)!;
  const condition = typeof under === 'string' ? CONDITIONS.find((c) => c.name === under)! : under;
  const { definition, ...twin } = twinOf(machine, condition, seed, ROWS);
  const parameters = definition.parameters.map((p, j) => {
    const truth = machine.parameters[j]![1];
    return {
      ...p,
      lower: 0,
      upper: undefined,
      prior: { mean: truth, std: 1.31 * truth },
      wearHorizonS: undefined,
      dynamics: 'constant',
    };
  });
  return {
    twin: { ...twin, definition: { ...definition, parameters } } as Twin,
    ...simulateMachine(machine, condition, seed, ROWS),
  };
}

async function fitted({ twin, samples }: ReturnType<typeof ofConstants>, of = twin) {
  const model = await createFitModel(of, { lanes: 1, logger: silentLogger });
  try {
    return (await commission(of, model, samples, { offer: true })).output;
  } finally {
    await model.close();
  }
}

describe.skipIf(!hasCompiler)('wear of what is declared constant', () => {
  it.each([
    ['motor', 'wear 4× faster', 'Rm', 0.8, 1.12],
    ['exchanger', 'wear accelerating', 'UA', 900, 1440],
  ] as const)(
    '%s, %s: is offered with its course, its horizon and what to do; followed, it is found',
    async (name, under, variable, from, to) => {
      const machine = ofConstants(name, under);
      const constants = await fitted(machine);
      expect(constants.offeredWear).toHaveLength(1);
      const [offer] = constants.offeredWear!;
      expect(offer).toMatchObject({ variable, certain: true });
      expect(offer!.from / from).toBeCloseTo(1, 1);
      expect(offer!.to / to).toBeCloseTo(1, 1);
      expect(constants.verdict.grade).not.toBe('good');
      const said = `replace its dynamics: constant by wearHorizonS: ${offer!.wearHorizonS}`;
      expect(constants.verdict.reasons.join()).toContain(said);
      expect(constants.quantities[variable]!.reasons.join()).toContain(said);

      const wearing = withWearing(machine.twin, { [variable]: offer!.wearHorizonS });
      const followed = await fitted(machine, wearing);
      expect(followed.offeredWear).toBeUndefined();
      const { mean, lower95, upper95 } = followed.parameters[variable]!;
      expect(Math.abs(mean / to - 1)).toBeLessThan(0.04);
      expect(upper95 / lower95).toBeLessThan(1.1);
    },
    240_000,
  );

  it('is named where it is too little for any other test', async () => {
    const slow = { name: 'wear by 3 %', group: 'wear', wear: (s: number) => 0.03 * s } as const;
    const { verdict, parameters } = await fitted(ofConstants('battery', slow));
    expect(parameters.R0!.lower95).toBeGreaterThan(0.01);
    expect(verdict).toMatchObject({
      grade: 'care',
      reasons: [expect.stringMatching(/^residuals are as if R0 had changed along the record \(/)],
    });
  }, 240_000);

  it('is offered where it leaves residuals that are nearly noise, but follow each other', async () => {
    // What is lasting is less than half of them, from one sample to the next.
    const slow = { name: 'wear by a tenth', group: 'wear', wear: (s: number) => 0.1 * s } as const;
    const { offeredWear, verdict } = await fitted(ofConstants('exchanger', slow));
    expect(offeredWear).toHaveLength(1);
    expect(offeredWear![0]!.variable).toBe('UA');
    expect(offeredWear![0]!.from / 900).toBeCloseTo(1, 1);
    expect(offeredWear![0]!.to / 990).toBeCloseTo(1, 1);
    expect(verdict.grade).not.toBe('good');
  }, 240_000);

  it.each([
    ['motor', 'base'],
    // Dry friction: what the model lacks goes to and fro with the load.
    ['motor', 'term missing'],
    ['pump', 'sensor drifts 10σ'],
    ['gearbox', 'states disturbed'],
  ] as const)(
    '%s, %s: is not offered where nothing wears',
    async (name, under) => {
      const { offeredWear, verdict } = await fitted(ofConstants(name, under));
      expect(offeredWear).toBeUndefined();
      expect(verdict.reasons.join()).not.toContain('had worn');
    },
    240_000,
  );
});
