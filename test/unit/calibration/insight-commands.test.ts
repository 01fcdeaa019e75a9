import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrationCommands } from '../../../shared/calibration/index.js';
import { packageFile, silentLogger } from '../../../shared/core/index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twinloop-insight-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Runs a command and collects what it prints. */
async function run(name: string, args: Record<string, unknown>) {
  const command = calibrationCommands.find((c) => c.name === name)!;
  let text = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const io = { logger: silentLogger, signal: new AbortController().signal, env: {} };
  const code = await command.run(args, { ...io, stdout, stderr: stdout });
  return { code, text };
}

/** The web line with other sensor noise. */
async function webLine(noiseStd: number): Promise<string> {
  const source = packageFile('shared/twins/web-line/twin.json');
  const twin = JSON.parse(await readFile(source, 'utf8'));
  twin.fmu = packageFile('shared/twins/web-line/web-line.fmu');
  for (const m of twin.measured) m.noiseStd = noiseStd;
  const path = join(dir, `twin-${noiseStd}.json`);
  await writeFile(path, JSON.stringify(twin));
  return path;
}

describe('twin check', () => {
  it('says at 1e-3 rad/s that drags are not identifiable, and which noise would do', async () => {
    const { code, text } = await run('twin check', { twin: await webLine(1e-3) });
    expect(code).toBe(0);
    expect(text).toMatch(
      /b9 .*not identifiable: noiseStd of every sensor would have to be 0\.00052 or lower/,
    );
    const fine = await run('twin check', { twin: await webLine(1e-4), json: true });
    const report = JSON.parse(fine.text);
    expect(Object.values<{ identifiable: boolean }>(report.parameters)).toHaveLength(9);
    for (const p of Object.values<{ identifiable: boolean }>(report.parameters)) {
      expect(p.identifiable).toBe(true);
    }
    expect(report.worn).toHaveLength(9);
  });
});

describe('sensors', () => {
  it('ranks candidates beside the sensors that are there', async () => {
    const plot = join(dir, 'sensors.svg');
    const { code, text } = await run('sensors', {
      twin: await webLine(1e-3),
      candidate: ['S4_Tension_N:0.5:1200', 'NR2_w:0.001'],
      by: 'gain',
      plot,
      json: true,
    });
    expect(code).toBe(0);
    const result = JSON.parse(text);
    expect(result.ranking).toHaveLength(11);
    // A tension says more than a speed at this noise; the driven nip's speed says nothing.
    expect(result.ranking[0]).toMatchObject({ variable: 'S4_Tension_N', cost: 1200 });
    expect(result.additions.map((s: { variable: string }) => s.variable)).toEqual([
      'S4_Tension_N',
      'NR2_w',
    ]);
    expect(result.additions[1].gain).toBeLessThan(1e-3);
    expect(result.existing).toHaveLength(9);
    expect(result.points).toContain('b9 worn 40 %');
    expect(await readFile(plot, 'utf8')).toMatch(/<svg[\s\S]*S4_Tension_N/);
  });

  it('refuses candidates that it cannot read, know or weigh', async () => {
    const twin = await webLine(1e-4);
    const code = (args: Record<string, unknown>) =>
      run('sensors', { twin, by: 'gain', ...args }).then(
        () => 'none',
        (e) => e.code,
      );
    expect(await code({ candidate: ['S4_Tension_N'] })).toBe('USAGE');
    expect(await code({ candidate: ['S4_Tension_N:-1'] })).toBe('USAGE');
    expect(await code({ candidate: ['nothing:1'] })).toBe('VARIABLE_UNKNOWN');
    expect(await code({ candidate: ['Roller1_w:1'] })).toBe('CONFIG_INVALID');
    expect(await code({ candidate: ['S4_Tension_N:1'], by: 'gain-per-cost' })).toBe('USAGE');
    expect(await code({ state: join(dir, 'empty') })).toBe('NOT_FOUND');
  });
});
