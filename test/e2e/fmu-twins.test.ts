// Twins of FMUs that failed once, each with the outcome that is right: built by a generator beside the
// repository (Python and gcc), run by the commands. Where those are missing, reported as skipped.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';

const generators = packageFile('../shared/cases/fmi-twins');
const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const canBuild = existsSync(generators) && has('gcc') && has('python3');
const reason = canBuild ? '' : ' (skipped: no generators, gcc or python3)';

interface Band {
  mean: number;
  lower95: number;
  upper95: number;
}
interface Outcome {
  steps: { parameters: Record<string, Band> }[];
  parameters: Record<string, Band>;
  summary: { verdict: { grade: string; reasons: string[] } };
}

describe.skipIf(!canBuild)(`twins${reason}`, { timeout: 180_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'twinloop-case-twins-'));
  beforeAll(() => {
    cpSync(generators, dir, { recursive: true });
    const built = spawnSync('python3', ['make.py'], { cwd: dir, encoding: 'utf8' });
    expect(built.status, built.stderr).toBe(0);
  }, 60_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const twinloop = (...args: string[]) =>
    new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, [packageFile('dist/cli.js'), ...args], { cwd: dir });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  const result = async (
    command: 'calibrate' | 'fit',
    twin: string,
    data: string,
    ...more: string[]
  ) => {
    const run = await twinloop(command, `${twin}.json`, '--data', `${data}.csv`, '--json', ...more);
    return { ...run, outcome: JSON.parse(run.stdout) as Outcome };
  };
  const contains = (band: Band | undefined, truth: number) => {
    expect(band?.lower95).toBeLessThan(truth);
    expect(band?.upper95).toBeGreaterThan(truth);
  };

  it.each(['rotor-cs', 'setup_resets-cs', 'reset_noop-cs'])('%s: J and d', async (twin) => {
    const { status, outcome } = await result('calibrate', twin, 'rotor');
    expect(status).toBe(0);
    contains(outcome.steps.at(-1)?.parameters.J, 1.25);
    contains(outcome.steps.at(-1)?.parameters.d, 0.6);
  });

  it.each(['rotor-rest', 'setup_resets-rest', 'reset_keeps_time-rest', 'reset_noop-rest'])(
    '%s: d, no sample skipped',
    async (twin) => {
      const { status, outcome } = await result('calibrate', twin, 'rest');
      expect(status).toBe(0);
      expect(outcome.steps).toHaveLength(30);
      contains(outcome.steps.at(-1)?.parameters.d, 0.6);
    },
  );

  it('undeclared-cs: fitted from the start, and `calibrate` says so', async () => {
    const refused = await twinloop('calibrate', 'undeclared-cs.json', '--data', 'rotor.csv');
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/twinloop fit/);
    const { status, outcome } = await result('fit', 'undeclared-cs', 'rotor');
    expect(status).toBe(0);
    contains(outcome.parameters.J, 1.25);
    contains(outcome.parameters.d, 0.6);
  });

  it('plateau: a minute of one value at the start changes nothing', async () => {
    const { status, outcome } = await result('calibrate', 'plateau', 'plateau');
    expect(status).toBe(0);
    contains(outcome.steps.at(-1)?.parameters.C, 0.25);
  });

  it('tube-auto is tube-always: no point beyond a bound is run', async () => {
    const [auto, always] = [
      await result('calibrate', 'tube-auto', 'tube', '--to', '30'),
      await result('calibrate', 'tube-always', 'tube', '--to', '30'),
    ];
    const last = auto.outcome.steps.at(-1)?.parameters;
    expect(last).toEqual(always.outcome.steps.at(-1)?.parameters);
    contains(last?.M, 3.7);
    contains(last?.kw, 2.83);
    contains(last?.Cw, 1);
  });

  it.each(['thermostat-me', 'thermostat-cs'])(
    '%s: lost modes are never passed over in silence',
    async (twin) => {
      // This FMU offers no state access, so nothing can carry its mode from sample to sample.
      const { status, outcome } = await result('calibrate', twin, 'thermostat');
      expect(status).toBe(1);
      expect(outcome.summary.verdict.grade).toBe('unusable');
      expect(outcome.summary.verdict.reasons.join()).toMatch(/modes.*were lost/);
    },
  );

  it('rotor-rest: sensors are ranked without the angle that never rests', async () => {
    const { status, stdout, stderr } = await twinloop(
      'sensors',
      'rotor-rest.json',
      '--input',
      'u=0.5',
    );
    expect(status, stderr).toBe(0);
    expect(stdout + stderr).toMatch(/phim never rests/);
  });

  it('rotor-cs: J is identifiable in the mode that is used', async () => {
    const { stdout } = await twinloop('twin', 'check', 'rotor-cs.json', '--input', 'u=0.5');
    expect(stdout).toMatch(/J .*from the course: identifiable/);
  });

  it('setup_resets: a start value makes a difference', async () => {
    const rows = await Promise.all(
      [1, 2].map(async (J) => {
        const { stdout } = await twinloop(
          ...['fmu', 'simulate', 'setup_resets.fmu', '--start-values', `J=${J}`, 'u=1'],
          ...['--stop-time', '1', '--step-size', '0.1', '--output-variables', 'wm', 'J'],
        );
        return stdout.trim().split('\n').at(-1)?.split(',').map(Number);
      }),
    );
    expect(rows.map((row) => row?.[2])).toEqual([1, 2]);
    expect(rows[0]?.[1]).toBeCloseTo(2 * (1 - Math.exp(-0.5)), 6);
    expect(rows[1]?.[1]).toBeCloseTo(2 * (1 - Math.exp(-0.25)), 6);
  });
});
