import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Aedes } from 'aedes';
import { connectAsync, connect as mqttConnect } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { edgeCommands } from '../../cli/edge.js';
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

describe('SIGHUP', { timeout: 60_000 }, () => {
  it('makes the component read its config again; one that is wrong leaves the last in place', async () => {
    const folder = await folderWithRecording();
    const broker = await startTestBroker();
    cleanups.push(() => broker.close());
    const config = {
      dataDir: 'data',
      sources: [source],
      publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
      status: { port: 0 },
    };
    const edge = await startEdgeProcess(folder, config);
    cleanups.push(() => edge.stop());
    const arrived = (alias: string) => broker.values.some((v) => v.alias === alias);
    await until('values', () => arrived('/x'));
    const file = join(folder, 'edge.json');
    const other = { ...source, signals: [{ column: 'x', alias: '/y' }] };
    await writeFile(file, JSON.stringify({ ...config, sources: [other] }));
    edge.child.kill('SIGHUP');
    await until('values under the new name', () => arrived('/y'));
    await writeFile(file, JSON.stringify({ ...config, sources: 'none' }));
    edge.child.kill('SIGHUP');
    await until('the fault is told', async () =>
      Boolean((await edge.status()).component.configError?.includes('sources')),
    );
    expect(await edge.status()).toMatchObject({ healthy: false, sources: [{ state: 'up' }] });
    await writeFile(file, JSON.stringify({ ...config, sources: [other] }));
    edge.child.kill('SIGHUP');
    await until('it is healthy again', async () => (await edge.status()).healthy);
  });
});

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

  it('run --test leaves the messages that a broker keeps for the component in service', async () => {
    const folder = await folderWithRecording();
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const session = { clientId: 'gateway', clean: false, reconnectPeriod: 0 } as const;
    const inService = await connectAsync(url, session);
    await inService.subscribeAsync('hall', { qos: 1 });
    await inService.endAsync();
    const device = await connectAsync(url);
    cleanups.push(() => device.endAsync(true));
    await device.publishAsync('hall', '21.5', { qos: 1, retain: true });
    const file = join(folder, 'edge.json');
    const signals = [{ topic: 'hall', alias: '/hall' }];
    const mqtt = { name: 'hall', type: 'mqtt', url, clientId: session.clientId, signals };
    await writeFile(file, JSON.stringify({ dataDir: 'data', sources: [mqtt] }));
    const { code, stdout } = await twinloop('edge run', {
      config: file,
      test: true,
      testTimeout: 15,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/GOOD +21\.5 .*\/hall/);
    const kept: string[] = [];
    const back = mqttConnect(url, session);
    cleanups.push(() => back.endAsync(true));
    back.on('message', (_topic, payload) => kept.push(payload.toString()));
    await until('the kept message comes', () => kept.includes('21.5'));
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
    expect(stdout).toMatch(/com\.twinloop\.Edge \S+: healthy/);
    expect(stdout).toMatch(/^replay +csv +up /m);
    const metrics = await (await fetch(`${edge.statusUrl}/metrics`)).text();
    expect(metrics).toMatch(/twinloop_edge_source_up\{source="replay"\} 1/);
    expect(metrics).toMatch(/twinloop_edge_publisher_connected 1/);
    expect((await fetch(`${edge.statusUrl}/health`)).status).toBe(200);
    await broker.cut();
    await until('unhealthy', async () => (await fetch(`${edge.statusUrl}/health`)).status === 503);
    const bad = await twinloop('edge status', { data: join(folder, 'data') });
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/NOT HEALTHY, the far end is not connected/);
    await broker.restore();
  });
});
