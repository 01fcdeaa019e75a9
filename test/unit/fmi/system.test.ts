// Systems of FMUs (SSP): against closed forms, and with faults of each kind.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createFmuPool,
  type Fmu,
  openFmu,
  resultColumn,
  simulate,
} from '../../../shared/fmi/index.js';
import { asSlave, buildFmu, hasCompiler } from './fixture-fmus.js';
import { buildSsp, component, connection, decay, ssd, ssm, ssv } from './system-fixtures.js';

const fmus = () => ({ 'decay.fmu': buildFmu('decay', 2) });

/** u → a → b: two lags in a row, as two machines of a line. */
const chain = (inside = '', more = '') =>
  ssd(
    `<ssd:Connectors><ssd:Connector name="feed" kind="input"><ssc:Real/></ssd:Connector><ssd:Connector name="out" kind="output"><ssc:Real/></ssd:Connector></ssd:Connectors>${more}
<ssd:Elements>${decay('a')}${decay('b')}</ssd:Elements>
<ssd:Connections>${connection('feed', 'a.u')}${connection('a.y', 'b.u', inside)}${connection('b.y', 'out')}</ssd:Connections>`,
  );

/** x of the second lag, for u = 0, x1(0) = x2(0) = 1, k1 = 1, k2 = 2. */
const second = (t: number, gain = 1) => gain * 2 * Math.exp(-t) + (1 - 2 * gain) * Math.exp(-2 * t);

async function endOf(
  fmu: Fmu,
  name: string,
  startValues = {},
  stepSizeS?: number,
): Promise<number> {
  const result = await simulate(fmu, {
    startValues,
    outputs: [name],
    ...(stepSizeS !== undefined && { stepSizeS }),
  });
  return resultColumn(result, name).at(-1) as number;
}

