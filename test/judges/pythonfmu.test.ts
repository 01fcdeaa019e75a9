import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { messageOf, packageFile } from '../../shared/core/index.js';
import { openFmu, resultColumn, simulate } from '../../shared/fmi/index.js';
import { pythonHas } from './python.js';

const python = [process.env.TWINLOOP_FMPY_PYTHON, 'python3'].find((p) => pythonHas(p, 'pythonfmu'));
const folder = mkdtempSync(join(tmpdir(), 'twinloop-pythonfmu-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.skipIf(python === undefined)(
  'runs what PythonFMU exports: its library needs that of Python and does not name it',
  async ({ skip }) => {
    const slave = packageFile('test/judges/pythonfmu_slave.py');
    const built = spawnSync(python!, ['-m', 'pythonfmu', 'build', '-f', slave, '-d', folder], {
      encoding: 'utf8',
    });
    expect(built.status, built.stderr).toBe(0);
    const fmu = await openFmu(join(folder, 'Lag.fmu'));
    const result = await simulate(fmu, {
      stopTimeS: 4,
      stepSizeS: 0.1,
      outputIntervalS: 1,
      startValues: { T: 4 },
      outputs: ['y'],
    }).catch((error: unknown) => {
      if (messageOf(error).includes("needs Python's shared library")) {
        skip('the shared library of Python is not on this machine');
      }
      throw error;
    });
    const y = resultColumn(result, 'y');
    for (const k of [0, 1, 2, 3, 4]) {
      expect(y[k]).toBeCloseTo(1 - (1 - 0.1 / 4) ** (10 * k), 12);
    }
  },
);
