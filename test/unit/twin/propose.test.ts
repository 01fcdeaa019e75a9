import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, win32 } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { newCommand } from '../../../cli/new.js';
import { packageFile, silentLogger } from '../../../shared/core/index.js';
import { openFmu } from '../../../shared/fmi/index.js';
import { readTable } from '../../../shared/recordings/index.js';
import { choose, digitsOf } from '../../../shared/twin/propose/choose-parameters.js';
import {
  definitionText,
  fmuPathFrom,
  modelLines,
  proposeTwin,
} from '../../../shared/twin/propose/index.js';
import { simulationOf } from '../../../shared/twin/propose/simulation.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-new-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fmu = packageFile('shared/twins/heat-exchanger/heat-exchanger.fmu');
const data = packageFile('shared/twins/heat-exchanger/export.csv');

async function run(args: Record<string, unknown>) {
  let text = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  let told = '';
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      told += String(chunk);
      done();
    },
  });
  const code = await newCommand.run(
    { fmu, data, lanes: 1, ...args },
    { stdout, stderr, logger: silentLogger, signal: new AbortController().signal, env: {} },
  );
  return { code, text, told };
}

describe('a first definition', () => {
  it('finds by names, descriptions, units and levels which column is which', async () => {
    const { modelDescription } = await openFmu(fmu);
    const proposal = proposeTwin(modelDescription, await readTable(data), { name: 'hx' });
    expect(Object.fromEntries(proposal.matches.map((m) => [m.variable, m.column]))).toEqual({
      mHot: 'FI-101 hot flow',
      mCold: 'FI-102 cold flow',
      THotIn: 'TI-101 hot inlet',
      TColdIn: 'TI-102 cold inlet',
      THotOut: 'TI-103 hot outlet',
      TColdOut: 'TI-104 cold outlet',
    });
    expect(proposal.matches.every((m) => m.sure)).toBe(true);
    expect(proposal.parameters[0]?.item).toMatchObject({
      variable: 'fouling',
      lower: 0,
      upper: 10,
      prior: { mean: 0.5, std: 2.5 },
    });
    expect(proposal.simulation.item.mode).toBe('steady-state');
    expect(proposal.virtualSensors.map((s) => s.item.variable)).toEqual(['heat', 'UA']);
  });

  it('says where tags tell nothing that it is a guess, and takes what it is told', async () => {
    const text = readFileSync(data, 'utf8').replace(/ (hot|cold) (flow|inlet|outlet)/g, '');
    const tags = join(folder, 'tags.csv');
    writeFileSync(tags, text);
    await expect(run({ data: tags, output: join(folder, 'tags.yaml') })).rejects.toThrow(
      /not sure which column is which.*--map/s,
    );
    const { modelDescription } = await openFmu(fmu);
    const table = await readTable(tags);
    const map = { THotOut: 'TI-103', TColdOut: 'TI-104' };
    const proposal = proposeTwin(modelDescription, table, { name: 'hx', map });
    const of = (variable: string) => proposal.matches.find((m) => m.variable === variable)?.column;
    expect([of('THotOut'), of('TColdOut'), of('THotIn'), of('TColdIn')]).toEqual([
      'TI-103',
      'TI-104',
      'TI-101',
      'TI-102',
    ]);
    expect(() =>
      proposeTwin(modelDescription, table, { name: 'hx', map: { no: 'TI-103' } }),
    ).toThrow(/no variable "no"/);
    expect(() =>
      proposeTwin(modelDescription, table, { name: 'hx', map: { THotOut: 'TI-999' } }),
    ).toThrow(/TI-999/);
    expect(() =>
      proposeTwin(modelDescription, table, { name: 'hx', parameters: ['nothing'] }),
    ).toThrow(/--parameter is "nothing"/);
  });

  it('takes no clock for a quantity, and no column for an output that another suits as well', async () => {
    const [head, ...rows] = readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8')
      .trim()
      .split('\n');
    const ns = (k: number) => `${1_788_242_400_100_000_000n + 10_000_000_000n * BigInt(k)}`;
    const logged = join(folder, 'logged.csv');
    // A logger's own columns: when a sensor was read, and two sensors of which nothing is known.
    writeFileSync(
      logged,
      [
        `${head},heater_time_t,t1,t2`,
        ...rows.map((row, k) => `${row},${ns(k)},${21 + (k % 3)},${22 + (k % 5)}`),
      ].join('\n'),
    );
    const { modelDescription } = await openFmu(
      packageFile('shared/twins/heated-box/heated-box.fmu'),
    );
    const proposal = proposeTwin(modelDescription, await readTable(logged), { name: 'box' });
    expect(Object.fromEntries(proposal.matches.map((m) => [m.variable, m.column]))).toEqual({
      heaterOn: 'heater_on',
      TRoom: 'T_room',
      TAir: 'T_box',
    });
    expect(proposal.virtualSensors.map((s) => s.item.variable)).toContain('THeater');
  });

  it('takes an input that is held for one though error codes stand in it', async () => {
    const [head, ...rows] = readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8')
      .trim()
      .split('\n');
    const at = head!.split(',').indexOf('T_room');
    const held = join(folder, 'held.csv');
    const level = (k: number) =>
      k % 150 === 70 ? '-9999' : `${18 + ((7 * Math.floor(k / 9)) % 5)}`;
    writeFileSync(
      held,
      [head, ...rows.map((r, k) => r.split(',').with(at, level(k)).join(','))].join('\n'),
    );
    const { modelDescription } = await openFmu(
      packageFile('shared/twins/heated-box/heated-box.fmu'),
    );
    const proposal = proposeTwin(modelDescription, await readTable(held), { name: 'box' });
    const room = proposal.inputs.find((i) => i.item.variable === 'TRoom');
    expect(room?.item).toMatchObject({ column: 'T_room', interpolation: 'hold' });
  });

  it('takes no guess between equals by --yes, and says what to choose from', async () => {
    const [head, ...rows] = readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8')
      .trim()
      .split('\n');
    const logged = join(folder, 'equals.csv');
    // Two outputs that are temperatures, and three columns that are: the room's is told by its level.
    const names = head!.replace('T_box', 't1').replace('T_room', 't3');
    writeFileSync(
      logged,
      [`${names},average temp`, ...rows.map((row, k) => `${row},${31 + (k % 7)}`)].join('\n'),
    );
    const box = packageFile('shared/twins/heated-box/heated-box.fmu');
    const output = join(folder, 'equals.yaml');
    const args = { fmu: box, data: logged, output, calibrate: false };
    const refused = run({ ...args, yes: true });
    await expect(refused).rejects.toMatchObject({ code: 'USAGE' });
    await expect(refused).rejects.toThrow(
      /--map 'THeater=average temp' or --map THeater=t1, or --map THeater= for none\n.*--map TAir=t1 or --map 'TAir=average temp'/,
    );
    const told = await run({ ...args, yes: true, map: ['TAir=t1', 'THeater='] });
    expect(told.code).toBe(0);
    const { measured } = parse(readFileSync(output, 'utf8'));
    expect(measured.map((m: { variable: string }) => m.variable)).toEqual(['TAir']);
  });

  it('names weak guesses that --yes takes, on stderr and in the verdict, and none that was said', async () => {
    const box = packageFile('shared/twins/heated-box/heated-box.fmu');
    const text = readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8');
    const [head, ...rows] = text.trim().split('\n').slice(0, 200);
    const lone = join(folder, 'lone.csv');
    writeFileSync(lone, [head!.replace('heater_on', 'x1'), ...rows].join('\n'));
    const output = join(folder, 'lone.yaml');
    const args = { fmu: box, data: lone, output, yes: true, json: true, overwrite: true };
    const guessed = await run(args);
    expect(guessed.told).toContain(
      'Weak guesses that --yes takes: heaterOn = x1 (the only column that is left and moves)',
    );
    const { summary } = JSON.parse(guessed.text);
    expect(summary.recording.guessedColumns).toMatchObject([
      { variable: 'heaterOn', column: 'x1' },
    ]);
    expect(summary.verdict.grade).not.toBe('good');
    expect(summary.verdict.reasons.join('\n')).toContain('weak guesses: heaterOn = x1');
    // An input moves all.
    expect(summary.quantities.GBox.reasons.join()).toContain('weak guesses');
    const said = await run({ ...args, map: ['heaterOn=x1'] });
    expect(said.told).not.toContain('eak guess');
    expect(JSON.parse(said.text).summary.recording).not.toHaveProperty('guessedColumns');
  }, 120_000);

  it('names an input that is held at its start value while a column is of no variable, unless that was said', async () => {
    const box = packageFile('shared/twins/heated-box/heated-box.fmu');
    const text = readFileSync(packageFile('shared/twins/heated-box/export.csv'), 'utf8');
    const [head, ...rows] = text.trim().split('\n').slice(0, 200);
    const still = join(folder, 'still.csv');
    // What never moves is taken for no input.
    const moved = [
      head!.replace('T_room', 'TX-7'),
      ...rows.map((r) => r.split(',').with(2, '9000').join(',')),
    ];
    writeFileSync(still, moved.join('\n'));
    const output = join(folder, 'still.yaml');
    const args = { fmu: box, data: still, output, yes: true, json: true, overwrite: true };
    const { summary } = JSON.parse((await run(args)).text);
    expect(summary.recording.guessedInputs).toMatchObject([
      { variable: 'TRoom', columns: ['TX-7'] },
    ]);
    expect(summary.verdict.grade).not.toBe('good');
    expect(summary.verdict.reasons.join('\n')).toContain(
      'no column is like TRoom, which is held at the FMU’s start value',
    );
    const said = await run({ ...args, map: ['TRoom='] });
    expect(JSON.parse(said.text).summary.recording).not.toHaveProperty('guessedInputs');
  }, 120_000);

  it('converts a column in another unit, and takes by --yes none that does not convert', async () => {
    const text = readFileSync(data, 'utf8');
    const { modelDescription } = await openFmu(fmu);
    const of = async (unit: string) => {
      const file = join(folder, 'units.csv');
      writeFileSync(
        file,
        text.replace(/(TI-103 hot outlet[^;\n]*?)\[?(°C|degC)\]?/, `$1[${unit}]`),
      );
      return {
        file,
        proposal: proposeTwin(modelDescription, await readTable(file), { name: 'hx' }),
      };
    };
    const item = ({ measured }: ReturnType<typeof proposeTwin>) =>
      measured.find((m) => m.item.variable === 'THotOut');
    const kelvin = await of('K');
    expect(item(kelvin.proposal)?.item).toMatchObject({ column: 'TI-103 hot outlet', unit: 'K' });
    expect(item(kelvin.proposal)?.comment).toMatch(/in K, the model's degC are converted/);
    const bar = await of('bar');
    const output = join(folder, 'units.yaml');
    const args = { data: bar.file, output, calibrate: false, yes: true };
    await expect(run(args)).rejects.toThrow(/--map 'THotOut=TI-103 hot outlet' \(.*in bar.*\)/);
    await run({ ...args, map: ['THotOut=TI-103 hot outlet'] });
    expect(readFileSync(output, 'utf8')).toMatch(/CAUTION: the column is in bar/);
  });

  it('takes an unknown that acts on a moving machine for no constant, and offers it as a disturbance', async () => {
    const { modelDescription } = await openFmu(
      packageFile('shared/twins/heated-box/heated-box.fmu'),
    );
    const like = modelDescription.variables.find((v) => v.causality === 'parameter')!;
    const { start, min, max, nominal, ...rest } = like;
    const added = (name: string, more: Partial<typeof like>) =>
      ({ ...rest, name, variability: 'tunable', start: ['0'], ...more }) as typeof like;
    const md = {
      ...modelDescription,
      variables: [
        ...modelDescription.variables,
        added('leakHeat', { nominal: 5, unit: 'W' }),
        added('inflow', { min: 0 }),
        added('fouling', { min: 0, max: 2 }),
      ],
    };
    const table = await readTable(packageFile('shared/twins/heated-box/export.csv'));
    const proposal = proposeTwin(md, table, { name: 'box' });
    const names = proposal.parameters.map((p) => p.item.variable);
    expect(names).toContain('fouling');
    expect(names).not.toContain('leakHeat');
    expect(names).not.toContain('inflow');
    expect(proposal.unknowns.map((u) => u.item.on)).toEqual(
      expect.arrayContaining(['leakHeat', 'inflow']),
    );
    const text = definitionText(proposal, './box.fmu', 'a test');
    expect(text).toContain('#   - { on: "leakHeat", std: 5, timeConstantS: ?, unit: "W" }');
    expect(modelLines(proposal).join('\n')).toMatch(/Held at 0.*\n {2}.*/);
    const told = proposeTwin(md, table, { name: 'box', parameters: ['leakHeat'] });
    expect(told.parameters.map((p) => p.item.variable)).toEqual(['leakHeat']);
    expect(told.unknowns.map((u) => u.item.on)).not.toContain('leakHeat');
  });

  it('is written, tried and reported; run again it overwrites nothing that was changed', async () => {
    const output = join(folder, 'twin.yaml');
    const { code, text } = await run({ output });
    expect(code).toBe(0);
    expect(text).toMatch(/good: nothing speaks against it/);
    const found = /fouling +([\d.]+) +95 %: ([\d.]+) to ([\d.]+)/.exec(text)!.slice(1).map(Number);
    // The recording was made with a fouling of 3.5 at its end.
    expect(found[1]).toBeLessThan(3.5);
    expect(found[2]).toBeGreaterThan(3.5);
    const report = readFileSync(join(folder, 'twin.html'), 'utf8');
    for (const part of [
      'good: nothing',
      'Recording',
      'Parameters',
      'Fit and innovations',
      '<svg ',
    ]) {
      expect(report).toContain(part);
    }
    expect((await run({ output, calibrate: false })).code).toBe(0);
    writeFileSync(output, `${readFileSync(output, 'utf8')}# mine\n`);
    await expect(run({ output, calibrate: false })).rejects.toThrow(/--overwrite/);
    expect(readFileSync(output, 'utf8')).toMatch(/# mine/);
    expect((await run({ output, calibrate: false, overwrite: true })).code).toBe(0);
  }, 120_000);
});

describe('the parameters that a recording can tell', () => {
  const wave = (f: (k: number) => number) => Float64Array.from({ length: 50 }, (_, k) => f(k));
  const [sine, line] = [wave((k) => Math.sin(k / 5)), wave((k) => k / 50)];
  const candidate = (variable: string, start: number, slope: Float64Array | undefined) => ({
    variable,
    start,
    slope,
  });

  it('keeps what can be told apart, though it be hard', () => {
    const near = wave((k) => Math.sin(k / 5) + 0.002 * Math.cos(k));
    const choice = choose([candidate('a', 1, sine), candidate('b', 2, near)], []);
    expect(choice).toEqual({ keep: ['a', 'b'], left: [] });
  });

  it('holds of a ridge what is given to the most digits, of equals the last', () => {
    const twice = sine.map((v) => -2 * v);
    const known = choose([candidate('power', 18.67, sine), candidate('loss', 0.7, twice)], []);
    expect(known.keep).toEqual(['loss']);
    expect(known.left[0]).toMatchObject({ variable: 'power' });
    expect(known.left[0]?.because).toContain('cannot tell it from loss');
    const equal = choose([candidate('a', 0.5, sine), candidate('b', 0.7, twice)], []);
    expect(equal.keep).toEqual(['a']);
  });

  it('leaves out what does nothing, what fails, and what the start could do', () => {
    const choice = choose(
      [
        candidate(
          'idle',
          1,
          wave(() => 0),
        ),
        candidate('fragile', 1, undefined),
        candidate('offset', 1, line),
        candidate('a', 1, sine),
      ],
      [line.map((v) => 3 * v)],
    );
    expect(choice.keep).toEqual(['a']);
    expect(choice.left.map((l) => l.variable)).toEqual(['idle', 'fragile', 'offset']);
  });

  it('counts the digits that a start value was written with', () => {
    expect([18.6655, 250, 0.05, 1, 0].map(digitsOf)).toEqual([6, 2, 1, 1, 1]);
  });
});

it('names the FMU from the definition’s folder, on Windows with slashes too', () => {
  expect(fmuPathFrom('/a/b/twin.yaml', '/a/c/m.fmu', posix)).toBe('../c/m.fmu');
  expect(fmuPathFrom('/a/b/twin.yaml', '/a/b/m.fmu', posix)).toBe('./m.fmu');
  const definition = 'C:\\twins\\line\\twin.yaml';
  expect(fmuPathFrom(definition, 'C:\\twins\\models\\m.fmu', win32)).toBe('../models/m.fmu');
  expect(fmuPathFrom(definition, 'C:\\twins\\line\\m.fmu', win32)).toBe('./m.fmu');
  expect(fmuPathFrom(definition, 'D:\\m.fmu', win32)).toBe('D:/m.fmu');
});

it.skipIf(!hasCompiler)('proposes elements of arrays as the numbers that they are', async () => {
  const { modelDescription } = await openFmu(buildFmu('arrays', 3));
  const path = join(folder, 'arrays.csv');
  const rows = Array.from({ length: 40 }, (_, k) => `${k},${k % 3},${1 + k},${2 * k}`);
  writeFileSync(path, `time,u[2],y[1],y[2]\n${rows.join('\n')}\n`);
  const proposal = proposeTwin(modelDescription, await readTable(path), { name: 'arrays' });
  expect(proposal.measured.map((m) => [m.item.variable, m.item.column])).toEqual([
    ['y[1]', 'y[1]'],
    ['y[2]', 'y[2]'],
  ]);
  expect(proposal.inputs.map((i) => i.item.variable)).toEqual(['u[1]', 'u[2]']);
  expect(proposal.inputs[1]!.item).toMatchObject({ column: 'u[2]' });
  // Each with its own start value; what starts at 0 is offered as something unknown.
  expect(proposal.parameters.map((p) => [p.item.variable, p.item.prior.mean])).toEqual([
    ['A[1,1]', -1],
    ['A[2,2]', -2],
  ]);
});

it('gives rows that come faster than the FMU steps a step each', () => {
  const tableOf = (periodS: number) =>
    ({ account: { periodS }, long: undefined, columns: [] }) as unknown as Parameters<
      typeof simulationOf
    >[1];
  const mdOf = (stepSize?: number) =>
    ({
      coSimulation: {},
      modelStructure: { continuousStateDerivatives: [{}] },
      defaultExperiment: { ...(stepSize !== undefined && { stepSize }) },
    }) as unknown as Parameters<typeof simulationOf>[0];
  const faster = simulationOf(mdOf(300), tableOf(60), undefined);
  expect(faster.item).toEqual({ mode: 'transient', interface: 'cs', stepSizeS: 60 });
  expect(faster.comment).toMatch(/a step a row, its own being 5.0 min/);
  expect(simulationOf(mdOf(5), tableOf(60), undefined).item.stepSizeS).toBe(5);
  expect(simulationOf(mdOf(), tableOf(60), undefined).item.stepSizeS).toBeUndefined();
});

it('takes an FMU that declares no states, yet does not come to rest between rows, for one that moves', () => {
  const md = {
    coSimulation: {},
    modelStructure: { continuousStateDerivatives: [] },
    defaultExperiment: { stepSize: 1 },
  } as unknown as Parameters<typeof simulationOf>[0];
  const table = { account: { periodS: 10 }, long: undefined, columns: [] } as unknown as Parameters<
    typeof simulationOf
  >[1];
  for (const restS of [undefined, 0, 30]) {
    expect(simulationOf(md, table, restS).item.mode).toBe('steady-state');
  }
  for (const restS of [31, Number.POSITIVE_INFINITY]) {
    const { item, comment } = simulationOf(md, table, restS);
    expect(item).toEqual({ mode: 'transient', interface: 'cs', stepSizeS: 1 });
    expect(comment).toMatch(/keeps states to itself, and the machine moves between rows/);
  }
});
