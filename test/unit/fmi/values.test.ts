import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { resolveStartValues } from '../../../shared/fmi/description/start-values.js';
import {
  formatResultCsv,
  openFmu,
  parseInputCsv,
  parseStartValue,
  readModelDescription,
  resultColumn,
} from '../../../shared/fmi/index.js';
import { FmuRunner } from '../../../shared/fmi/running/runner.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-values-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fixture = (name: string) =>
  readModelDescription(readFileSync(packageFile(`test/fixtures/fmus/descriptions/${name}.xml`)))
    .modelDescription;

describe('start values', () => {
  const decay = fixture('decay.fmi2');
  const types = fixture('types.fmi3');
  const arrays = fixture('arrays.fmi3');

  it.each([
    ['k=2.5', ['k', '2.5']],
    ['k=60 1/min', ['k', { value: 60, unit: '1/min' }]],
    ['u=-1e-3 degC', ['u', { value: -1e-3, unit: 'degC' }]],
  ])('are read from %j', (text, expected) => {
    expect(parseStartValue(decay, text)).toEqual(expected);
  });

  it('with a unit are refused where no double holds them', () => {
    expect(() => parseStartValue(decay, 'k=1e400 1/min')).toThrow(/k: found "1e400 1\/min"/);
    expect(parseStartValue(decay, 'k=INF 1/min')[1]).toMatchObject({ value: Infinity });
  });

  it('are read for every type', () => {
    expect(parseStartValue(types, 'String_in=a = b, c')).toEqual(['String_in', 'a = b, c']);
    expect(parseStartValue(types, 'mode_in=fast')).toEqual(['mode_in', 'fast']);
    expect(parseStartValue(arrays, 'u=1 2')).toEqual(['u', ['1', '2']]);
  });

  it('come out in the variable’s type and unit', () => {
    const [k] = resolveStartValues(decay, { k: { value: 60, unit: '1/min' } });
    expect(k?.values).toEqual([1]);
    const all = resolveStartValues(types, {
      Int64_in: '9007199254740993',
      mode_in: 'fast',
      Binary_in: 'CAFE',
      Boolean_in: 'true',
      UInt8_in: 255n,
    });
    expect(all.map((a) => a.values[0])).toEqual([
      9007199254740993n,
      3,
      new Uint8Array([0xca, 0xfe]),
      true,
      255,
    ]);
  });

  it.each([
    [decay, { kk: 1 }, 'VARIABLE_UNKNOWN', /did you mean "k"/],
    [decay, { k: 'fast' }, 'VALUE_INVALID', /expected a number/],
    [
      decay,
      { k: '1e400' },
      'VALUE_INVALID',
      /k: found "1e400", expected a number within the range of Float64/,
    ],
    [decay, { k: Number.NaN }, 'VALUE_INVALID', /expected a number/],
    [decay, { k: [1, 2] }, 'VALUE_INVALID', /found 2 values, expected 1/],
    [decay, { k: { value: 1, unit: 'bar' } }, 'VALUE_INVALID', /does not say how/],
    [decay, { y: 1 }, 'VALUE_INVALID', /calculated by the model/],
    [types, { UInt8_in: 256 }, 'VALUE_INVALID', /0 to 255/],
    [types, { Int32_in: 1.5 }, 'VALUE_INVALID', /whole number/],
    [types, { Boolean_in: 'perhaps' }, 'VALUE_INVALID', /true or false/],
    [types, { Binary_in: 'xyz' }, 'VALUE_INVALID', /hexadecimal/],
    [types, { String_in: 5 }, 'VALUE_INVALID', /text/],
    [arrays, { u: [1, 2, 3] }, 'VALUE_INVALID', /found 3 values, expected 2/],
    [arrays, { n: 3, u: [1, 2] }, 'VALUE_INVALID', /found 2 values, expected 3/],
  ])('that are wrong are refused: %#', (md, values, code, message) => {
    expect(() => resolveStartValues(md, values as never)).toThrowError(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('that are no assignments are refused', () => {
    expect(() => parseStartValue(decay, 'k')).toThrowError(/expected name=value/);
  });
});

describe('CSV', () => {
  it('is read with quoted names, arrays, steps and truth values', () => {
    const table = parseInputCsv(
      '"time","a[1,2]","b",c\n0,1,1 2,True\n1,2,3 4,false\n1,5,5 6,1\n',
      'in.csv',
    );
    expect([...table.time]).toEqual([0, 1, 1]);
    expect(table.columns.map((c) => [c.name, c.width, [...c.values]])).toEqual([
      ['a[1,2]', 1, [1, 2, 5]],
      ['b', 2, [1, 2, 3, 4, 5, 6]],
      ['c', 1, [1, 0, 1]],
    ]);
  });

  it.each([
    ['', /expected a header/],
    ['time,u\n', /expected a header/],
    ['time,u\n0,1\n1\n', /:3: found 1 cells, expected 2/],
    ['time,u\n0,x\n', /:2: u: "x" is no number/],
    ['time,u\n1,0\n0,0\n', /:3: time 0 comes after 1/],
    ['time,u\n0,1 2\n1,1\n', /:3: u: found 1 values, expected 2/],
  ])('that is wrong is refused with its line: %j', (text, message) => {
    expect(() => parseInputCsv(text, 'in.csv')).toThrowError(
      expect.objectContaining({ code: 'FILE_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('is written as FMPy writes it', () => {
    const csv = formatResultCsv({
      time: Float64Array.of(0, 0.5),
      columns: [
        { name: 'x', type: 'Float64', width: 1, values: Float64Array.of(1, 1e-7) },
        { name: 'n', type: 'Int32', width: 1, values: Float64Array.of(3, 4) },
        { name: 'v[1,2]', type: 'Float64', width: 2, values: Float64Array.of(1, 2, 3, Number.NaN) },
        { name: 's', type: 'String', width: 1, values: ['a,b', 'c'] },
      ],
    });
    expect(csv).toBe(
      '"time","x","n","v[1,2]","s"\n0.0,1.0,3,1.0 2.0,"a,b"\n0.5,1e-7,4,3.0 nan,c\n',
    );
  });
});

describe.skipIf(!hasCompiler)('FMUs of sources only', () => {
  const sourceFmu = (version: 2 | 3, extra: Record<string, string> = {}) => {
    const name = 'decay';
    const read = (path: string) => readFileSync(packageFile(`test/fixtures/fmus/${path}`));
    const xml = readFileSync(
      packageFile(`test/fixtures/fmus/descriptions/${name}.fmi${version}.xml`),
      'utf8',
    );
    const files = `<SourceFiles><File name="decay.c"/><File name="fmi2-shell.c"/></SourceFiles>`;
    const withSources =
      version === 2
        ? xml.replace(
            /(<(?:ModelExchange|CoSimulation)[^>]*)\/>/g,
            (_, open, at) => `${open}>${files}</${xml.slice(at + 1).split(' ')[0]}>`,
          )
        : xml;
    const path = join(dir, `source-${version}-${Object.keys(extra).length}.fmu`);
    writeFileSync(
      path,
      zipSync({
        'modelDescription.xml': Buffer.from(withSources),
        'sources/decay.c': new Uint8Array(read('models/decay.c')),
        'sources/model.h': new Uint8Array(read('include/model.h')),
        'sources/solver.h': new Uint8Array(read('include/solver.h')),
        [`sources/fmi${version}-shell.c`]: new Uint8Array(read(`include/fmi${version}-shell.c`)),
        ...(version === 3 && {
          'sources/buildDescription.xml': Buffer.from(
            '<fmiBuildDescription fmiVersion="3.0"><BuildConfiguration modelIdentifier="decay"><SourceFileSet language="C99"><SourceFile name="decay.c"/><SourceFile name="fmi3-shell.c"/><PreprocessorDefinition name="UNUSED" value="1"/><IncludeDirectory name="."/></SourceFileSet></BuildConfiguration></fmiBuildDescription>',
          ),
        }),
        ...Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, Buffer.from(v)])),
      }),
    );
    return path;
  };

  it.each([2, 3] as const)('are compiled once and run, FMI %i', async (version) => {
    const fmu = await openFmu(sourceFmu(version), { cacheDir: join(dir, 'cache') });
    const runner = new FmuRunner(fmu);
    const result = runner.simulate({ interface: 'cs', stopTimeS: 1 });
    expect(resultColumn(result, 'y').at(-1)).toBeCloseTo(Math.exp(-1), 8);
    runner.close();
  });

  it('whose file names leave their folder are refused', async () => {
    const path = sourceFmu(3, {
      'sources/buildDescription.xml':
        '<fmiBuildDescription><BuildConfiguration modelIdentifier="decay"><SourceFileSet><SourceFile name="../../../etc/passwd"/></SourceFileSet></BuildConfiguration></fmiBuildDescription>',
    });
    const fmu = await openFmu(path, { cacheDir: join(dir, 'cache') });
    expect(() => new FmuRunner(fmu).load('cs')).toThrowError(
      expect.objectContaining({ code: 'FMU_INVALID', message: expect.stringMatching(/outside/) }),
    );
  });

  it('and FMUs with neither say what they have', async () => {
    const path = join(dir, 'none.fmu');
    const xml = readFileSync(packageFile('test/fixtures/fmus/descriptions/decay.fmi2.xml'));
    writeFileSync(
      path,
      zipSync({
        'modelDescription.xml': new Uint8Array(xml),
        'binaries/win16/decay.dll': new Uint8Array(3),
      }),
    );
    const fmu = await openFmu(path, { cacheDir: join(dir, 'cache') });
    expect(() => new FmuRunner(fmu).load()).toThrowError(
      expect.objectContaining({
        code: 'FMU_UNSUPPORTED',
        message: expect.stringMatching(/it has win16/),
      }),
    );
  });
});

describe.skipIf(!hasCompiler)('inputs', () => {
  it('of discrete variables step, in both versions and interfaces', async () => {
    for (const version of [2, 3] as const) {
      const runner = new FmuRunner(await openFmu(buildFmu('types', version)));
      const name = version === 2 ? 'int' : 'Int32';
      const input = parseInputCsv(`time,${name}_in\n0,1\n0.9,5\n1.3,7\n`, 'in.csv');
      const result = runner.simulate({
        interface: 'cs',
        input,
        stopTimeS: 2,
        stepSizeS: 0.1,
        outputIntervalS: 0.1,
        outputs: [`${name}_out`],
      });
      const values = resultColumn(result, `${name}_out`);
      for (const [t, expected] of [
        [0.5, 1],
        [0.9, 1],
        [1.1, 5],
        [1.5, 7],
        [2, 7],
      ] as const) {
        const i = result.time.findIndex((v) => Math.abs(v - t) < 1e-9);
        expect(values[i], `t=${t}`).toBe(expected);
      }
      runner.close();
    }
  });

  it('that are none are refused', async () => {
    const runner = new FmuRunner(await openFmu(buildFmu('decay', 2)));
    const of = (name: string) => ({ input: parseInputCsv(`time,${name}\n0,1\n1,1\n`, 'in.csv') });
    expect(() => runner.simulate(of('y'))).toThrowError(/no input of Decay but output/);
    expect(() => runner.simulate(of('nonsense'))).toThrowError(
      expect.objectContaining({ code: 'VARIABLE_UNKNOWN' }),
    );
    runner.close();
  });
});
