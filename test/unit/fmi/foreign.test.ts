// What FMUs of other tools do that an importer must bear: each case was seen.
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogFields } from '../../../shared/core/index.js';
import { pruneCache } from '../../../shared/fmi/description/cache.js';
import { validateSchema } from '../../../shared/fmi/description/validate-schema.js';
import {
  createFmuPool,
  openFmu,
  parseInputCsv,
  readFmu,
  resultColumn,
  type SimulateRequest,
  simulate,
  validateFmu,
} from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-foreign-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const plain = (xml: string) => xml;

async function run(path: string, request: SimulateRequest) {
  return simulate(path, { ...request, timeoutMs: 30_000 });
}

describe.skipIf(!hasCompiler)('times', () => {
  it.each(['cs', 'me'] as const)('of today, in milliseconds, lose no row (%s)', async (type) => {
    const result = await run(buildFmu('decay', 2), {
      interface: type,
      startTimeS: 1.7e9,
      stopTimeS: 1.7e9 + 0.1,
      stepSizeS: 1e-3,
      outputIntervalS: 1e-3,
    });
    expect(result.time.length).toBe(101);
    expect(result.time.at(-1)).toBeCloseTo(1.7e9 + 0.1, 6);
    if (type === 'cs') expect(result.statistics.steps).toBe(100);
  });

  it.each(['cs', 'me'] as const)('of 1e-13 s lose no row (%s)', async (type) => {
    const result = await run(buildFmu('decay', 2), {
      interface: type,
      stopTimeS: 1e-11,
      stepSizeS: 1e-13,
      outputIntervalS: 1e-13,
    });
    expect(result.time.length).toBe(101);
    expect(result.time.at(-1)).toBeCloseTo(1e-11, 20);
  });

  it('are for co-simulation the sums that the FMU forms itself, to the digit', async () => {
    const result = await run(buildFmu('hostile', 2), {
      interface: 'cs',
      startValues: { mode: 14, at: 0 },
      stopTimeS: 2,
      stepSizeS: 0.1,
    });
    expect([...result.time]).toEqual(Array.from({ length: 21 }, (_, k) => k * 0.1));
  });
});

describe.skipIf(!hasCompiler)('rows', () => {
  it('are right where an FMU evaluates in steps only', async () => {
    const result = await run(buildFmu('decay', 2, plain, ['-O1', '-DLAZY']), {
      interface: 'me',
      outputs: ['x', 'der(x)'],
      inputs: {},
      startValues: { x: 1, u: 0, k: 1 },
      stopTimeS: 2,
      outputIntervalS: 0.05,
    } as SimulateRequest);
    const x = resultColumn(result, 'x');
    const dx = resultColumn(result, 'der(x)');
    for (let row = 1; row < x.length; row++) expect(dx[row]).toBeCloseTo(-(x[row] as number), 12);
  });

  it('hold what comes after an event where events have no rows of their own', async () => {
    for (const version of [2, 3] as const) {
      const result = await run(buildFmu('stair', version), {
        interface: 'me',
        stopTimeS: 4,
        outputIntervalS: 1,
        outputs: ['counter'],
        recordEvents: false,
      });
      expect([...result.time]).toEqual([0, 1, 2, 3, 4]);
      expect([...resultColumn(result, 'counter')]).toEqual([1, 2, 3, 4, 5]);
    }
  });

  it('name aliases as they were asked for', async () => {
    const path = buildFmu('decay', 3, (xml) =>
      xml.replace(/(<Float64 name="y"[^>]*?)\/>/, '$1><Alias name="y_other"/></Float64>'),
    );
    const result = await run(path, { outputs: ['y', 'y_other', 'y'], stopTimeS: 1 });
    expect(result.columns.map((c) => c.name)).toEqual(['y', 'y_other']);
    expect(result.columns[1]?.values).toEqual(result.columns[0]?.values);
  });
});

