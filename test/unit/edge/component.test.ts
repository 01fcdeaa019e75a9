import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeComponent, startEdge } from '../../../edge-component/component.js';
import { cutStatus } from '../../../edge-component/status/cut-status.js';
import { type EdgeConfig, edgeSchema, parseConfig } from '../../../shared/config/index.js';
import { silentLogger } from '../../../shared/core/index.js';
import { startTestBroker, temporaryFolder, until } from '../../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A port that is taken until the end of the test. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as { port: number }).port;
}

async function start(change: object = {}) {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const broker = await startTestBroker();
  cleanups.push(() => broker.close());
  const told: EdgeConfig[] = [];
  const configOf = (more: object) =>
    parseConfig(
      edgeSchema,
      {
        dataDir: 'data',
        publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
        ...more,
        status: { port: 0, ...(more as { status?: object }).status },
      },
      'test',
    );
  const options = {
    baseDir: folder.path,
    configSource: 'test',
    logger: silentLogger,
    onConfig: (config: EdgeConfig) => told.push(config),
  };
  const begin = () => startEdge(configOf(change), options);
  return { folder: folder.path, broker, configOf, begin, told };
}

async function running(change: object = {}) {
  const context = await start(change);
  const component: EdgeComponent = await context.begin();
  cleanups.push(() => component.close());
  return { ...context, component };
}

describe('a new config', { timeout: 60_000 }, () => {
  it('takes effect as a whole: limits, log, ledger, the port of the status', async () => {
    const { component, configOf, told, broker, folder } = await running();
    const before = component.statusUrl;
    await component.reconfigure(
      configOf({
        outbox: { batchMs: 0, deadLetterMaxMb: 1, maxMb: 5 },
        log: { level: 'debug' },
        status: { port: await freePort(), ledgerAlias: '/gateway', ledgerEveryS: 1 },
      }),
    );
    expect(component.statusUrl).not.toBe(before);
    expect((await fetch(`${component.statusUrl}/status`)).status).toBe(200);
    await expect(fetch(`${before}/status`)).rejects.toThrow();
    expect(JSON.parse(await readFile(join(folder, 'data/status.json'), 'utf8'))).toMatchObject({
      url: component.statusUrl,
    });
    expect(component.status().outbox.maxBytes).toBe(5 * 1024 * 1024);
    expect(told.at(-1)?.log.level).toBe('debug');
    const aliases = () => broker.values.map((v) => v.alias);
    await until('the ledger is published', () => aliases().includes('/gateway/waiting'));
    expect(aliases()).toContain('/gateway/oldest-waiting-s');
    const { ledger } = component.status();
    expect(ledger.gaps).toEqual([]);
    expect(ledger.own).toBeGreaterThan(0);
  });

  it.each([
    ['a port that is taken', async () => ({ status: { port: await takenPort() } }), 'status.port'],
    ['another data folder', async () => ({ dataDir: 'elsewhere' }), 'dataDir'],
  ])('is refused as a whole, naming it: %s', async (_what, change, named) => {
    const { component, configOf } = await running();
    const { statusUrl } = component;
    await until('it is healthy', () => component.status().healthy);
    const refused = component.reconfigure(configOf({ ...(await change()), outbox: { maxMb: 5 } }));
    await expect(refused).rejects.toThrow(named);
    const status = component.status();
    expect(status.component).toMatchObject({ state: 'running' });
    expect(status.component.configError).toContain(named);
    expect(status.healthy).toBe(false);
    expect(status.outbox.maxBytes).toBe(1024 * 1024 * 1024);
    expect((await fetch(`${statusUrl}/health`)).status).toBe(503);
    await component.reconfigure(configOf({}));
    await until('it is healthy again', () => component.status().healthy);
  });

  it('keeps the account of sources that it no longer has', async () => {
    const mqtt = {
      name: 'gone',
      type: 'mqtt',
      url: 'mqtt://127.0.0.1:9',
      signals: [{ topic: 'a', alias: '/a' }],
    };
    const { component, configOf } = await running({ sources: [mqtt] });
    await until('it says BAD', () => component.status().sources[0]?.made === 1);
    await component.reconfigure(configOf({}));
    expect(component.status().ledger.gaps).toEqual([]);
    await component.reconfigure(configOf({ sources: [mqtt] }));
    expect(component.status().sources[0]?.made).toBeGreaterThanOrEqual(1);
    expect(component.status().ledger.gaps).toEqual([]);
  });
});

describe('changes that come at the same moment', { timeout: 60_000 }, () => {
  it('are made one after the other, and none after the end', async () => {
    const { component, configOf } = await running();
    const mqtt = (name: string) => ({
      ...{ name, type: 'mqtt', url: 'mqtt://127.0.0.1:9' },
      signals: [{ topic: 'a', alias: '/a' }],
    });
    await Promise.all(
      ['one', 'two', 'three'].map((name) =>
        component.reconfigure(configOf({ sources: [mqtt(name)] })),
      ),
    );
    expect(component.status().sources.map((s) => s.name)).toEqual(['three']);
    expect(component.status().ledger.gaps).toEqual([]);
    const late = component.reconfigure(configOf({ sources: [mqtt('late')] }));
    const closed = component.close();
    await expect(late).rejects.toThrow('stopped');
    await closed;
    await expect(component.reconfigure(configOf({}))).rejects.toThrow('stopped');
  });
});

describe('a start that fails', () => {
  it('because of its outbox is told there, too', async () => {
    const { begin, folder } = await start();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data/outbox'), 'a file where a folder should be');
    await expect(begin()).rejects.toThrow('outbox');
    expect(JSON.parse(await readFile(join(folder, 'data/status.json'), 'utf8'))).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('outbox'),
    });
  });

  it('is told to whoever asks in the data folder', async () => {
    const { begin, folder } = await start({ status: { port: await takenPort() } });
    await expect(begin()).rejects.toThrow('status.port');
    expect(JSON.parse(await readFile(join(folder, 'data/status.json'), 'utf8'))).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('status.port'),
    });
  });
});

describe('a status for one message', () => {
  it('is cut to its size, and says how much is left out', async () => {
    const { component } = await running();
    const status = component.status();
    const source = {
      name: 'x',
      type: 'mqtt',
      state: 'up' as const,
      lastError: 'e'.repeat(500),
    };
    for (const count of [0, 3, 20, 500]) {
      for (const long of [0, 5000, 50_000]) {
        const whole = {
          ...status,
          id: 'i'.repeat(long),
          component: { ...status.component, configError: 'ß'.repeat(long) },
          sources: Array.from({ length: count }, (_, i) => ({
            ...source,
            name: `source-${i}`,
            state: i % 7 === 3 ? ('down' as const) : ('up' as const),
          })) as unknown as typeof status.sources,
        };
        const message = cutStatus(whole, 7000);
        expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThanOrEqual(7000);
        expect(message.sources!.length + (message.leftOut?.sources ?? 0)).toBe(count);
        expect(message.healthy).toBe(status.healthy);
        if (count > 3 && message.sources!.length > 0)
          expect(message.sources![0]?.state).toBe('down');
      }
    }
    expect(cutStatus(status, 70_000)).toBe(status);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
