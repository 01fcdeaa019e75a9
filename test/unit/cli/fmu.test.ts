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
});