describe.skipIf(!hasCompiler)('start values', () => {
  it.each(['SETUP_RESETS', 'INITIALIZATION_RESETS'])('survive %s', async (flag) => {
    const path = buildFmu('decay', 2, plain, ['-O1', `-D${flag}`]);
    for (const k of [1, 2]) {
      const result = await run(path, {
        interface: 'cs',
        startValues: { k, u: 0, x: 1 },
        outputs: ['x', 'k'],
        stopTimeS: 1,
      });
      expect(resultColumn(result, 'k').at(-1)).toBe(k);
      expect(resultColumn(result, 'x').at(-1)).toBeCloseTo(Math.exp(-k), 6);
    }
  });

  it('are not lost in an instance that reset does not bring back', async () => {
    const path = buildFmu('decay', 2, plain, ['-O1', '-DRESET_NOOP']);
    const warnings: LogFields[] = [];
    const quiet = () => undefined;
    const pool = await createFmuPool({
      fmu: await openFmu(path),
      lanes: 1,
      logger: {
        error: quiet,
        warn: (_, fields) => void warnings.push(fields ?? {}),
        info: quiet,
        debug: quiet,
      },
    });
    try {
      for (let i = 0; i < 4; i++) {
        const result = await pool.simulate({ interface: 'cs', stopTimeS: 1, outputs: ['x'] });
        const fresh = await run(path, { interface: 'cs', stopTimeS: 1, outputs: ['x'] });
        expect(resultColumn(result, 'x')).toEqual(resultColumn(fresh, 'x'));
      }
    } finally {
      await pool.close();
    }
    expect(warnings.filter((w) => /instantiated anew/.test(String(w.text)))).toHaveLength(1);
  });
});

it.skipIf(!hasCompiler)('a warning of every step is logged once and counted', async () => {
  const logged: [string, LogFields | undefined][] = [];
  const note = (message: string, fields?: LogFields) => void logged.push([message, fields]);
  await simulate(buildFmu('hostile', 2), {
    interface: 'cs',
    startValues: { mode: 13, at: 0 },
    stopTimeS: 2,
    logger: { error: note, warn: note, info() {}, debug() {} },
  });
  expect(logged.filter(([message]) => message === 'FMU message')).toHaveLength(1);
  const [, repeated] = logged.find(([message]) => message === 'FMU message repeated') ?? [];
  expect(repeated?.times).toBe(20);
});

describe.skipIf(!hasCompiler)('descriptions', () => {
  const problemsOf = async (edit: (xml: string) => string) => {
    const { fmu, problems, xml } = await readFmu(buildFmu('decay', 2, edit));
    const all = [...(await validateSchema(xml, 2)), ...validateFmu(fmu, problems)];
    return all.filter((p) => p.severity !== 'warning');
  };

  it.each([
    [
      'an unknown element',
      (s: string) => s.replace('<ModelVariables>', '<Foo/><ModelVariables>'),
      /Foo/,
    ],
    [
      'an unknown attribute',
      (s: string) => s.replace('<CoSimulation ', '<CoSimulation stepSize="1" '),
      /stepSize.*not allowed/,
    ],
    [
      'text content',
      (s: string) => s.replace('<ModelVariables>', '<ModelVariables>text'),
      /Character content/,
    ],
    [
      'a wrong order',
      (s: string) => {
        const [experiment = ''] = /<DefaultExperiment[^>]*\/>/.exec(s) ?? [];
        return s
          .replace(experiment, '')
          .replace('</ModelStructure>', `</ModelStructure>${experiment}`);
      },
      /DefaultExperiment.*not expected/,
    ],
    [
      'no variables',
      (s: string) =>
        s
          .replace(/<ModelVariables>.*<\/ModelVariables>/s, '<ModelVariables></ModelVariables>')
          .replace(/<ModelStructure>.*<\/ModelStructure>/s, '<ModelStructure/>'),
      /Missing child element/,
    ],
  ] as const)('with %s are invalid, with line and clause', async (_, edit, message) => {
    const problems = await problemsOf(edit);
    const found = problems.find((p) => message.test(p.message));
    expect(found?.line).toBeGreaterThan(1);
    expect(found?.clause).toMatch(/FMI 2.0.4/);
  });

  it('with an Integer that defaults to continuous are invalid, and run all the same', async () => {
    const edit = (xml: string) =>
      xml.replace(
        '</ModelVariables>',
        '<ScalarVariable name="n" valueReference="3" causality="local" initial="calculated"><Integer/></ScalarVariable></ModelVariables>',
      );
    expect((await problemsOf(edit)).map((p) => p.message).join()).toMatch(/no variability/);
    expect((await run(buildFmu('decay', 2, edit), { stopTimeS: 0.1 })).time.length).toBeGreaterThan(
      1,
    );
  });

  it('may tell derivatives that are no states', async () => {
    const informing = (xml: string) =>
      xml.replace(
        '</ModelVariables>',
        '<ScalarVariable name="v" valueReference="1" causality="local" variability="continuous" initial="calculated"><Real derivative="2"/></ScalarVariable></ModelVariables>',
      );
    expect(await problemsOf(informing)).toEqual([]);
  });

  it('without some initial unknowns deserve a warning only', async () => {
    const without = (xml: string) => xml.replace(/<InitialUnknowns>.*<\/InitialUnknowns>/s, '');
    const { fmu, problems } = await readFmu(buildFmu('decay', 2, without));
    const found = validateFmu(fmu, problems);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((p) => p.severity === 'warning')).toBe(true);
  });
});

