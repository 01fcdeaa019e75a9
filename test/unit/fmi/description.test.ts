import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageFile, TwinError } from '../../../shared/core/index.js';
import { parseXml } from '../../../shared/fmi/description/xml.js';
import {
  findVariable,
  readModelDescription,
  toDisplayUnit,
  toVariableUnit,
  validateFmu,
} from '../../../shared/fmi/index.js';

const bytes = (s: string) => new TextEncoder().encode(s);
const fixture = (name: string) =>
  readFileSync(packageFile(`test/fixtures/fmus/descriptions/${name}.xml`), 'utf8');

function problemsOf(xml: string): string[] {
  const { modelDescription, problems } = readModelDescription(bytes(xml));
  const fmu = { path: '', sha256: '', unzipDir: '/nonexistent', cacheDir: '', modelDescription };
  return validateFmu(fmu, problems)
    .filter((p) => !/binary/.test(p.message))
    .map((p) => `${p.line}: ${p.message}`);
}

describe('modelDescription.xml', () => {
  it('is read alike from FMI 2 and FMI 3', () => {
    const [two, three] = (['decay.fmi2', 'decay.fmi3'] as const).map(
      (name) => readModelDescription(bytes(fixture(name))).modelDescription,
    );
    for (const md of [two, three]) {
      expect(md?.modelName).toBe('Decay');
      expect(md?.instantiationToken).toBe('decay-1');
      expect(md?.coSimulation?.canGetAndSetFmuState).toBe(true);
      expect(md?.modelExchange?.needsCompletedIntegratorStep).toBe(false);
      expect(md?.defaultExperiment).toEqual({
        startTime: 0,
        stopTime: 5,
        tolerance: 1e-6,
        stepSize: 0.1,
      });
      const k = md && findVariable(md, 'k');
      expect(k).toMatchObject({
        type: 'Float64',
        causality: 'parameter',
        variability: 'tunable',
        start: [1],
        min: -1000,
        unit: '1/s',
      });
      expect(md && findVariable(md, 'der(x)')?.derivative).toBe('x');
      expect(md?.modelStructure.continuousStateDerivatives.map((u) => u.name)).toEqual(['der(x)']);
    }
  });

  it('converts units through display units and base units', () => {
    const { modelDescription: md } = readModelDescription(bytes(fixture('decay.fmi2')));
    const [k, u] = ['k', 'u'].map((name) => findVariable(md, name)!);
    expect(toVariableUnit(md, k!, 60, '1/min')).toBe(1);
    expect(toVariableUnit(md, u!, 20, 'degC')).toBeCloseTo(293.15, 10);
    expect(toVariableUnit(md, u!, 5000, 'mK')).toBeCloseTo(5, 12);
    expect(toDisplayUnit(md, u!, 293.15, 'degC')).toBeCloseTo(20, 10);
    expect(() => toVariableUnit(md, u!, 1, 'bar')).toThrowError(/does not say how/);
  });

  it.each([
    ['a name twice', 'name="k"', 'name="u"', /line 14|taken already/],
    ['no start value', 'start="1" min="-1000"', 'min="-1000"', /"k": a start value is required/],
    [
      'a start value too many',
      '<Real unit="K"/>',
      '<Real unit="K" start="1"/>',
      /not allowed with initial=calculated/,
    ],
    [
      'causality and variability',
      'causality="parameter" variability="tunable"',
      'causality="parameter" variability="continuous"',
      /variability=continuous is not allowed/,
    ],
    ['an unknown unit', 'unit="1/s"', 'unit="Hz"', /unit "Hz" is not defined/],
    ['bounds', 'min="-1000"', 'min="5"', /below min=5/],
    ['a missing output', '<Unknown index="5"/>', '', /output "y" is missing|initial unknowns/],
    ['a derivative of nothing', 'derivative="1"', 'derivative="77"', /there is no such variable/],
    [
      'a state whose derivative is not listed, which makes it none',
      '<Derivatives><Unknown index="2"/></Derivatives>',
      '',
      /listed as initial unknown, but is none/,
    ],
    ['a number', 'start="1" min', 'start="eins" min', /expected a value of type Real/],
    ['a choice', 'causality="input"', 'causality="inputt"', /expected one of parameter/],
    [
      'a flag',
      'canGetAndSetFMUstate="true"',
      'canGetAndSetFMUstate="yes"',
      /expected true or false/,
    ],
    ['an index', 'index="5"', 'index="99"', /there are 6 variables/],
    [
      'initial',
      'variability="tunable" initial="exact"',
      'variability="tunable" initial="calculated"',
      /initial=calculated is not allowed/,
    ],
    [
      'type',
      'canSerializeFMUstate="true"',
      'canSerializeFMUstate="true" canGetAndSetFMUState="x"',
      undefined,
    ],
  ])('is checked for %s', (_what, before, after, message) => {
    const original = fixture('decay.fmi2');
    expect(original).toContain(before);
    const problems = problemsOf(original.replace(before, after));
    if (message === undefined) expect(problems).toEqual([]);
    else expect(problems.join('\n')).toMatch(message);
    for (const problem of problems) expect(Number(problem.split(':')[0])).toBeGreaterThan(0);
  });

  it.each([
    [
      'valueReference="30" causality="structuralParameter"',
      'valueReference="30" causality="parameter"',
      /must be a structural parameter/,
    ],
    ['start="-1 0 0 -2"', 'start="-1 0 0"', /3 start values for 4/],
    [
      '<Dimension valueReference="30"/></Float64>',
      '<Dimension valueReference="777"/></Float64>',
      /777/,
    ],
    ['valueReference="24"', 'valueReference="16"', /valueReference 16 is taken/],
    ['start="1 1"', 'start="1 one"', /no value of type Float64/],
  ])('is checked for arrays: %s', (before, after, message) => {
    const original = fixture('arrays.fmi3');
    expect(original).toContain(before);
    expect(problemsOf(original.replace(before, after)).join('\n')).toMatch(message);
  });

  it('names the line of a problem', () => {
    const xml = fixture('decay.fmi2');
    const line =
      xml.split('\n').findIndex((l) => l.includes('unit="1/s" ') || l.includes('unit="1/s"/')) + 1;
    expect(problemsOf(xml.replace('unit="1/s"/', 'unit="parsec"/'))[0]).toMatch(
      new RegExp(`^${line}: `),
    );
  });

  it.each([
    ['1.1', 'FMU_UNSUPPORTED'],
    ['3.1', 'FMU_UNSUPPORTED'],
    ['', 'FMU_UNSUPPORTED'],
  ])('of version %j is refused', (version, code) => {
    const xml = fixture('decay.fmi2').replace('fmiVersion="2.0"', `fmiVersion="${version}"`);
    expect(() => readModelDescription(bytes(xml))).toThrowError(expect.objectContaining({ code }));
  });
});