describe.skipIf(!hasCompiler)('a system of FMUs', () => {
  it.each(['jacobi', 'gauss-seidel'] as const)(
    'comes nearer to the closed form with the step: %s',
    async (master) => {
      const path = buildSsp(chain(), fmus());
      const off = [];
      for (const step of [0.1, 0.05, 0.025]) {
        const fmu = await openFmu(path, { master, masterStepSizeS: step });
        off.push(Math.abs((await endOf(fmu, 'out', { 'b.k': 2 }, 0.1)) - second(2)));
      }
      expect(off[0]).toBeLessThan(0.03);
      // First order: half the step, half the error.
      expect(off[0]! / off[1]!).toBeGreaterThan(1.8);
      expect(off[1]! / off[2]!).toBeGreaterThan(1.8);
    },
  );

  it('passes values on as transformations and units say', async () => {
    const half = '<ssc:LinearTransformation factor="0.5" offset="0"/>';
    const fmu = await openFmu(buildSsp(chain(half), fmus()), { masterStepSizeS: 0.001 });
    expect(await endOf(fmu, 'b.y', { 'b.k': 2 })).toBeCloseTo(second(2, 0.5), 3);
    const inMilli = chain().replace(
      '<ssd:Connector name="feed" kind="input"><ssc:Real/>',
      '<ssd:Connector name="feed" kind="input"><ssc:Real unit="mK"/>',
    );
    const driven = await openFmu(buildSsp(inMilli, fmus()));
    expect(driven.system?.wires.find((w) => w.from.variable === 'feed')?.factor).toBeCloseTo(1e-3);
    // A model at rest where its input is: 1000 mK are its start.
    expect(await endOf(driven, 'a.y', { feed: 1000 })).toBeCloseTo(1, 9);
  });

  it('offers variables of all components and of the whole, each settable where nothing feeds it', async () => {
    const { modelDescription: md } = await openFmu(buildSsp(chain(), fmus()));
    const found = Object.fromEntries(md.variables.map((v) => [v.name, v.causality]));
    expect(found).toMatchObject({
      feed: 'input',
      out: 'output',
      'a.u': 'local',
      'b.u': 'local',
      'a.y2': 'output',
      'b.k': 'parameter',
      'b.x': 'local',
    });
    expect(md.modelStructure.continuousStateDerivatives.map((d) => d.name)).toEqual([
      'a.der(x)',
      'b.der(x)',
    ]);
  });

  it('takes parameters from files and in place, the outer ones before the inner, and says what fits nothing', async () => {
    const inner = `<ssd:ParameterBindings><ssd:ParameterBinding source="resources/a.ssv"/></ssd:ParameterBindings>`;
    const outer = `<ssd:ParameterBindings><ssd:ParameterBinding><ssd:ParameterValues>${ssv(
      '<ssv:Parameter name="b.k"><ssv:Real value="120" unit="1/min"/></ssv:Parameter><ssv:Parameter name="b.nothing"><ssv:Real value="1"/></ssv:Parameter>',
    ).replace(/<\?xml.*\?>/, '')}</ssd:ParameterValues></ssd:ParameterBinding>
<ssd:ParameterBinding source="resources/speeds.ssv"><ssd:ParameterMapping source="resources/speeds.ssm"/></ssd:ParameterBinding></ssd:ParameterBindings>`;
    const text = chain('', outer).replace(decay('a'), decay('a', inner));
    const fmu = await openFmu(
      buildSsp(text, {
        ...fmus(),
        'a.ssv': ssv(
          '<ssv:Parameter name="k"><ssv:Real value="7"/></ssv:Parameter><ssv:Parameter name="x"><ssv:Real value="3"/></ssv:Parameter>',
        ),
        'speeds.ssv': ssv('<ssv:Parameter name="speed"><ssv:Real value="0.1"/></ssv:Parameter>'),
        'speeds.ssm': ssm(
          '<ssm:MappingEntry source="speed" target="a.k"><ssc:LinearTransformation factor="10" offset="3"/></ssm:MappingEntry>',
        ),
      }),
    );
    const [a, b] = fmu.system?.components ?? [];
    expect(a?.startValues).toEqual({ k: 4, x: 3 });
    expect(b?.startValues).toEqual({ k: 2 });
    expect(fmu.system?.warnings).toEqual([expect.stringContaining('b.nothing')]);
    expect(await endOf(fmu, 'a.y')).toBeCloseTo(3 * Math.exp(-8), 5);
    // The user comes last.
    expect(await endOf(fmu, 'a.y', { 'a.k': 1 })).toBeCloseTo(3 * Math.exp(-2), 5);
  });

  it('goes through nested systems, and runs model exchange, FMI 1 and FMI 3 side by side', async () => {
    const nested = `<ssd:System name="oven"><ssd:Connectors><ssd:Connector name="in" kind="input"><ssc:Real/></ssd:Connector><ssd:Connector name="out" kind="output"><ssc:Real/></ssd:Connector></ssd:Connectors>
<ssd:Elements>${component('b', 'three.fmu', { u: 'input', y: 'output' }).replace('<ssd:Component ', '<ssd:Component implementation="ModelExchange" ')}</ssd:Elements>
<ssd:Connections>${connection('in', 'b.u')}${connection('b.y', 'out')}</ssd:Connections></ssd:System>`;
    const text = ssd(
      `<ssd:Elements>${component('a', 'one.fmu', { u: 'input', y: 'output' })}${nested}${component('c', 'decay.fmu', { u: 'input', y: 'output' })}</ssd:Elements>
<ssd:Connections>${connection('a.y', 'oven.in')}${connection('oven.out', 'c.u')}</ssd:Connections>`,
    );
    const fmu = await openFmu(
      buildSsp(text, {
        'one.fmu': buildFmu('decay', 1, asSlave),
        'three.fmu': buildFmu('decay', 3),
        'decay.fmu': buildFmu('decay', 2),
      }),
      { masterStepSizeS: 0.002 },
    );
    expect(fmu.system?.components.map((c) => [c.name, c.interface])).toEqual([
      ['a', 'cs'],
      ['oven.b', 'me'],
      ['c', 'cs'],
    ]);
    const starts = { 'oven.b.k': 2, 'c.k': 3 };
    expect(await endOf(fmu, 'oven.b.y', starts, 0.1)).toBeCloseTo(second(2), 3);
    // Three lags in a row by partial fractions.
    const third = 3 * Math.exp(-2) - 3 * Math.exp(-4) + Math.exp(-6);
    expect(await endOf(fmu, 'c.y', starts, 0.1)).toBeCloseTo(third, 2);
  });

  it('maps enumerations and truth values', async () => {
    const kinds = `<ssd:Connector name="mode_in" kind="input"><ssc:Enumeration name="Mode"/></ssd:Connector><ssd:Connector name="mode_out" kind="output"><ssc:Enumeration name="Mode"/></ssd:Connector><ssd:Connector name="bool_in" kind="input"><ssc:Boolean/></ssd:Connector><ssd:Connector name="bool_out" kind="output"><ssc:Boolean/></ssd:Connector><ssd:Connector name="string_in" kind="input"><ssc:String/></ssd:Connector><ssd:Connector name="string_out" kind="output"><ssc:String/></ssd:Connector><ssd:Connector name="int_out" kind="output"><ssc:Integer/></ssd:Connector><ssd:Connector name="real_in" kind="input"><ssc:Real/></ssd:Connector>`;
    const one = (name: string) =>
      `<ssd:Component name="${name}" source="resources/types.fmu"><ssd:Connectors>${kinds}</ssd:Connectors></ssd:Component>`;
    const entry = (a: string, b: string) => `<ssc:MapEntry source="${a}" target="${b}"/>`;
    const fmu = await openFmu(
      buildSsp(
        ssd(`<ssd:Elements>${one('a')}${one('b')}</ssd:Elements><ssd:Connections>
${connection('a.mode_out', 'b.mode_in', `<ssc:EnumerationMappingTransformation>${entry('off', 'fast')}${entry('slow', 'slow')}${entry('fast', 'off')}</ssc:EnumerationMappingTransformation>`)}
${connection('a.bool_out', 'b.bool_in', `<ssc:BooleanMappingTransformation>${entry('true', 'false')}${entry('false', 'true')}</ssc:BooleanMappingTransformation>`)}
${connection('a.string_out', 'b.string_in')}${connection('a.int_out', 'b.real_in')}</ssd:Connections>`),
        { 'types.fmu': buildFmu('types', 2) },
      ),
    );
    const result = await simulate(fmu, {
      startValues: { 'a.mode_in': 3, 'a.bool_in': true, 'a.string_in': 'hello', 'a.int_in': 7 },
      outputs: ['b.mode_in', 'b.bool_in', 'b.string_in', 'b.real_in'],
    });
    expect(result.columns.map((c) => c.values.at(-1))).toEqual([1, 0, 'hello', 7]);
  });

  it('runs as a twin does: to rest, along times, and from kept states, the same each time', async () => {
    const fmu = await openFmu(buildSsp(chain(), fmus()), { masterStepSizeS: 0.05 });
    const pool = await createFmuPool({ fmu, lanes: 1 });
    try {
      const settled = await pool.settle({
        startValues: { 'a.k': 2 },
        inputs: { feed: 5 },
        outputs: ['out'],
        stepSizeS: 0.1,
        maxTimeS: 200,
        relativeTolerance: 1e-7,
      });
      expect(settled.settled).toBe(true);
      expect(settled.values[0]).toBeCloseTo(5, 5);
      const timesS = Float64Array.of(0, 0.5, 1, 2);
      const run = () =>
        pool.trajectory({
          startValues: { 'b.k': 2 },
          outputs: ['b.y'],
          timesS,
          stepSizeS: 0.05,
          keepStates: true,
        });
      const [first, again] = [await run(), await run()];
      expect(again).toEqual(first);
      expect(first.values[3]).toBeCloseTo(second(2), 1);
      // The same way in two pieces.
      const halfway = await pool.propagate({
        startValues: { 'b.k': 2 },
        states: first.states!.slice(4, 6),
        outputs: ['b.y'],
        fromS: 1,
        toS: 2,
        stepSizeS: 0.05,
      });
      expect(halfway.values[0]).toBeCloseTo(first.values[3]!, 10);
      const a = await pool.advance({ outputs: ['b.y'], fromS: 0, toS: 1, stepSizeS: 0.05 });
      const b = await pool.advance({
        state: a.state,
        outputs: ['b.y'],
        fromS: 1,
        toS: 2,
        stepSizeS: 0.05,
      });
      const whole = await pool.advance({ outputs: ['b.y'], fromS: 0, toS: 2, stepSizeS: 0.05 });
      expect(b.values[0]).toBeCloseTo(whole.values[0]!, 12);
    } finally {
      await pool.close();
    }
  });

  it('solves loops at initialization where going round does, and refuses them else', async () => {
    const loop = (factor: number) =>
      ssd(
        `<ssd:Elements>${decay('a')}${decay('b')}</ssd:Elements><ssd:Connections>${connection('a.y2', 'b.u', `<ssc:LinearTransformation factor="${factor}"/>`)}${connection('b.y2', 'a.u', `<ssc:LinearTransformation factor="${factor}"/>`)}</ssd:Connections>`,
      );
    // y2 = 2x + u: with x = 1 in both, u = f (2 + u) in both.
    const fmu = await openFmu(buildSsp(loop(0.5), fmus()));
    const result = await simulate(fmu, { outputs: ['a.u'], stopTimeS: 0.01 });
    expect(resultColumn(result, 'a.u')[0]).toBeCloseTo(2, 8);
    const wild = await openFmu(buildSsp(loop(-1.5), fmus()));
    await expect(simulate(wild)).rejects.toThrow(/algebraic loop.*break it/);
  });

  it('opens from a description alone and from a folder', async () => {
    const path = buildSsp(chain(), fmus());
    const archive = await openFmu(path);
    const folder = archive.unzipDir;
    expect((await openFmu(join(folder, 'SystemStructure.ssd'))).modelDescription).toEqual(
      archive.modelDescription,
    );
    expect((await openFmu(folder)).system?.components).toHaveLength(2);
  });
});

