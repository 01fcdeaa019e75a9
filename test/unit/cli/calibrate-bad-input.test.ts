import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { type CommandIo, packageFile, silentLogger } from '../../../shared/core/index.js';
import type { CalibrationOutput, StepResult } from '../../../shared/twin/index.js';
import { PUBLISHED, simulateBox } from '../../study/real-box.js';
import { compileFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-bad-input-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** time, heater on, room, air; what is not there is empty. */
type Row = readonly [number, number, number, number | undefined];
const record: Row[] = simulateBox({ title: 'right' }, 4, 150).map((s) => [
  s.timeS,
  s.inputs[0]!,
  s.inputs[1]!,
  s.measured[0]!,
]);

interface Parameter {
  variable: string;
  lower?: number;
  upper?: number;
  prior: { mean: number; std: number };
}
const parameter = (variable: string, mean: number, bounds: Partial<Parameter> = {}): Parameter => ({
  variable,
  lower: 0,
  prior: { mean, std: 1.3 * mean },
  ...bounds,
});
const four = [
  parameter('C_air', 200),
  parameter('G_box', 0.7),
  parameter('C_heater', 250),
  parameter('G_heater', 2),
];
const source = readFileSync(packageFile('test/fixtures/fmus/models/box.c'), 'utf8');
const xml = readFileSync(packageFile('test/fixtures/fmus/descriptions/box.fmi2.xml'), 'utf8');

/** The box's FMU, its source changed. */
function box(name: string, edit: (c: string) => string): string {
  const path = join(dir, `${name}.c`);
  writeFileSync(path, edit(source));
  return compileFmu({ name: 'box', version: 2, xml, source: path });
}

/** One run of `calibrate` as a user makes it. */
async function calibrate(
  name: string,
  {
    rows = record,
    parameters = four,
    edit = (c: string) => c,
  }: { rows?: readonly Row[]; parameters?: readonly Parameter[]; edit?: (c: string) => string },
) {
  const file = (ending: string) => join(dir, `${name}.${ending}`);
  writeFileSync(
    file('twin.json'),
    JSON.stringify({
      name,
      fmu: box(name, edit),
      inputs: [
        { variable: 'heaterOn', column: 'on' },
        { variable: 'T_room', column: 'room' },
      ],
      measured: [{ variable: 'T', alias: '/T', column: 'T' }],
      parameters: parameters.map((p) => ({ ...p, alias: `/${p.variable}` })),
      simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 },
      transient: { inputInterpolation: 'hold' },
    }),
  );
  writeFileSync(
    file('csv'),
    ['time,on,room,T', ...rows.map((r) => r.map((v) => v ?? '').join(','))].join('\n'),
  );
  const command = (await loadCommands()).find((c) => c.name === 'calibrate')!;
  const io: CommandIo = {
    stdout: new PassThrough().resume(),
    stderr: new PassThrough().resume(),
    logger: silentLogger,
    signal: new AbortController().signal,
    env: {},
  };
  const args = { twin: file('twin.json'), data: file('csv'), output: file('out.json'), lanes: 1 };
  const code = await command.run(args, io);
  const output = JSON.parse(readFileSync(file('out.json'), 'utf8')) as CalibrationOutput & {
    steps: StepResult[];
  };
  const { verdict } = output.summary;
  return { code, ...verdict, text: verdict.reasons.join('\n'), at: output.steps.at(-1)! };
}
type Outcome = Awaited<ReturnType<typeof calibrate>>;

/** Bands are honest: they hold the truth, or are no narrower than half of what was known before. */
function expectHonest({ at }: Outcome, parameters: readonly Parameter[]) {
  for (const { variable, prior } of parameters) {
    const band = at.parameters[variable]!;
    const truth = PUBLISHED[variable];
    const isWide = band.std > 0.5 * prior.std;
    const holds = truth !== undefined && band.lower95 <= truth && truth <= band.upper95;
    expect(isWide || holds, `${variable}: ${JSON.stringify(band)}`).toBe(true);
  }
}

describe.skipIf(!hasCompiler)('calibrate of a moving machine on bad input', () => {
  const isUnusable = [
    ['three samples', { rows: record.slice(0, 3) }, /3 usable values cannot tell 4 parameters/],
    [
      'one constant',
      { rows: record.map((r): Row => [r[0], r[1], r[2], 25]) },
      /no measured variable ever moves: T/,
    ],
    [
      'all missing',
      { rows: record.map((r): Row => [r[0], r[1], r[2], undefined]) },
      /none of 150 samples was used: 150 no-usable-channel/,
    ],
    [
      'a bound far from the optimum',
      {
        parameters: four.map((p) =>
          p.variable === 'G_box'
            ? parameter('G_box', 3, { lower: 2.5, upper: 5, prior: { mean: 3, std: 0.5 } })
            : p,
        ),
      },
      /G_box stands at its bound|not to be used|misses by/,
    ],
    [
      'a model that gives NaN',
      { edit: (c: string) => c.replace('r[Y] = r[TA];', 'r[Y] = v->time > 300 ? NAN : r[TA];') },
      /fail|NaN|not a number/i,
    ],
  ] as const;
  it.each(isUnusable)(
    '%s: is not to be used, and says why',
    async (name, input, reason) => {
      const outcome = await calibrate(name.replaceAll(' ', '-'), input);
      expect([outcome.code, outcome.grade]).toEqual([1, 'unusable']);
      expect(outcome.text).toMatch(reason);
      expectHonest(outcome, 'parameters' in input ? [] : four);
    },
    120_000,
  );

  const idle = [...four, parameter('idle', 1)];
  const twice = [parameter('G_box', 0.7), parameter('C_heater', 250), parameter('power', 18.6)];
  const isNamed = [
    ['a parameter that does nothing', { parameters: idle }, /idle does nothing/],
    ['parameters that do the same', { parameters: [...twice, ...four] }, /known/],
    [
      'a model that fails on half of the starts',
      {
        rows: record.slice(0, 40),
        edit: (c: string) =>
          c
            .replace(
              'const Model',
              'static int beforeStep(Values *v, double t, double h, LogFunction log, void *shell) { return v->r[GH] > 1.9 ? 3 : 0; }\nconst Model',
            )
            .replace(/NULL\};\s*$/, 'beforeStep};'),
      },
      /fail/,
    ],
  ] as const;
  it.each(isNamed)(
    '%s: is to be used with care at best, and named',
    async (name, input, reason) => {
      const unique = new Map(
        ('parameters' in input ? input.parameters : four).map((p) => [p.variable, p]),
      );
      const parameters = [...unique.values()];
      const outcome = await calibrate(name.replaceAll(' ', '-'), { ...input, parameters });
      expect(outcome.grade).not.toBe('good');
      expect(outcome.text).toMatch(reason);
      expectHonest(
        outcome,
        parameters.filter((p) => p.variable in PUBLISHED),
      );
    },
    120_000,
  );

  it('no noise at all, and times that repeat: bands that hold', async () => {
    const clean = simulateBox({ title: 'right' }, 4, 150);
    const rows = record.map((r, k): Row => [r[0], r[1], r[2], Math.round(clean[k]!.measured[0]!)]);
    for (const [name, input] of [
      ['rounded', { rows }],
      ['repeated', { rows: record.flatMap((r) => [r, r]) }],
    ] as const) {
      expectHonest(await calibrate(name, input), four);
    }
  }, 120_000);
});
