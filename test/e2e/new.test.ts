import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { hasRecording } from '../support/real-machines.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-new-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const cli = compiledEntry('cli');

function create(...args: string[]) {
  return spawnSync(process.execPath, [cli, 'new', ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
  });
}

/** `script` of util-linux gives a command a terminal. */
const hasTerminal = spawnSync('script', ['--version']).status === 0;

describe('somebody at a terminal', () => {
  it.skipIf(!hasTerminal)(
    'is asked where it is not sure, and again after a slip',
    async () => {
      const exported = packageFile('shared/twins/heat-exchanger/export.csv');
      const tags = join(folder, 'tags.csv');
      const text = readFileSync(exported, 'utf8');
      writeFileSync(tags, text.replace(/ (hot|cold) (flow|inlet|outlet)/g, ''));
      const fmu = packageFile('shared/twins/heat-exchanger/heat-exchanger.fmu');
      const command = `'${process.execPath}' '${cli}' new '${fmu}' --data '${tags}' --output asked.yaml --no-calibrate`;
      const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd: folder });
      let shown = '';
      let answered = 0;
      const answers: Record<string, string> = {
        mHot: 'FI-101',
        mCold: 'FI-102',
        THotIn: 'TI-101',
        TColdIn: 'TI-102',
        THotOut: 'TI-103',
        TColdOut: 'TI-104',
      };
      let slipped = false;
      child.stdout.on('data', (chunk) => {
        shown += String(chunk);
        const asked = [...shown.matchAll(/Which column is (\w+)\?[^>]*\n> /g)];
        while (answered < asked.length) {
          const variable = asked[answered++]?.[1] ?? '';
          child.stdin.write(slipped ? `${answers[variable]}\n` : 'no-such-column\n');
          slipped = true;
        }
      });
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect(shown).toContain('There is no column "no-such-column".');
      expect(code, shown).toBe(0);
      const written = readFileSync(join(folder, 'asked.yaml'), 'utf8');
      expect(written).toMatch(/variable: "THotOut", .*column: "TI-103"/);
      expect(answered).toBeGreaterThan(1);
    },
    60_000,
  );
});

/** The box without an unknown heat: of constants only what is built in may be tuned. */
const withoutUnknownHeat = (xml: string) =>
  xml.replace(/(name="Q_other"[^>]*variability=")tunable/, '$1fixed');

describe('recordings of real machines', () => {
  const CLOSED_BOX = hasCompiler ? buildFmu('box', 2, withoutUnknownHeat) : '';
  const BOX = 'incubator/empty-2023.csv';
  const TANKS = 'tanks/estimation.csv';
  const record = (name: string) => packageFile(`../shared/data/real/${name}`);

  it.skipIf(!(hasCompiler && hasRecording(BOX)))(
    'a heated box: what cannot be told is held or wide, what can be is right',
    () => {
      const run = create(
        ...[CLOSED_BOX, '--data', record(BOX), '--output', 'box.yaml', '--yes', '--json'],
      );
      expect(run.status, run.stderr).toBe(0);
      const written = readFileSync(join(folder, 'box.yaml'), 'utf8');
      expect(written).toMatch(/# {3}idle: it does nothing in this recording/);
      expect(written).toMatch(/# {3}power: this recording cannot tell it from/);
      const { parameters, verdict } = JSON.parse(run.stdout);
      // The laboratory's own figure is 0.576 W/K.
      expect(parameters.G_box.lower95).toBeLessThan(0.576);
      expect(parameters.G_box.upper95).toBeGreaterThan(0.576);
      expect(parameters.G_box.upper95 / parameters.G_box.lower95).toBeLessThan(1.6);
      expect(verdict.grade).toBe('care');
      expect(verdict.reasons.join()).toContain('too short for its own disturbance');
    },
    120_000,
  );

  it.skipIf(!hasRecording(BOX))(
    'a heated box of two outputs: nothing tells which sensor is of which, so none is taken',
    () => {
      const box = packageFile('shared/twins/heated-box/heated-box.fmu');
      const given = [box, '--data', record(BOX), '--output', 'two.yaml', '--yes', '--no-calibrate'];
      const run = create(...given);
      expect(run.status, run.stdout).toBe(2);
      expect(run.stderr).toContain('--map TAir=average_temperature');
      const told = create(...given, '--map', 'TAir=average_temperature');
      expect(told.status, told.stderr).toBe(0);
      expect(told.stdout).toMatch(/Without a column.*\n {2}THeater +t1 or t2/);
    },
    60_000,
  );

  it.skipIf(!(hasCompiler && hasRecording(TANKS)))(
    'two tanks: the column that is left is the pump, and the rail is found',
    () => {
      const run = create(
        ...[buildFmu('tanks', 2), '--data', record(TANKS), '--output', 'tanks.yaml', '--yes'],
      );
      // The four are known by their ratios only, and the record is worth one independent sample.
      expect(run.status, run.stdout + run.stderr).toBe(1);
      expect(run.stdout).toMatch(/pump +uEst +a guess: the only column that is left and moves/);
      expect(run.stdout).toMatch(/do not use:\n +- no parameter was learnt/);
      expect(run.stdout).toMatch(/49 samples there were taken as missing/);
    },
    120_000,
  );
});
