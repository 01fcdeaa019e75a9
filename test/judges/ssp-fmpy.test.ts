// FMPy, another importer, on the same system of FMUs. TWINLOOP_FMPY_PYTHON names a Python that has it;
// without one the comparison is skipped.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { openFmu, resultColumn, simulate } from '../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { buildSsp, connection, decay, ssd, ssv } from '../unit/fmi/system-fixtures.js';

const python = process.env.TWINLOOP_FMPY_PYTHON;
const reason = python === undefined ? ' (skipped: no FMPy, set TWINLOOP_FMPY_PYTHON)' : '';

/** Three lags in a row, the last in a nested system, and back to the first. */
const line = ssd(
  `<ssd:Connectors><ssd:Connector name="feed" kind="input"><ssc:Real/></ssd:Connector></ssd:Connectors>
<ssd:ParameterBindings><ssd:ParameterBinding source="resources/line.ssv"/></ssd:ParameterBindings>
<ssd:Elements>${decay('a')}${decay('b')}<ssd:System name="oven"><ssd:Connectors><ssd:Connector name="in" kind="input"><ssc:Real/></ssd:Connector><ssd:Connector name="out" kind="output"><ssc:Real/></ssd:Connector></ssd:Connectors><ssd:Elements>${decay('c')}</ssd:Elements><ssd:Connections>${connection('in', 'c.u')}${connection('c.y', 'out')}</ssd:Connections></ssd:System>${decay('d')}</ssd:Elements>
<ssd:Connections>${connection('feed', 'a.u')}${connection('a.y', 'b.u')}${connection('b.y', 'oven.in')}${connection('oven.out', 'd.u')}</ssd:Connections>`,
);
const parameters = ssv(
  Object.entries({ a: 1, b: 2, 'oven.c': 0.7, d: 3 })
    .flatMap(([name, k]) => [
      // All begin at rest at 0, as FMPy takes connectors to begin there.
      `<ssv:Parameter name="${name}.x"><ssv:Real value="0"/></ssv:Parameter>`,
      `<ssv:Parameter name="${name}.k"><ssv:Real value="${k}"/></ssv:Parameter>`,
    ])
    .join(''),
);

describe.skipIf(python === undefined || !hasCompiler)(
  `FMPy agrees on a system of FMUs${reason}`,
  () => {
    it('by the Jacobi master, with nested systems, parameters from a file and a moving input', async () => {
      const path = buildSsp(line, { 'decay.fmu': buildFmu('decay', 2), 'line.ssv': parameters });
      const file = join(dirname(path), 'line.ssv');
      writeFileSync(file, parameters);
      const stepSize = 0.05;
      const time = [0, 1, 2, 6];
      const feed = [0, 4, -2, 1];
      const theirs = spawnSync(python as string, [packageFile('test/judges/ssp_run.py')], {
        input: JSON.stringify({
          path,
          parameters: file,
          stopTime: 5,
          stepSize,
          time,
          inputs: { feed },
        }),
        encoding: 'utf8',
      });
      expect(theirs.status, theirs.stderr).toBe(0);
      const columns = JSON.parse(theirs.stdout) as Record<string, number[]>;
      // Not y2, which follows its input at once: FMPy reads it before it sets the inputs of the next step.
      const names = ['a.y', 'b.y', 'oven.c.y', 'd.y'];
      const ours = await simulate(await openFmu(path, { master: 'jacobi' }), {
        stopTimeS: 5,
        stepSizeS: stepSize,
        outputIntervalS: stepSize,
        outputs: names,
        input: {
          time: Float64Array.from(time),
          columns: [{ name: 'feed', values: Float64Array.from(feed), width: 1 }],
        },
      });
      expect(ours.time.length).toBeGreaterThan(95);
      for (const name of names) {
        const [x, y] = [resultColumn(ours, name), columns[name] as number[]];
        // FMPy's row of a time holds what the step from there has led to.
        const off = y.slice(0, 99).map((value, k) => Math.abs(value - x[k + 1]!));
        expect(Math.max(...x), name).toBeGreaterThan(0.2);
        expect(Math.max(...off), name).toBeLessThan(1e-9);
      }
    });
  },
);
