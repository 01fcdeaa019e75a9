import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { CONDITIONS, type Condition, simulateMachine } from '../study/unseen/conditions.js';
import { machineFmu } from '../study/unseen/fmu.js';
import { MACHINES, type Machine } from '../study/unseen/machines.js';
import { hasRecording } from '../support/real-machines.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-new-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const cli = compiledEntry('cli');

/** Writes a machine's record under a condition. @returns its FMU and the record, as `new` takes them */
function exportOf(machine: Machine, condition: Condition, name: string): string[] {
  const { samples } = simulateMachine(machine, condition, 1, 120);
  const columns = [...machine.inputs, ...machine.measured].map(([variable]) => variable);
  const rows = samples.map((s) => [s.timeS, ...s.inputs, ...s.measured].join());
  writeFileSync(join(folder, name), `${[['time', ...columns].join(), ...rows].join('\n')}\n`);
  return [machineFmu(machine), '--data', name];
}

const create = (...args: string[]) => twinloop('new', ...args);

function twinloop(...args: string[]) {
  return spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 240_000,
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

it('writes JSON where the name asks for it: the same definition, without remarks', () => {
  const box = packageFile('shared/twins/heated-box');
  const args = [join(box, 'heated-box.fmu'), '--data', join(box, 'export.csv'), '--no-calibrate'];
  const remarked = create(...args, '--yes', '--output', 'same.yaml');
  expect(remarked.status, remarked.stderr).toBe(0);
  const plain = create(...args, '--yes', '--output', 'same.json');
  expect(plain.status, plain.stderr).toBe(0);
  expect(plain.stdout).toContain('JSON has no remarks');
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  expect(JSON.parse(read('same.json'))).toEqual(parse(read('same.yaml')));
});

describe.skipIf(!hasCompiler)('a machine that wears', () => {
  const machine = MACHINES.find((m) => m.name === 'motor')!;
  const wearing = CONDITIONS.find((c) => c.name === 'wear 4× faster')!;
  const write = (name: string) => exportOf(machine, wearing, name);

  it('is followed by --yes, which says so', () => {
    const run = create(...write('wears.csv'), '--output', 'wears.yaml', '--yes');
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(
      /Rm looks as if it had worn from 0\.\d+ to 1\.1\d* along the record/,
    );
    expect(run.stdout).toMatch(/use with care.*: .*Rm is taken to wear, by a guess/s);
    const written = readFileSync(join(folder, 'wears.yaml'), 'utf8');
    expect(written).toMatch(/a guess: taken to wear/);
    expect(written).toMatch(/variable: "Rm", .*wearHorizonS: \d+/);
    expect(written).toMatch(/variable: "k", .*dynamics: "constant"/);
    // Nothing is left to be decided.
    const fit = twinloop('fit', 'wears.yaml', '--data', 'wears.csv', '--json');
    expect(JSON.parse(fit.stdout).parameters.Rm.mean).toBeCloseTo(1.12, 1);
    expect(JSON.parse(fit.stdout).offeredWear).toBeUndefined();
  }, 240_000);

  it('is a guess to be decided without --yes, that fit --wear tries', () => {
    const run = create(...write('asks.csv'), '--output', 'asks.yaml');
    expect(run.stdout).toMatch(
      /Rm may have worn .* a guess to be decided: in asks.yaml, `wearHorizonS: \d+` in place of/,
    );
    const written = readFileSync(join(folder, 'asks.yaml'), 'utf8');
    const [, horizonS] = /replace `dynamics: constant` by `wearHorizonS: (\d+)`/.exec(written)!;
    expect(written).toMatch(/variable: "Rm", .*dynamics: "constant"/);
    expect(run.stdout).toContain(`fit --wear Rm=${horizonS}`);
    const given = ['fit', 'asks.yaml', '--data', 'asks.csv', '--json'];
    const tried = twinloop(...given, '--wear', `Rm=${horizonS}`);
    expect(JSON.parse(tried.stdout).parameters.Rm.mean).toBeCloseTo(1.12, 1);
    for (const wear of ['Rm', 'Rm=0', 'R=40', '=40']) {
      const refused = twinloop(...given, '--wear', wear);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain(`"${wear === 'R=40' ? 'R' : wear}"`);
    }
    const kept = twinloop(...given, '--wear', `Rm=${horizonS}`, '--state', 'kept');
    expect(kept.status).toBe(2);
    expect(kept.stderr).toContain('state wearHorizonS in the definition');
  }, 240_000);
});

describe.skipIf(!hasCompiler)('a machine whose inputs have another value in each row', () => {
  const machine = MACHINES.find((m) => m.name === 'exchanger')!;
  // As what a controller writes: held between rows, and no column shows it.
  const controlled = { name: 'base', group: 'exact', haste: 1000 } as const;
  const write = (name: string) => exportOf(machine, controlled, name);

  it('has them held by --yes where residuals show that they were, and says so', () => {
    const run = create(...write('held.csv'), '--output', 'held.yaml', '--yes');
    expect(run.status, run.stdout + run.stderr).toBe(0);
    for (const name of ['mh', 'mc', 'ThIn']) {
      expect(run.stdout).toContain(
        `${name} looks as if it were held between its readings: it is run so, as held.yaml says now`,
      );
    }
    const { inputs } = parse(readFileSync(join(folder, 'held.yaml'), 'utf8'));
    expect(inputs.map((i: { interpolation?: string }) => i.interpolation)).toEqual([
      'hold',
      'hold',
      'hold',
    ]);
    const fit = JSON.parse(twinloop('fit', 'held.yaml', '--data', 'held.csv', '--json').stdout);
    expect(fit.offeredInterpolations).toBeUndefined();
    for (const [name, truth] of machine.parameters) {
      expect(fit.parameters[name].lower95).toBeLessThan(truth);
      expect(fit.parameters[name].upper95).toBeGreaterThan(truth);
    }
  }, 240_000);

  it('names the guess in the definition without --yes', () => {
    const run = create(...write('undecided.csv'), '--output', 'undecided.yaml');
    expect(run.stdout).toMatch(
      /mh looks as if it were held .* a guess to be decided: in undecided/,
    );
    const written = readFileSync(join(folder, 'undecided.yaml'), 'utf8');
    expect(written).toMatch(/a guess to be decided: .*: where that is so, `interpolation: hold`/);
    expect(parse(written).inputs[0].interpolation).toBeUndefined();
  }, 240_000);
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
      expect(run.status, run.stdout + run.stderr).toBe(0);
      expect(run.stdout).toMatch(/pump +uEst +a guess: the only column that is left and moves/);
      expect(run.stdout).toMatch(
        /use with care:\n(.*\n)+ +- .*are hardly better known than before/,
      );
      expect(run.stdout).toMatch(/not each is known: changes of them together leave the outputs/);
      expect(run.stdout).toMatch(/worth 1\.0 independent samples for 4 parameters/);
      expect(run.stdout).toMatch(/49 samples there were taken as missing/);
    },
    120_000,
  );
});
