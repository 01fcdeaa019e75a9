// FMPy, another importer, on the same FMUs with the same options. TWINLOOP_FMPY_PYTHON names a Python
// that has it; without one the comparison is skipped.
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { openFmu } from '../../shared/fmi/index.js';
import { judge } from '../corpus/compare.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';

const python = process.env.TWINLOOP_FMPY_PYTHON;
const reason = python === undefined ? ' (skipped: no FMPy, set TWINLOOP_FMPY_PYTHON)' : '';

describe.skipIf(python === undefined || !hasCompiler)(`FMPy agrees${reason}`, () => {
  const cases: [string, 2 | 3][] = (['decay', 'vdp', 'ball', 'chain'] as const).flatMap((name) => [
    [name, 2],
    [name, 3],
  ]);
  it.each(cases)('on %s, FMI %i', async (name, version) => {
    const fmu = await openFmu(buildFmu(name, version));
    for (const type of ['cs', 'me'] as const) {
      const verdict = await judge(fmu, type, python, 60_000);
      expect(verdict, `${type}: ${verdict.detail}`).toMatchObject({ kind: 'agrees' });
    }
  });

  it('on the example twin, both interfaces', async () => {
    const fmu = await openFmu(packageFile('shared/twins/web-line/web-line.fmu'));
    for (const type of ['cs', 'me'] as const) {
      const verdict = await judge(fmu, type, python, 60_000);
      expect(verdict, `${type}: ${verdict.detail}`).toMatchObject({ kind: 'agrees' });
    }
  });
});