describe.skipIf(!hasCompiler)('archives', () => {
  /** The archive once more with a second entry of a name. */
  const doubled = (content: string) => {
    const files = unzipSync(new Uint8Array(readFileSync(buildFmu('decay', 2))));
    const bytes = Buffer.from(
      zipSync({
        ...files,
        'resources/a.txt': new TextEncoder().encode('x'),
        'resources/b.txt': new TextEncoder().encode(content),
      }),
    );
    for (let at = bytes.indexOf('resources/b.txt'); at >= 0; at = bytes.indexOf('resources/b.txt'))
      bytes.write('resources/a.txt', at, 'latin1');
    const path = join(dir, `doubled-${content}.fmu`);
    writeFileSync(path, bytes);
    return path;
  };

  it('with the same file twice are run, with two different ones refused', async () => {
    const cacheDir = join(dir, 'cache-doubled');
    expect((await openFmu(doubled('x'), { cacheDir })).modelDescription.modelName).toBe('Decay');
    await expect(openFmu(doubled('y'), { cacheDir })).rejects.toThrow(/twice/);
  });

  it('may write ./ in front of names', async () => {
    const files = unzipSync(new Uint8Array(readFileSync(buildFmu('decay', 2))));
    const path = join(dir, 'dots.fmu');
    const dotted = Object.entries(files).map(([name, bytes]) => [`./${name}`, bytes] as const);
    writeFileSync(path, zipSync(Object.fromEntries(dotted)));
    const fmu = await openFmu(path, { cacheDir: join(dir, 'cache-dots') });
    expect((await simulate(fmu, { stopTimeS: 0.1 })).time.length).toBeGreaterThan(1);
  });

  it('leave the cache again, least recently used first, when it has grown', async () => {
    const cacheDir = join(dir, 'cache-small');
    const opened: string[] = [];
    for (let i = 0; i < 3; i++) {
      const path = buildFmu('decay', 2, (xml) => xml.replace('Decay', `Decay${i}`));
      const fmu = await openFmu(path, { cacheDir });
      opened.push(fmu.unzipDir);
      const longAgo = new Date(Date.now() - (10 - i) * 24 * 3600 * 1000);
      utimesSync(fmu.unzipDir, longAgo, longAgo);
    }
    await pruneCache(cacheDir, opened[0] as string, 1);
    expect(opened.map((path) => existsSync(path))).toEqual([true, false, false]);
  });
});

it.skipIf(!hasCompiler)(
  'input files keep 64-bit integers, texts and bytes as they are',
  async () => {
    const fmu = await openFmu(buildFmu('types', 3));
    const input = parseInputCsv(
      'time,Int64_in,UInt64_in\n0,9007199254740993,18446744073709551615\n1,-9007199254740993,1\n',
      'in.csv',
      fmu.modelDescription,
    );
    const result = await simulate(fmu, {
      input,
      stopTimeS: 0.5,
      outputs: ['Int64_out', 'UInt64_out'],
    });
    expect(result.columns[0]?.values.at(-1)).toBe(9007199254740993n);
    expect(result.columns[1]?.values.at(-1)).toBe(18446744073709551615n);
    expect(() => parseInputCsv('time,Int64_in\n0,1.5\n', 'in.csv', fmu.modelDescription)).toThrow(
      /in.csv:2: .*whole number/,
    );
  },
);

describe.skipIf(!hasCompiler)('stiff models', () => {
  it.each([1e-4, 1e-6])(
    'are integrated to the end without being named so, tolerance %f',
    async (tolerance) => {
      const result = await run(buildFmu('roberts', 2), {
        interface: 'me',
        stopTimeS: 1e5,
        outputIntervalS: 1e4,
        tolerance,
      });
      expect(resultColumn(result, 'y1').at(-1)).toBeCloseTo(0.017866, 4);
      expect(resultColumn(result, 'y3').at(-1)).toBeCloseTo(0.982134, 4);
      expect(result.statistics.steps).toBeLessThan(20_000);
    },
  );

  it('end with the time reached where a solver was chosen that they defeat', async () => {
    await expect(
      run(buildFmu('roberts', 2), {
        interface: 'me',
        solver: 'dopri5',
        stopTimeS: 1e5,
        outputIntervalS: 1e4,
      }),
    ).rejects.toMatchObject({
      code: 'NUMERIC',
      message: expect.stringMatching(/\d+ steps brought the run to [\d.]+ s.*stiff.*rodas3/),
    });
  });
});