const expectRefused = async (path: string, ...texts: (string | RegExp)[]) => {
  const error = await openFmu(path).then(
    () => expect.fail(`${path} was opened`),
    (e: Error & { code: string }) => e,
  );
  expect(['FMU_INVALID', 'FILE_NOT_FOUND']).toContain(error.code);
  for (const text of texts) expect(error.message).toMatch(text);
};

describe.skipIf(!hasCompiler)('a faulty system', () => {
  const withConnections = (connections: string, elements = decay('a') + decay('b')) =>
    buildSsp(
      ssd(
        `<ssd:Elements>${elements}</ssd:Elements><ssd:Connections>${connections}</ssd:Connections>`,
      ),
      fmus(),
    );

  it.each([
    ['an unknown component', connection('a.y', 'c.u'), /endElement="c".*a, b/],
    ['an unknown connector', connection('a.z', 'b.u'), /startConnector="z".*u, y, y2, k/],
    [
      'a connection the wrong way',
      connection('b.u', 'a.y'),
      /does not run from a source to a target\. Swap/,
    ],
    ['two inputs', connection('b.u', 'a.u'), /does not run from a source to a target\.$/m],
    [
      'an input that is fed twice',
      connection('a.y', 'b.u') + connection('a.y2', 'b.u'),
      /b\.u is fed twice: from a\.y and a\.y2/,
    ],
  ])('is refused with its line for %s', async (_, connections, expected) => {
    await expectRefused(withConnections(connections), expected, /line \d+/);
  });

  it('is refused for connectors that the FMU has not, or has as something else', async () => {
    await expectRefused(
      withConnections('', component('a', 'decay.fmu', { q: 'input' })),
      /has no variable "q".*but u/,
    );
    await expectRefused(
      withConnections('', component('a', 'decay.fmu', { y: 'input' })),
      /kind "input".*causality is "output"/,
    );
    await expectRefused(
      withConnections('', component('a', 'decay.fmu', { u: 'input' }).replace('Real', 'Boolean')),
      /type boolean.*Float64/,
    );
  });

  it('is refused for types and units that do not go together', async () => {
    const typed = `<ssd:Component name="t" source="resources/types.fmu"><ssd:Connectors><ssd:Connector name="bool_out" kind="output"><ssc:Boolean/></ssd:Connector></ssd:Connectors></ssd:Component>`;
    const text = ssd(
      `<ssd:Elements>${typed}${decay('a')}</ssd:Elements><ssd:Connections>${connection('t.bool_out', 'a.u')}</ssd:Connections>`,
    );
    await expectRefused(
      buildSsp(text, { ...fmus(), 'types.fmu': buildFmu('types', 2) }),
      /boolean values can't become real/,
    );
    const meters = (more = '') =>
      buildSsp(
        ssd(
          `<ssd:Elements>${decay('a')}${decay('b').replace('name="u" kind="input"><ssc:Real/>', 'name="u" kind="input"><ssc:Real unit="m"/>')}</ssd:Elements><ssd:Connections>${connection('a.y', 'b.u', '', more)}</ssd:Connections>`,
        ),
        fmus(),
      );
    await expectRefused(meters(), /from "K" to "m": they measure different things/);
    expect((await openFmu(meters(' suppressUnitConversion="true"'))).system?.wires).toHaveLength(1);
  });

  it.each([
    ['leaves the folder', '../decay.fmu'],
    ['leaves the folder, hidden', 'resources/%2e%2e/%2e%2e/decay.fmu'],
    ['is absolute', '/etc/passwd'],
    ['lies elsewhere', 'http://127.0.0.1/a.fmu'],
    ['is a file by URI', 'file:///etc/passwd'],
    ['is not there', 'resources/other.fmu'],
  ])('is refused for a source that %s', async (_, source) => {
    const text = ssd(
      `<ssd:Elements>${decay('a').replace('resources/decay.fmu', source)}</ssd:Elements>`,
    );
    await expectRefused(buildSsp(text, fmus()), /component a: source=/);
  });

  it('is refused for paths of its archive that leave it, and for what is no system', async () => {
    await expectRefused(
      buildSsp(chain(), fmus(), { '../evil': new Uint8Array(1) }),
      /leaves its folder|invalid relative path/,
    );
    await expectRefused(buildSsp('<a/>', fmus()), /no system structure/);
    await expectRefused(buildSsp(ssd(''), {}), /no components/);
    const path = join(dirname(buildSsp('<a/>', {})), 'plain.ssp');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'no zip');
    await expectRefused(path, /not a readable/);
  });

  it('is refused for parameters that are none of the type, and mappings of what is not there', async () => {
    const bound = (name: string, value: string) =>
      chain(
        '',
        `<ssd:ParameterBindings><ssd:ParameterBinding><ssd:ParameterValues>${ssv(`<ssv:Parameter name="${name}">${value}</ssv:Parameter>`).replace(/<\?xml.*\?>/, '')}</ssd:ParameterValues></ssd:ParameterBinding></ssd:ParameterBindings>`,
      );
    await expectRefused(
      buildSsp(bound('a.k', '<ssv:String value="fast"/>'), fmus()),
      /a\.k.*expected a number/,
    );
    await expectRefused(
      buildSsp(bound('a.k', '<ssv:Real value="1" unit="m"/>'), fmus()),
      /different things/,
    );
    await expectRefused(buildSsp(bound('a.y', '<ssv:Real value="1"/>'), fmus()), /can't be set/);
  });
});
