// FMPy, another importer, on the same FMUs with the same options. TWINLOOP_FMPY_PYTHON names a Python
// that has it; without one the comparison is skipped.
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { openFmu } from '../../shared/fmi/index.js';
import { deviation, experimentOf, judge, runFmpy, runOurs } from '../corpus/compare.js';
import { asSlave, buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';

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

  it.each([
    ['decay', 'me'],
    ['decay', 'cs'],
    ['ball', 'me'],
    ['ball', 'cs'],
  ] as const)('on %s, FMI 1 by %s', async (name, type) => {
    // FMPy 0.3.32 gives a negated alias the sign of what it is an alias of.
    const plain = (xml: string) => xml.replace(/ *<ScalarVariable name="minus".*\n/, '');
    const fmu = await openFmu(
      buildFmu(name, 1, (xml) => (type === 'cs' ? asSlave(plain(xml)) : plain(xml))),
    );
    const verdict = await judge(fmu, type, python, 60_000);
    expect(verdict, verdict.detail).toMatchObject({ kind: 'agrees' });
  });

  it.each([false, true])('on inputs that run and jump, derivatives told: %s', async (told) => {
    // FMPy 0.3.32 keeps derivatives of nine inputs, no more and no fewer.
    const others = Array.from({ length: 8 }, (_, i) => ({ name: `u${i + 2}`, reference: 10 + i }));
    const file = buildFmu('decay', 2, (xml) =>
      xml
        .replace('<CoSimulation ', '<CoSimulation canInterpolateInputs="true" ')
        .replace(
          '  </ModelVariables>',
          `${others
            .map(
              ({ name, reference }) =>
                `<ScalarVariable name="${name}" valueReference="${reference}" causality="input" variability="continuous"><Real start="0"/></ScalarVariable>`,
            )
            .join('')}</ModelVariables>`,
        ),
    );
    const fmu = await openFmu(file);
    const experiment = {
      ...experimentOf(fmu, 'cs'),
      // Without kinks, and from before the start: there FMPy takes the slope before for the one after.
      input: {
        time: [-1, 1, 1, 3, 3, 6],
        u: [0, 2, -1, 3, 1, 0],
        ...Object.fromEntries(others.map(({ name }) => [name, [0, 0, 0, 0, 0, 0]])),
      },
      setInputDerivatives: told,
    };
    const [ours, theirs] = [
      await runOurs(fmu, experiment, 60_000),
      await runFmpy(python as string, file, experiment, 60_000),
    ];
    expect(ours.time?.length).toBeGreaterThan(50);
    expect(deviation(ours, theirs, experiment).share).toBeLessThan(1e-9);
  });

  it('on the example twin, both interfaces', async () => {
    const fmu = await openFmu(packageFile('shared/twins/web-line/web-line.fmu'));
    for (const type of ['cs', 'me'] as const) {
      const verdict = await judge(fmu, type, python, 60_000);
      expect(verdict, `${type}: ${verdict.detail}`).toMatchObject({ kind: 'agrees' });
    }
  });
});
