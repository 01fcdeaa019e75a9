// Property notifications of SiteWise's stand-in, as a client of mosquitto hears them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  DescribeAssetCommand,
  type IoTSiteWiseClient,
  UpdateAssetPropertyCommand,
} from '@aws-sdk/client-iotsitewise';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSiteWiseClient } from '../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../simulators/sitewise/index.js';
import { until } from '../support/edge.js';

const found = ['mosquitto', '/usr/sbin/mosquitto'].find(
  (path) => spawnSync(path, ['-h']).error === undefined,
);
const reason = found === undefined ? ' (skipped: mosquitto is not installed)' : '';

let broker: ChildProcess;
let url: string;
let listener: MqttClient;
let siteWise: SiteWise;
let client: IoTSiteWiseClient;
const heard: { topic: string; message: unknown }[] = [];

const start = (port: number) => spawn(found ?? '', ['-p', String(port)], { stdio: 'ignore' });

beforeAll(async () => {
  if (found === undefined) return;
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => resolve(free));
    });
  });
  broker = start(port);
  url = `mqtt://127.0.0.1:${port}`;
  siteWise = await startSiteWise({ activationMs: 0, notificationBroker: url });
  client = createSiteWiseClient({ ...siteWise });
  listener = await connectAsync(url, { reconnectPeriod: 200 });
  listener.on('message', (topic, message) =>
    heard.push({ topic, message: JSON.parse(message.toString()) }),
  );
  await listener.subscribeAsync('$aws/sitewise/#', { qos: 1 });
});
afterAll(async () => {
  await listener?.endAsync(true);
  client?.destroy();
  await siteWise?.close();
  broker?.kill();
});

describe.skipIf(found === undefined)(`property notifications${reason}`, () => {
  it('come for properties that they are switched on for, in the service’s form', async () => {
    const { assetModelId = '' } = await client.send(
      new CreateAssetModelCommand({
        assetModelName: 'pump',
        assetModelProperties: ['flow', 'heat'].map((name) => ({
          name,
          dataType: 'DOUBLE',
          type: { measurement: {} },
        })),
      }),
    );
    const { assetId = '' } = await client.send(
      new CreateAssetCommand({ assetModelId, assetName: 'pump1' }),
    );
    const describe = async () =>
      (await client.send(new DescribeAssetCommand({ assetId }))).assetProperties ?? [];
    const [flow, heat] = await describe();
    const change = (propertyNotificationState: 'ENABLED' | 'DISABLED') =>
      client.send(
        new UpdateAssetPropertyCommand({
          assetId,
          propertyId: flow?.id,
          propertyAlias: '/pump/flow',
          propertyNotificationState,
        }),
      );
    await change('ENABLED');
    const topic = `$aws/sitewise/asset-models/${assetModelId}/assets/${assetId}/properties/${flow?.id}`;
    expect((await describe())[0]?.notification).toEqual({ state: 'ENABLED', topic });
    const second = Math.floor(Date.now() / 1000) - 10;
    const put = (n: number) =>
      client.send(
        new BatchPutAssetPropertyValueCommand({
          entries: [
            {
              entryId: 'flow',
              propertyAlias: '/pump/flow',
              propertyValues: [
                {
                  value: { doubleValue: n },
                  timestamp: { timeInSeconds: second + n, offsetInNanos: 5 },
                  quality: 'UNCERTAIN',
                },
                // Too old: refused, and so not told.
                { value: { doubleValue: 0 }, timestamp: { timeInSeconds: 1, offsetInNanos: 0 } },
              ],
            },
            {
              entryId: 'heat',
              assetId,
              propertyId: heat?.id,
              propertyValues: [
                {
                  value: { doubleValue: n },
                  timestamp: { timeInSeconds: second, offsetInNanos: n },
                },
              ],
            },
          ],
          enablePartialEntryProcessing: true,
        }),
      );
    await put(1);
    await until('the first message', () => heard.length > 0);
    expect(heard).toEqual([
      {
        topic,
        message: {
          type: 'PropertyValueUpdate',
          payload: {
            assetId,
            propertyId: flow?.id,
            values: [
              {
                timestamp: { timeInSeconds: second + 1, offsetInNanos: 5 },
                quality: 'UNCERTAIN',
                value: { doubleValue: 1 },
              },
            ],
          },
        },
      },
    ]);

    await change('DISABLED');
    await put(2);
    await change('ENABLED');
    await put(3);
    await until('the second message', () => heard.length > 1);
    expect(JSON.stringify(heard[1])).toContain('"doubleValue":3');
    await until('both acknowledged', () => siteWise.counters.notifications.published === 2);
    expect(siteWise.counters.notifications.lost).toBe(0);

    // Without its broker the stand-in goes on, and counts what nobody heard.
    broker.kill('SIGKILL');
    await until('the broker’s end', () => !listener.connected);
    await until('a message lost', async () => {
      await put(4);
      return siteWise.counters.notifications.lost > 0;
    });
    broker = start(Number(new URL(url).port));
    await until('the broker back', () => listener.connected);
    await until('messages again', async () => {
      await put(5);
      return JSON.stringify(heard.at(-1)).includes('"doubleValue":5');
    });
  }, 60_000);

  it('want a broker by its address', async () => {
    await expect(startSiteWise({ notificationBroker: 'http://127.0.0.1' })).rejects.toThrow(
      /no broker/,
    );
  });
});
