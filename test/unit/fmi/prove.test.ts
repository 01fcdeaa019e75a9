import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogFields } from '../../../shared/core/index.js';
import {
  createFmuPool,
  openFmu,
  proveFmu,
  readProof,
  resultColumn,
  simulate,
} from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

describe.skipIf(!hasCompiler)('fmu check', () => {
  it('finds nothing on a sound FMU', async () => {
    const { proofs } = await proveFmu(await openFmu(buildFmu('chain', 2)));
    expect(proofs.map((p) => [p.name, p.outcome])).toEqual([
      ['runs', 'good'],
      ['a run repeats itself', 'good'],
      ['what is set is kept', 'good'],
      ['step and tolerance are fine enough', 'good'],
      ['reset brings it back', 'good'],
    ]);
  });

  it('tells of continuous states that the description does not name', async () => {
    const unnamed = (xml: string) =>
      xml.replace(/<ContinuousStateDerivative [^>]*>/g, '').replace(/ derivative="\d+"/g, '');
    const unusable = (xml: string) => xml.replace(/ derivative="\d+"/g, '');
    for (const edit of [unnamed, unusable]) {
      const fmu = await openFmu(buildFmu('decay', 3, edit));
      const found = async (type: 'cs' | 'me') =>
        (await proveFmu(fmu, { interface: type })).proofs.find(
          (p) => p.name === 'names its states',
        );
      expect(await found('me')).toMatchObject({ outcome: 'care' });
      expect((await found('me'))?.detail).toMatch(/1 continuous states, its description names 0/);
      // Co-simulation steps them by itself.
      expect(await found('cs')).toBeUndefined();
    }
  });

  it('keeps by the hash what it found, and later runs do accordingly, and say so', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'twinloop-proofs-'));
    try {
      const made = (flag: string) =>
        openFmu(
          buildFmu('decay', 2, (xml) => xml, ['-O1', flag]),
          { cacheDir },
        );
      const forgetful = await proveFmu(await made('-DINITIALIZATION_RESETS'), { interface: 'cs' });
      expect(forgetful.fallbacks).toEqual({ setAgain: expect.arrayContaining(['k']) });
      const fmu = await made('-DRESET_NOOP');
      const { path, ...proof } = await proveFmu(fmu, { interface: 'cs' });
      expect(proof.fallbacks).toEqual({ freshInstance: true });
      expect(path).toContain(fmu.sha256);
      expect(readProof(fmu, 'cs')).toEqual(proof);

      const said: LogFields[] = [];
      const informed: LogFields[] = [];
      const calls: string[] = [];
      const note = (message: string, fields: LogFields = {}) =>
        void said.push({ message, ...fields });
      const told = (message: string, fields: LogFields = {}) =>
        void informed.push({ message, ...fields });
      const pool = await createFmuPool({
        fmu,
        lanes: 1,
        // Nothing is wrong with its results, so nothing warns of it.
        logger: { error: note, warn: note, info: told, debug() {} },
        onFmiCall: (text) => void calls.push(text),
      });
      try {
        for (const k of [1, 2]) {
          await pool.simulate({ interface: 'cs', startValues: { k }, stopTimeS: 1 });
        }
      } finally {
        await pool.close();
      }
      const [applied] = informed.filter((s) => /nothing needs doing/.test(String(s.message)));
      expect(said).toEqual([]);
      expect(JSON.stringify(applied)).toMatch(/a new instance for each run/);
      expect(calls.filter((c) => c.startsWith('fmi2Reset'))).toEqual([]);
      expect(calls.filter((c) => c.startsWith('fmi2Instantiate'))).toHaveLength(2);
    } finally {
      rmSync(cacheDir, { recursive: true });
    }
  });

  it('finds a tolerance that is too coarse, and runs take a finer one unless told otherwise', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'twinloop-proofs-'));
    try {
      const fmu = await openFmu(
        buildFmu('decay', 2, (xml) => xml.replace('tolerance="1e-6"', 'tolerance="1e-3"'), [
          '-O1',
          '-DTOLERANCE_MATTERS',
        ]),
        { cacheDir },
      );
      const { fallbacks, integrationError } = await proveFmu(fmu, { interface: 'cs' });
      const { tolerance = 1 } = fallbacks;
      expect(tolerance).toBe(1e-5);
      expect(integrationError.y).toBeGreaterThan(1e-3);
      const end = async (given: { tolerance?: number }) =>
        resultColumn(
          await simulate(fmu, { ...given, interface: 'cs', stopTimeS: 1, outputs: ['y'] }),
          'y',
        ).at(-1);
      expect(await end({})).toBe(await end({ tolerance }));
      expect(await end({})).not.toBe(await end({ tolerance: 1e-3 }));
    } finally {
      rmSync(cacheDir, { recursive: true });
    }
  });

  it('finds bounds that a model does not bear', async () => {
    // At k = -1000 the state leaves the numbers.
    const { proofs } = await proveFmu(await openFmu(buildFmu('decay', 2)), { interface: 'me' });
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
    const { proofs } = await proveFmu(await openFmu(buildFmu('decay', 2, stubborn)));
    const kept = proofs.find((p) => p.name === 'what is set is kept');
    expect(kept).toMatchObject({ outcome: 'fails', detail: expect.stringMatching(/fixed/) });
  });
});
