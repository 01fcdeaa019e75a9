import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { edgeCommands } from '../../edge-component/index.js';
import { silentLogger } from '../../shared/core/index.js';
import { startEdgeProcess, startTestBroker, temporaryFolder, until } from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs a command as the command line would, in this process. */
async function twinloop(
  name: string,
  args: Record<string, unknown>,
): Promise<{ code: number | undefined; stdout: string; stderr: string }> {
  const command = edgeCommands.find((c) => c.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await command.run(args, {
    stdout,
    stderr,
    logger: silentLogger,
    signal: new AbortController().signal,
    env: process.env,
  });
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function folderWithRecording(): Promise<string> {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const rows = Array.from({ length: 2000 }, (_, i) => `${i / 50},${i}`);
  await writeFile(join(folder.path, 'r.csv'), ['t,x', ...rows].join('\n'));
  return folder.path;
}

const source = {
  name: 'replay',
  type: 'csv',
  file: 'r.csv',
  signals: [{ column: 'x', alias: '/x' }],
};

describe('twinloop edge', { timeout: 60_000 }, () => {
  it('run --test reads once to stdout and sends nothing', async () => {
    const folder = await folderWithRecording();
    const file = join(folder, 'edge.json');
    await writeFile(file, JSON.stringify({ dataDir: 'data', sources: [source] }));
    const { code, stdout } = await twinloop('edge run', {
      config: file,
      test: true,
      testTimeout: 15,
      json: true,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ values: [{ alias: '/x', quality: 'GOOD' }] });
  });

  it('run ends with 2 and names every mistake of its config', async () => {
    const folder = await folderWithRecording();
    // What the entry itself says, with the exit code of a user's mistake.
    await expect(
      startEdgeProcess(folder, { sources: [{ ...source, name: '' }], outbox: { maxMb: 0 } }),
    ).rejects.toThrow(/ended with 2[\s\S]*sources\[0\]\.name[\s\S]*outbox\.maxMb/);
  });

  it('status tells how a running component is doing, metrics and health say the same', async () => {
    const folder = await folderWithRecording();
    const broker = await startTestBroker();
    cleanups.push(() => broker.close());
    const edge = await startEdgeProcess(folder, {
      dataDir: 'data',
      sources: [source],
      publisher: { type: 'sitewise-edge', url: broker.url },
      status: { port: 0 },
    });
    cleanups.push(() => edge.kill());
    await until('values', () => broker.values.length > 5);
    const { code, stdout } = await twinloop('edge status', { data: join(folder, 'data') });
    expect(code).toBe(0);
    expect(stdout).toMatch(/running, healthy/);
    expect(stdout).toMatch(/replay \(csv\): up/);
    const metrics = await (await fetch(`${edge.statusUrl}/metrics`)).text();
    expect(metrics).toMatch(/twinloop_edge_source_up\{source="replay"\} 1/);
    expect(metrics).toMatch(/twinloop_edge_publisher_connected 1/);
    expect((await fetch(`${edge.statusUrl}/health`)).status).toBe(200);
    await broker.cut();
    await until('unhealthy', async () => (await fetch(`${edge.statusUrl}/health`)).status === 503);
    await broker.restore();
  });
});
