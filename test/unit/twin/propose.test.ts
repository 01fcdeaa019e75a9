import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, win32 } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { openFmu } from '../../../shared/fmi/index.js';
import { readTable } from '../../../shared/recordings/index.js';
import {
  definitionText,
  fmuPathFrom,
  modelLines,
  proposeTwin,
} from '../../../shared/twin/propose/index.js';
import { runCommand } from '../../support/run-command.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-new-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fmu = packageFile('shared/twins/heat-exchanger/heat-exchanger.fmu');
const data = packageFile('shared/twins/heat-exchanger/export.csv');

const box = packageFile('shared/twins/heated-box/heated-box.fmu');
const boxData = packageFile('shared/twins/heated-box/export.csv');

const run = (args: Record<string, unknown>) => runCommand('new', { fmu, data, lanes: 1, ...args });

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
    const [head, ...rows] = readFileSync(boxData, 'utf8').trim().split('\n');
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
    const { modelDescription } = await openFmu(box);
    const proposal = proposeTwin(modelDescription, await readTable(logged), { name: 'box' });
    expect(Object.fromEntries(proposal.matches.map((m) => [m.variable, m.column]))).toEqual({
      heaterOn: 'heater_on',
      TRoom: 'T_room',
      TAir: 'T_box',
    });
    expect(proposal.virtualSensors.map((s) => s.item.variable)).toContain('THeater');
  });

  it('takes an input that is held for one though error codes stand in it', async () => {
    const [head, ...rows] = readFileSync(boxData, 'utf8').trim().split('\n');
    const at = head!.split(',').indexOf('T_room');
    const held = join(folder, 'held.csv');
    const level = (k: number) =>
      k % 150 === 70 ? '-9999' : `${18 + ((7 * Math.floor(k / 9)) % 5)}`;
    writeFileSync(
      held,
      [head, ...rows.map((r, k) => r.split(',').with(at, level(k)).join(','))].join('\n'),
    );
    const { modelDescription } = await openFmu(box);
    const proposal = proposeTwin(modelDescription, await readTable(held), { name: 'box' });
    const room = proposal.inputs.find((i) => i.item.variable === 'TRoom');
    expect(room?.item).toMatchObject({ column: 'T_room', interpolation: 'hold' });
  });

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
    const { modelDescription } = await openFmu(box);
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
    const table = await readTable(boxData);
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
