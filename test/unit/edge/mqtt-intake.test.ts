import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { createMqttSource } from '../../../edge-component/sources/mqtt.js';
import type { SourceSink } from '../../../edge-component/sources/source.js';
import { edgeSchema, type MqttSourceConfig, parseConfig } from '../../../shared/config/index.js';
import { until } from '../../support/edge.js';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp() {
  const broker = await Aedes.createBroker();
  const server: Server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () => new Promise<void>((resolve) => broker.close(() => server.close(() => resolve()))),
  );
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const source = parseConfig(
    edgeSchema,
    {
      sources: [
        { name: 'm', type: 'mqtt', url, signals: [{ topic: 'a', alias: '/a', jsonPath: 'v' }] },
      ],
    },
    'test',
  ).sources[0] as MqttSourceConfig;
  const publisher = await connectAsync(url);
  cleanups.push(() => publisher.endAsync(true));
  return { broker, source, publisher };
}

/** A sink whose disk answers when it is told to. */
function slowSink(store: (values: readonly unknown[]) => Promise<void>) {
  let connected = false;
  const sink: SourceSink = {
    up: () => {
      connected = true;
    },
    down: () => {},
    deliver: (samples) => store(samples.map((s) => s.value)),
    notFilled: () => {},
    faults: () => {},
    progress: () => {},
    ready: async () => {},
    isReady: true,
    position: undefined,
  };
  return { sink, isUp: () => connected };
}

it('stores what has arrived in one go, and loses none', async () => {
  const { source, publisher } = await setUp();
  const stored: unknown[] = [];
  let transactions = 0;
  const { sink, isUp } = slowSink(async (values) => {
    transactions++;
    await new Promise((resolve) => setTimeout(resolve, 10));
    stored.push(...values);
  });
  const stop = new AbortController();
  const running = createMqttSource(source).run(sink, stop.signal);
  await until('the subscription', isUp);
  const count = 3000;
  for (let i = 0; i < count; i++) publisher.publish('a', JSON.stringify({ v: i }), { qos: 1 });
  await until('all values', () => stored.length >= count);
  expect(stored).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(transactions).toBeLessThan(count / 10);
  stop.abort();
  await running;
});

it('acknowledges nothing that is not on disk, and gets it again', async () => {
  const { broker, source, publisher } = await setUp();
  let acknowledged = 0;
  broker.on('ack', (_packet, client) => {
    if (client.id.startsWith('twinloop-')) acknowledged++;
  });
  const first: unknown[] = [];
  const hanging = slowSink((values) => {
    first.push(...values);
    return new Promise(() => {});
  });
  const stop = new AbortController();
  const running = createMqttSource(source).run(hanging.sink, stop.signal);
  await until('the subscription', hanging.isUp);
  for (let i = 0; i < 20; i++) await publisher.publishAsync('a', `{"v":${i}}`, { qos: 1 });
  await until('the first value', () => first.length > 0);
  expect(acknowledged).toBe(0);
  stop.abort();
  await running;
  const again: unknown[] = [];
  const { sink } = slowSink(async (values) => void again.push(...values));
  const end = new AbortController();
  const second = createMqttSource(source).run(sink, end.signal);
  await until('all of them again', () => new Set(again).size === 20);
  await until('their acknowledgement', () => acknowledged >= 20);
  end.abort();
  await second;
});

it('only looked at, leaves the component in service its session and its messages', async () => {
  const { broker, source, publisher } = await setUp();
  const stored: unknown[] = [];
  const service = slowSink(async (values) => void stored.push(...values));
  const stop = new AbortController();
  const running = createMqttSource(source).run(service.sink, stop.signal);
  await until('the subscription', service.isUp);
  const seen: unknown[] = [];
  const trial = slowSink(async (values) => void seen.push(...values));
  const end = new AbortController();
  const looking = createMqttSource(source, true).run(trial.sink, end.signal);
  await until('its subscription', trial.isUp);
  await publisher.publishAsync('a', '{"v":1}', { qos: 1 });
  await until('both have it', () => stored.length === 1 && seen.length === 1);
  // The publisher, the component in service and the one that looks.
  expect(broker.connectedClients).toBe(3);
  for (const [control, run] of [
    [end, looking],
    [stop, running],
  ] as const) {
    control.abort();
    await run;
  }
});
