// Small FMUs that failed once, each with the outcome that is right. They are built by generators beside
// the repository (Python and gcc); where those are missing, the tests are reported as skipped.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { validateSchema } from '../../../shared/fmi/description/validate-schema.js';
import { isError } from '../../../shared/fmi/description/xml-attributes.js';
import {
  openFmu,
  parseInputCsv,
  readFmu,
  resultColumn,
  type SimulateRequest,
  simulate,
  validateFmu,
} from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const generators = packageFile('../shared/cases/fmi');
const canBuild =
  existsSync(generators) && hasCompiler && spawnSync('python3', ['--version']).status === 0;
const reason = canBuild ? '' : ' (skipped: no generators, gcc or python3)';

/** What a run gives: its number of rows, or what its error says. */
type Run = number | RegExp;

/** FMU: what its errors say (none: valid), what co-simulation and model exchange give. */
const table: Record<string, { says?: RegExp; cs: Run; me?: Run }> = {
  base: { cs: 11, me: 501 },
  mem: { cs: /took \d+ MB of memory/ },
  hang: { cs: /did not answer within/ },
  exit: { cs: /exit code 0 during a run/ },
  abort: { cs: /SIGABRT/ },
  stdout: { cs: 11 },
  logfmt: { cs: 11, me: 501 },
  nextpast: { cs: 11, me: /More than 100 events at 0.5 s/ },
  nextnow: { cs: 11, me: /More than 100 events at 0 s/ },
  timeev: { cs: 11, me: 502 },
  needforever: { cs: 11, me: /Event iteration at 0 s did not end/ },
  discard: { cs: 11 },
  warn: { cs: 11 },
  nan: { cs: 11, me: /step fell below .* at 0\.5 s/ },
  discder: { cs: 11, me: /step fell below .* at 0\.9 s/ },
  fixed: { cs: 11 },
  strict: { cs: 11 },
  bom: { cs: 11 },
  latin1: { cs: 11 },
  win1252: { cs: 11 },
  utf16: { cs: 11 },
  entity: { says: /document type or entity/, cs: /document type or entity/ },
  ns: { cs: 11 },
  unknownattr: { says: /stepSize.*not allowed/, cs: 11 },
  unitundef: { says: /unit "V" is not defined/, cs: 11 },
  dupid: { says: /name "k" is taken/, cs: 11 },
  inf: { cs: 11 },
  bool1: { cs: 11 },
  emptystr: { cs: 11 },
  vendor: { cs: 11 },
  backslash: { says: /invalid characters in fileName/, cs: /invalid characters in fileName/ },
  dupentry: { cs: 11 },
  dotslash: { cs: 11 },
  umlaut: { cs: 11 },
  nodirs: { says: /neither a binary nor a source/, cs: /has no binary for this machine/ },
  xsd_typo_attr: { says: /variabilty/, cs: 11 },
  xsd_badenum: { says: /locale/, cs: /locale/ },
  xsd_order: { says: /DefaultExperiment.*not expected/, cs: 501 },
  xsd_unknownelem: { says: /Foo/, cs: 11 },
  xsd_nostruct: { says: /ModelStructure/, cs: /ModelStructure/ },
  xsd_noguid: { says: /guid/, cs: /guid/ },
  xsd_badbool: { says: /'yes'/, cs: /"yes"/ },
  xsd_badreal: { says: /0,5/, cs: /0,5/ },
  xsd_negvr: { says: /-3/, cs: /-3/ },
  xsd_derivtwice: { says: /listed twice/, cs: 11 },
  xsd_badindex: { says: /index 60/, cs: /index 60/ },
  xsd_fixedinput: { says: /input with variability=fixed/, cs: 11 },
  xsd_depnotinput: { says: /index 99/, cs: /index 99/ },
  xsd_alias_start: { says: /initial=exact is not allowed/, cs: 11 },
  xsd_nocontent: { says: /Character content/, cs: 11 },
  xsd_dupcs: { says: /second <CoSimulation>/, cs: 11 },
  xsd_zerovars: { says: /Missing child element/, cs: 11 },
  deriv_info: { cs: 11, me: 501 },
  int_continuous: { says: /has no variability/, cs: 11 },
  hyphen: { says: /no C identifier/, cs: 11, me: 501 },
  sec_traverse: { says: /invalid relative path/, cs: /invalid relative path/ },
  sec_abs: { says: /absolute path/, cs: /absolute path/ },
  sec_symlink: { says: /link or device/, cs: /link or device/ },
  sec_deep: { says: /nested/, cs: /nested/ },
  sec_billion: { says: /document type or entity/, cs: /document type or entity/ },
  sec_xxe: { says: /document type or entity/, cs: /document type or entity/ },
  sec_bomb: { says: /zip bomb, refused/, cs: /zip bomb, refused/ },
  sec_many: { says: /25002 entries; at most 20000/, cs: /25002 entries; at most 20000/ },
  big_reinit: { cs: 11 },
  wide: { cs: 11, me: 501 },
};
/** Large ones take their time on a busy machine. */
const PATIENCE_MS = 180_000;
/** Built for tests of their own below. */
const others = ['big_200k', 'envread', 'cwd', 'fork', 'term', 'uevent', 'xsd_badname'];

