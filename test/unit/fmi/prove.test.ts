import { describe, expect, it } from 'vitest';
import { openFmu, proveFmu } from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

describe.skipIf(!hasCompiler)('fmu check', () => {
  it('finds nothing on a sound FMU', async () => {
    const proofs = await proveFmu(await openFmu(buildFmu('chain', 2)));
    expect(proofs.map((p) => [p.name, p.outcome])).toEqual([
      ['runs', 'good'],
      ['a run repeats itself', 'good'],
      ['what is set is kept', 'good'],
      ['step and tolerance are fine enough', 'good'],
    ]);
  });

  it('finds bounds that a model does not bear', async () => {
    // At k = -1000 the state leaves the numbers.
    const proofs = await proveFmu(await openFmu(buildFmu('decay', 2)), { interface: 'me' });
    expect(proofs.filter((p) => p.outcome === 'care').map((p) => p.name)).toContain(
      'bears k = -1000',
    );
  });

  it('finds parameters that are not kept', async () => {
    const stubborn = (xml: string) =>
      xml.replace(
        '</ModelVariables>',
        '<ScalarVariable name="fixed" valueReference="4" causality="parameter" variability="tunable" initial="exact"><Real start="2"/></ScalarVariable></ModelVariables>',
      );
    const proofs = await proveFmu(await openFmu(buildFmu('decay', 2, stubborn)));
    const kept = proofs.find((p) => p.name === 'what is set is kept');
    expect(kept).toMatchObject({ outcome: 'fails', detail: expect.stringMatching(/fixed/) });
  });
});
