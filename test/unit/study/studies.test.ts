import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { commandOf } from '../../study/common/options.js';
import { STUDIES } from '../../study/studies.js';
import { RECORD_PATH, truthKey } from '../../study/truth.js';
import { hasRecording } from '../../support/real-machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const scripts: Record<string, string> = JSON.parse(
  readFileSync(packageFile('package.json'), 'utf8'),
).scripts;

function run(...args: string[]) {
  const main = packageFile('dist/test/study/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Rows of tables that say something. */
const cells = (stdout: string) =>
  stdout.split('\n').filter((line) => /^\| (?!---)/.test(line)).length;

const python = process.env.TWINLOOP_SCIPY_PYTHON;
const hasPeers =
  python !== undefined && spawnSync(python, ['-c', 'import scipy, filterpy']).status === 0;

/** What keeps each study short, and what it cannot do without. */
const TINY: Record<string, { args: string[]; can: boolean }> = {
  'web-line': {
    args: ['--seeds', '1', '--noise', '1e-4', '--strides', '20', '--data', 'none.csv'],
    can: true,
  },
  alarms: { args: ['--seeds', '1', '--rows', '20', '--before', '20', '--window', '1'], can: true },
  forecast: { args: ['--seeds', '1', '--only', 'steady', '--data', 'none.csv'], can: true },
  'latent-heat': { args: ['--seeds', '1', '--rows', '60', '--fits'], can: hasCompiler },
  lid: { args: ['--rows', '100'], can: hasCompiler && hasRecording('incubator/lid-2021.csv') },
  peers: {
    args: ['--rows', '60'],
    can: hasCompiler && hasRecording('tanks/estimation.csv') && hasPeers,
  },
  plan: { args: ['--seeds', '1'], can: true },
  real: { args: ['--seeds', '1', '--no-recorded'], can: hasCompiler },
  transient: { args: ['--seeds', '1', '--only', 'van der Pol'], can: hasCompiler },
  unseen: { args: ['--seeds', '1', '--rows', '40', '--only', 'pump,base'], can: hasCompiler },
  wear: { args: ['--seeds', '1', '--only', 'motor,rest'], can: true },
};

describe('studies', () => {
  it('have a script each, which builds first', () => {
    for (const name of Object.keys(STUDIES)) {
      const script = name === 'web-line' ? 'study' : `study:${name}`;
      expect(scripts[script]).toBe(`node dist/test/study/main.js ${name}`);
      expect(scripts[`pre${script}`]).toBe('node scripts/ready.mjs');
    }
    const named = Object.keys(scripts).filter((s) => /^study(:|$)/.test(s));
    expect(named).toHaveLength(Object.keys(STUDIES).length);
  });

  it.each(Object.entries(STUDIES))(
    '%s tells what it measures, how long and with what',
    async (_, load) => {
      const study = await load();
      const help = commandOf(study).helpInformation();
      expect(help).toContain(`Usage: npm run ${study.name} -- [options]`);
      expect(help.replace(/\s+/g, ' ')).toContain(`${study.measures} Takes ${study.takes}.`);
      for (const option of [...Object.keys(study.options), 'results <FILE>', 'jobs <N>']) {
        expect(help).toMatch(new RegExp(`--(no-)?${option}`));
      }
    },
  );

  it('answer --help', () => {
    const { status, stdout, stderr } = run('plan', '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: npm run study:plan -- /);
  });

  it.each([
    ['unseen', '--sedes', '3'],
    ['unseen', '--only', 'teapot'],
    ['plan', 'now'],
    ['lid', '--jobs', '0'],
    ['teapot'],
  ])('%s is refused in one line', (...args) => {
    const { status, stdout, stderr } = run(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  for (const [name, { args, can }] of Object.entries(TINY)) {
    it.skipIf(!can)(`${name} ends with tables`, { timeout: 120_000 }, () => {
      const { status, stdout, stderr } = run(name, ...args);
      expect({ status, stderr: status === 0 ? '' : stderr + stdout }).toEqual({
        status: 0,
        stderr: '',
      });
      expect(stdout).toMatch(/^Measured by `npm run study/);
      expect(cells(stdout)).toBeGreaterThan(1);
      expect(stdout).not.toContain('undefined');
    });
  }

  it.skipIf(!hasCompiler)(
    'web-line loses no machine where the solver fails in gross slip',
    { timeout: 240_000 },
    () => {
      const few = ['--seeds', '1', '--noise', '1e-4', '--strides', '40', '--data', 'none.csv'];
      const { status, stdout } = run('web-line', '--failing', ...few);
      expect(status).toBe(0);
      const [header, row] = ['| scenario', '| record'].map((start) =>
        stdout
          .split('\n')
          .find((line) => line.startsWith(start))!
          .split('|'),
      );
      expect(row![header!.indexOf(' lost ')]).toBe(' 0 ');
    },
  );

  it('alarms does those that --only names, and says which', () => {
    const { args } = TINY.alarms!;
    const { status, stdout } = run('alarms', ...args, '--only', 'b3,stuck');
    expect(status).toBe(0);
    expect(stdout).toContain('; 1 of 1 pieces of work');
    expect(stdout).toMatch(/^\| R5 is stuck \| b3, b9 /m);
    expect(stdout).not.toContain('nine drags');
    const well = run('alarms', ...args, '--only', 'well').stdout;
    expect(well).toMatch(/^\| nine drags /m);
    expect(well).not.toContain('R5');
  });

  it('take no results of one record for those of another', () => {
    expect(truthKey('none.csv')).toEqual(['synthetic']);
    expect(truthKey(RECORD_PATH)).toEqual([]);
    expect(truthKey(packageFile('package.json'))).not.toEqual(truthKey(packageFile('README.md')));
  });

  it('go on where they were cut off, with the same tables by several threads', {
    timeout: 120_000,
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'twinloop-study-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'results.jsonl');
    const tiny = ['wear', '--only', 'motor,rest', '--seeds'];
    const table = ({ stdout }: { stdout: string }) =>
      // The last cell is a time.
      stdout
        .split('\n')
        .slice(2)
        .map((line) => line.split('|').slice(0, -2).join('|'));
    const first = run(...tiny, '1', '--results', file);
    expect(first.status).toBe(0);
    // As a process leaves it that is killed while it writes.
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"key":"mo`);
    // More jobs than threads: each does several.
    const more = run(...tiny, '4', '--results', file, '--jobs', '2');
    expect(more.status).toBe(0);
    expect(more.stderr).not.toContain('/1: ');
    const again = run(...tiny, '4', '--results', file);
    expect(again.stderr).toBe('');
    expect(again.stdout).toContain('4 of 4 pieces of work');
    expect(table(again)).toEqual(table(more));
    expect(table(run(...tiny, '4'))).toEqual(table(more));
    expect(existsSync(file)).toBe(true);
  });
});