describe.skipIf(!canBuild)(`the FMU${reason}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'twinloop-cases-'));
  const cacheDir = join(dir, 'cache');
  beforeAll(() => {
    cpSync(generators, dir, { recursive: true });
    const wanted = [...Object.keys(table), ...others].map((name) => `${name}.fmu`);
    const only = `
import json, mk
wanted, make = json.loads(${JSON.stringify(JSON.stringify(wanted))}), mk.make
mk.make = lambda out, *a, **k: make(out, *a, **k) if out in wanted else None
for script in ('one', 'two', 'three', 'four', 'sec'):
    exec(open(script + '.py').read().replace('../../o/', ''), {})
`;
    const built = spawnSync('python3', ['-c', only], { cwd: dir, encoding: 'utf8' });
    expect(built.status, built.stderr).toBe(0);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const file = (name: string) => join(dir, `${name}.fmu`);
  const run = async (name: string, request: SimulateRequest = {}, timeoutMs = 30_000) =>
    simulate(await openFmu(file(name), { cacheDir }), { ...request, timeoutMs });
  const problemsOf = async (name: string) => {
    try {
      const { fmu, problems, xml } = await readFmu(file(name), { cacheDir });
      return [...(await validateSchema(xml, 2)), ...validateFmu(fmu, problems)];
    } catch (error) {
      return [{ line: 1, message: (error as Error).message }];
    }
  };

  it.each(Object.entries(table))(
    '%s is judged and run rightly',
    async (name, expected) => {
      const errors = (await problemsOf(name)).filter(isError);
      if (expected.says === undefined) expect(errors).toEqual([]);
      else {
        expect(errors.map((p) => p.message).join('\n')).toMatch(expected.says);
        expect(errors.every((p) => p.line > 0)).toBe(true);
      }
      for (const type of ['cs', 'me'] as const) {
        const wanted = expected[type];
        if (wanted === undefined) continue;
        // The hanging one is to be ended; the others have time enough on a busy machine.
        const result = run(name, { interface: type }, name === 'hang' ? 2000 : 30_000);
        if (typeof wanted === 'number') expect((await result).time.length).toBe(wanted);
        else await expect(result).rejects.toThrow(wanted);
      }
    },
    PATIENCE_MS,
  );

  it(
    'big_200k, with 200,000 variables, is read and found right',
    async () => {
      expect((await problemsOf('big_200k')).filter(isError)).toEqual([]);
      const { fmu } = await readFmu(file('big_200k'), { cacheDir });
      expect(fmu.modelDescription.variables.length).toBe(200_007);
    },
    PATIENCE_MS,
  );

  it(
    'wide and long.csv: 5,000 outputs and a long input file, each row and column there',
    async () => {
      const fmu = await openFmu(file('wide'), { cacheDir });
      const text = readFileSync(join(dir, 'long.csv'), 'utf8');
      const input = parseInputCsv(text, 'long.csv', fmu.modelDescription);
      const result = await simulate(fmu, {
        interface: 'cs',
        input,
        stopTimeS: 0.01,
        stepSizeS: 1e-4,
        outputIntervalS: 1e-3,
        timeoutMs: PATIENCE_MS,
      });
      expect(result.time.length).toBe(11);
      expect(result.columns.length).toBe(5002);
      for (const { name, values } of result.columns.slice(2)) {
        if (name !== 'y') expect([name, values]).toEqual([name, resultColumn(result, 'x')]);
      }
    },
    PATIENCE_MS,
  );

  it('envread reads no credentials, and cwd writes nothing where the caller is', async () => {
    const before = readdirSync('.');
    process.env.AWS_SECRET_ACCESS_KEY ??= 'none of yours';
    for (const name of ['envread', 'cwd']) await run(name, { stopTimeS: 0.2 });
    expect(readdirSync('.')).toEqual(before);
  });

  it('fork ends with its run, and nothing stays of it', async () => {
    expect((await run('fork')).time.length).toBe(11);
  });

  it('base keeps all rows of milliseconds at a time of today', async () => {
    const result = await run('base', {
      startTimeS: 1.7e9,
      stopTimeS: 1.7e9 + 0.1,
      stepSizeS: 1e-3,
      outputIntervalS: 1e-3,
    });
    expect(result.time.length).toBe(101);
  });

  it('term ends the run where it wants to', async () => {
    const result = await run('term', { interface: 'me' });
    expect(result.time.at(-1)).toBeCloseTo(0.3, 9);
    expect(result.terminated).toBe(true);
  });

  it('uevent sees its discrete input', async () => {
    const result = await run('uevent', { interface: 'me', startValues: { u: 7 }, outputs: ['y'] });
    expect(resultColumn(result, 'y').at(-1)).toBe(7);
  });

  it('xsd_badname breaks the naming that it announces: a warning', async () => {
    const problems = await problemsOf('xsd_badname');
    expect(problems.filter(isError)).toEqual([]);
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        clause: 'FMI 2.0.4, 2.2.9',
        message: expect.stringMatching(/"a b\["/),
      },
    ]);
  });

  it('prefix3 is compiled by the prefix rule, and told apart by what it lacks', async () => {
    await expect(simulate(join(generators, 'prefix3.fmu'))).rejects.toThrow(
      /has no function fmi3DoStep/,
    );
  });

  it('int64.csv is read to the last digit', async () => {
    const fmu = await openFmu(
      buildFmu('types', 3, (xml) => xml.replaceAll('"Int64_in"', '"Int64_input"')),
    );
    const text = '\ntime,Int64_input\n0,9007199254740993\n'.trimStart();
    const table = parseInputCsv(text, 'int64.csv', fmu.modelDescription);
    expect(JSON.stringify(table, (_, v) => (typeof v === 'bigint' ? `${v}` : v))).toContain(
      '9007199254740993',
    );
  });
});
