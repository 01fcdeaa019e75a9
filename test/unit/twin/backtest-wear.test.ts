import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/core/index.js';
import { backtest, backtestLines } from '../../../shared/twin/backtest/index.js';
import { createFitModel } from '../../../shared/twin/fit/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import { CONDITIONS, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const ROWS = 240;

/** A backtest of the motor whose winding wears, or does not, and whose other parameters are constant. */
async function tested(name: string) {
  const machine = MACHINES.find((m) => m.name === 'motor')!;
  const condition = CONDITIONS.find((c) => c.name === name)!;
  const { definition, ...rest } = twinOf(machine, condition, 1, ROWS);
  const parameters = definition.parameters.map((p, j) =>
    j === 0 ? p : { ...p, wearHorizonS: undefined, dynamics: 'constant' as const },
  );
  const twin = { ...rest, definition: { ...definition, parameters } } as Twin;
  const { samples } = simulateMachine(machine, condition, 1, ROWS);
  const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
  try {
    return await backtest(twin, model, samples, { withoutYardstick: true });
  } finally {
    await model.close();
  }
}

describe.skipIf(!hasCompiler)('a backtest of what wears', () => {
  it('follows it as a fit does, and compares the halves by what is constant', async () => {
    const output = await tested('wear 8× faster');
    expect(output.verdict.reasons.join('\n')).not.toContain('the model lacks something');
    expect(output.splitHalf.wearing).toEqual(['Rm']);
    expect(Object.keys(output.splitHalf.parameters)).toEqual(['k', 'b']);
    expect(output.splitHalf.agree).toBe(1);
    expect(backtestLines(output).join('\n')).toContain('Not compared, as they wear: Rm');
    for (const { samples, coverage95 } of output.horizons) {
      expect(coverage95, String(samples)).toBeGreaterThan(0.85);
    }
  }, 240_000);

  it('compares what may wear and does not', async () => {
    const { splitHalf, verdict } = await tested('base');
    expect(splitHalf.wearing).toBeUndefined();
    expect(Object.keys(splitHalf.parameters)).toContain('Rm');
    expect(verdict.reasons.join('\n')).not.toContain('the model lacks something');
  }, 240_000);
});