describe('hostile XML', () => {
  const laughs = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">]><a x="&b;"/>`;
  it.each([
    ['entities', laughs, /document type/],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /document type/],
    ['depth', '<a>'.repeat(5000) + '</a>'.repeat(5000), /deeper|exceeded/i],
    ['an endless tag', `<a b="${'x'.repeat(5_000_000)}"/>`, /tag of more than/],
    ['an open end', '<a><b></a>', /not well-formed/],
    ['two roots', '<a/><b/>', /2 root elements|well-formed/],
    ['no root', '<!-- nothing -->', /root|well-formed/i],
    ['an unclosed quote', '<a b="x>', /never closed|well-formed/],
    ['reserved names', '<a __proto__="x"/>', /./],
    ['bytes that are no text', '\u0000', /./],
  ])('with %s is refused with a coded error', (_what, xml, message) => {
    expect(() => parseXml(bytes(xml), 'x.xml')).toThrowError(
      expect.objectContaining({ code: 'FMU_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('of a gigabyte is refused by its size', () => {
    const limits = { maxBytes: 1000, maxDepth: 10, maxTagLength: 100 };
    expect(() => parseXml(new Uint8Array(1001), 'x.xml', limits)).toThrowError(/1001 bytes/);
  });

  it('keeps its predefined entities, CDATA, comments and encodings', () => {
    const root = parseXml(
      bytes('<a x="1 &lt; 2 &amp;#65; &#x41;"><!-- <b> --><![CDATA[<c>]]><d/></a>'),
      'x',
    );
    expect(root.attributes.get('x')).toBe('1 < 2 &#65; A');
    expect(root.children.map((c) => c.name)).toEqual(['d']);
    const latin = Buffer.from(
      '<?xml version="1.0" encoding="ISO-8859-1"?><a x="gr\u00fc\u00df"/>',
      'latin1',
    );
    expect(parseXml(latin, 'x').attributes.get('x')).toBe('grüß');
    const utf16 = Buffer.from('\ufeff<?xml version="1.0" encoding="UTF-16"?><a x="ü"/>', 'utf16le');
    expect(parseXml(utf16, 'x').attributes.get('x')).toBe('ü');
  });

  it('never yields anything but a description or a coded error', () => {
    const seeds = ['decay.fmi2', 'arrays.fmi3', 'types.fmi3'].map(fixture);
    const pieces = fc.constantFrom(
      '<',
      '>',
      '"',
      '/>',
      '&lt;',
      '&#0;',
      '&#xFFFFFF;',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?',
      '?>',
      'valueReference="4294967296"',
      'index="0"',
      'start="1e999"',
      'derivative="2"',
      '\u0000',
      'NaN',
      'constructor="1"',
      '<Dimension start="99999999999"/>',
      'dependencies="-1 x"',
      '\ud800',
      '<!DOCTYPE',
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), pieces), {
          minLength: 1,
          maxLength: 6,
        }),
        (seed, edits) => {
          let xml = seed;
          for (const [where, cut, piece] of edits) {
            const at = Math.floor(where * xml.length);
            xml = xml.slice(0, at) + piece + xml.slice(at + cut);
          }
          try {
            problemsOf(xml);
          } catch (error) {
            expect(error).toBeInstanceOf(TwinError);
            expect((error as TwinError).code).toMatch(/^FMU_/);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
