import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { fmiCommands } from '../../../cli/fmu.js';
import { type CommandIo, silentLogger } from '../../../shared/core/index.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-fmu-commands-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function invoke(name: string, args: Record<string, unknown>) {
  const command = fmiCommands.find((c) => c.name === name);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io: CommandIo = {
    stdout,
    stderr,
    logger: silentLogger,
    signal: new AbortController().signal,
    env: {},
  };
  const code = await command?.run(args, io);
  const text = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString('utf8') ?? '';
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

describe.skipIf(!hasCompiler)('the fmu commands', () => {
  it('fmu info tells what an FMU is and has', async () => {
    const file = buildFmu('decay', 3);
    const people = await invoke('fmu info', { file });
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(/^Decay \(FMI 3.0\)/);
    expect(people.stdout).toMatch(/parameter +Float64 +k = 1 \[1\/s\]/);
    const machines = JSON.parse((await invoke('fmu info', { file, json: true })).stdout);
    expect(machines.modelDescription.variables[0].name).toBe('time');
    expect(machines.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('fmu validate lists problems with lines and exits 1', async () => {
    expect(await invoke('fmu validate', { file: buildFmu('decay', 2) })).toMatchObject({ code: 0 });
    const broken = buildFmu('decay', 2, (xml) =>
      xml.replace('name="u"', 'name="k"').replace('unit="1/s"/', 'unit="Hz"/'),
    );
    const { code, stdout } = await invoke('fmu validate', { file: broken });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^modelDescription.xml:\d+: "k": its unit "Hz" is not defined/m);
    expect(stdout).toMatch(/the name "k" is taken already \(line \d+\)/);
    const json = await invoke('fmu validate', { file: broken, json: true });
    expect(JSON.parse(json.stdout).problems.length).toBeGreaterThanOrEqual(2);
  });

  it('fmu simulate reads and writes CSV, draws, and shows calls', async () => {
    const inputFile = join(dir, 'in.csv');
    writeFileSync(inputFile, '"time","u"\n0,2\n1,2\n');
    const outputFile = join(dir, 'out.csv');
    const plot = join(dir, 'out.svg');
    const { code, stdout, stderr } = await invoke('fmu simulate', {
      file: buildFmu('decay', 2),
      interface: 'me',
      startValues: ['k=120 1/min', 'x=0'],
      stopTime: 1,
      outputInterval: 0.25,
      inputFile,
      outputFile,
      plot,
      json: true,
      fmiLogging: true,
      timeout: 30,
    });
    expect(code).toBe(0);
    const rows = readFileSync(outputFile, 'utf8').trim().split('\n');
    expect(rows[0]).toBe('"time","y","y2"');
    expect(rows).toHaveLength(6);
    const [t, y] = rows.at(-1)?.split(',').map(Number) ?? [];
    expect(t).toBe(1);
    expect(y).toBeCloseTo(2 - 2 * Math.exp(-2), 5);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 5, timeS: 1, terminated: false });
    expect(readFileSync(plot, 'utf8')).toMatch(/^<svg/);
    expect(stderr).toMatch(/fmi2GetDerivatives\(.*\) -> OK/);
  });

  it('fmu simulate writes to stdout without an output file', async () => {
    const { stdout } = await invoke('fmu simulate', {
      file: buildFmu('stair', 3),
      outputVariables: ['counter'],
    });
    expect(stdout).toMatch(/^"time","counter"\n0.0,1\n/);
  });

  it('fmu simulate names what is wrong', async () => {
    const file = buildFmu('decay', 2);
    await expect(invoke('fmu simulate', { file, startValues: ['k=fast'] })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
    });
    await expect(invoke('fmu simulate', { file, stopTime: -1 })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
    });
    await expect(
      invoke('fmu simulate', { file, inputFile: join(dir, 'none.csv') }),
    ).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('fmu simulate takes patterns, elements and display units', async () => {
    const { stdout } = await invoke('fmu simulate', {
      file: buildFmu('rooms', 3),
      stopTime: 0.1,
      outputVariables: ['T[2]', 'y*', '?unning'],
      displayUnits: true,
      json: true,
    });
    expect(Object.keys(JSON.parse(stdout).columns)).toEqual(['T[2]', 'y', 'running']);
    const shown = await invoke('fmu simulate', {
      file: buildFmu('decay', 2, (xml) =>
        xml.replace('start="1" unit="K"', 'start="300" unit="K" displayUnit="degC"'),
      ),
      startValues: ['x=300', 'u=300'],
      stopTime: 1,
      outputVariables: ['x', 'y'],
      displayUnits: true,
      json: true,
    });
    const { final, units } = JSON.parse(shown.stdout);
    expect(final.x).toBeCloseTo(26.85, 9);
    expect(final.y).toBeCloseTo(300, 9);
    expect(units).toMatchObject({ x: 'degC', y: 'K' });
    expect(shown.stderr).toContain('Display units: x in degC.');
    await expect(
      invoke('fmu simulate', { file: buildFmu('decay', 2), outputVariables: ['z*'] }),
    ).rejects.toThrow('"z*" fits no variable of Decay');
  });

  it('fmu simulate warns of what is no finite number', async () => {
    const given = { file: buildFmu('decay', 2), stopTime: 1, outputVariables: ['x'], json: true };
    const lost = await invoke('fmu simulate', { ...given, startValues: ['u=INF'] });
    expect(lost.stderr).toMatch(
      /Warning: x is no finite number in \d+ of \d+ rows, from \S+ s on\./,
    );
    expect((await invoke('fmu simulate', given)).stderr).not.toContain('Warning');
  });

  it('fmu simulate reads what historians export, and says what it makes of it', async () => {
    const inputFile = join(dir, 'export.csv');
    writeFileSync(
      inputFile,
      'Zeit;u [degC];Bediener\n2025-03-01 10:00:00;26,85;A\n2025-03-01 10:00:01;;A\n2025-03-01 10:00:02;28,85;A\n',
    );
    const ran = await invoke('fmu simulate', {
      file: buildFmu('decay', 2),
      interface: 'me',
      startValues: ['x=300'],
      stopTime: 2,
      outputInterval: 1,
      inputFile,
      json: true,
    });
    // u = 300 K + t: x = u − 1 + exp(−t)
    expect(JSON.parse(ran.stdout).final.y).toBeCloseTo(302 - 1 + Math.exp(-2), 4);
    expect(ran.stderr).toMatch(/u: 1 of 3 values are missing; straight lines lead across them/);
    expect(ran.stderr).toMatch(/No inputs, left out: Bediener/);
    writeFileSync(inputFile, 'Zeit;u [bar]\n2025-03-01 10:00:00;1\n2025-03-01 10:00:01;2\n');
    await expect(invoke('fmu simulate', { file: buildFmu('decay', 2), inputFile })).rejects.toThrow(
      /u is in "bar", in the FMU in "K"/,
    );
    writeFileSync(inputFile, 'Zeit;v\n2025-03-01 10:00:00;1\n2025-03-01 10:00:01;2\n');
    await expect(invoke('fmu simulate', { file: buildFmu('decay', 2), inputFile })).rejects.toThrow(
      /no column of an input: found Zeit, v|no column of an input: found v/,
    );
  });

  it('fmu simulate tells an FMU how its inputs run, where it can be told', async () => {
    const inputFile = join(dir, 'ramp.csv');
    writeFileSync(inputFile, '"time","u"\n0,0\n2,2\n');
    const args = { startValues: ['x=0'], stopTime: 2, stepSize: 0.5, inputFile, json: true };
    const knows = buildFmu('decay', 2, (xml) =>
      xml.replace('<CoSimulation ', '<CoSimulation canInterpolateInputs="true" '),
    );
    const final = async (more: object) =>
      JSON.parse((await invoke('fmu simulate', { file: knows, ...args, ...more })).stdout).final.y;
    const exact = 2 - 1 + Math.exp(-2);
    expect(await final({ setInputDerivatives: true })).toBeCloseTo(exact, 6);
    expect(Math.abs((await final({})) - exact)).toBeGreaterThan(0.1);
    await expect(
      invoke('fmu simulate', { file: buildFmu('decay', 2), ...args, setInputDerivatives: true }),
    ).rejects.toThrow(/takes no derivatives of inputs/);
    await expect(
      invoke('fmu simulate', { file: knows, setInputDerivatives: true }),
    ).rejects.toThrow(/needs inputs/);
  });

  it('fmu simulate switches event mode and rows at events', async () => {
    const rows = async (more: object) =>
      JSON.parse(
        (
          await invoke('fmu simulate', {
            file: buildFmu('ball', 3),
            interface: 'cs',
            stopTime: 1,
            stepSize: 0.1,
            json: true,
            ...more,
          })
        ).stdout,
      );
    const [on, off, plain] = [
      await rows({ recordEvents: true }),
      await rows({ eventMode: 'off' }),
      await rows({ dontRecordEvents: true }),
    ];
    expect(on.statistics.stateEvents).toBeGreaterThan(0);
    expect(off.statistics.stateEvents).toBe(0);
    expect(on.rows).toBeGreaterThan(plain.rows);
    expect(plain.rows).toBe(11);
    await expect(rows({ recordEvents: true, dontRecordEvents: true })).rejects.toThrow(
      /expected one/,
    );
  });

  it.each([
    ['a Boolean that is none', 'StepSize="true"', 'StepSize="yes"', /"yes"/],
    ['an unknown causality', 'causality="input"', 'causality="inward"', /"inward"/],
    ['an index that is not there', /<Unknown index="\d+"/, '<Unknown index="99"', /index 99/],
  ] as const)(
    'fmu simulate --no-validation runs in spite of %s, and says so',
    async (_, right, wrong, says) => {
      const file = buildFmu('decay', 2, (xml) => {
        expect(xml).toMatch(right);
        return xml.replace(right, wrong);
      });
      const args = { file, interface: 'cs', stopTime: 1, outputVariables: ['x'] };
      await expect(invoke('fmu simulate', args)).rejects.toMatchObject({
        code: 'FMU_INVALID',
        message: expect.stringMatching(says),
      });
      const ignored = await invoke('fmu simulate', { ...args, validation: false });
      expect(ignored.code).toBe(0);
      expect(ignored.stderr).toMatch(/^Ignored: modelDescription.xml:\d+: /m);
      expect(ignored.stderr).toMatch(says);
      const sound = await invoke('fmu simulate', { ...args, file: buildFmu('decay', 2) });
      expect(sound.stderr).not.toMatch(/Ignored/);
      expect(ignored.stdout).toBe(sound.stdout);
    },
  );

  it('fmu simulate --no-validation still refuses what cannot be read', async () => {
    const file = buildFmu('decay', 2, (xml) => xml.replace('</ModelVariables>', ''));
    await expect(invoke('fmu simulate', { file, validation: false })).rejects.toMatchObject({
      code: 'FMU_INVALID',
    });
  });
});
