import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { expect, it } from 'vitest';
import { startEdgeProcess, startTestBroker, temporaryFolder, until } from '../support/edge.js';
import { fakeClock } from '../support/fake-clock.js';

const HOUR_S = 3600;
const DAY_S = 86_400;

/** A device's broker, and what sends to it. */
async function startDevice() {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await connectAsync(url);
  return {
    url,
    /** One message with the true time in it. */
    say: async (v: number) => {
      const timeMs = Date.now();
      await client.publishAsync('in', JSON.stringify({ v, t: timeMs }), { qos: 1 });
      return BigInt(timeMs) * 1_000_000n;
    },
    close: async () => {
      await client.endAsync(true);
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it.skipIf(!fakeClock.isAvailable)(
  'follows a clock that is set while it runs: nothing wrong is GOOD, right times stay, nothing is lost',
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryFolder();
    const broker = await startTestBroker();
    const device = await startDevice();
    const boot = -Math.round(Date.now() / 1000) + 3 * DAY_S; // three days after 1970 began
    const { set, shellPrefix } = fakeClock.of(join(folder.path, 'offset'), boot);
    const edge = await startEdgeProcess(
      folder.path,
      {
        dataDir: 'data',
        sources: [
          {
            name: 'device',
            type: 'mqtt',
            url: device.url,
            signals: [
              { topic: 'in', jsonPath: 'v', alias: '/gateway-time' },
              { topic: 'in', jsonPath: 'v', timePath: 't', alias: '/device-time' },
            ],
          },
        ],
        publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 20 },
        status: { port: 0 },
      },
      { shellPrefix },
    );
    try {
      await until('the source is up', async () => (await edge.status()).sources[0]?.state === 'up');
      let n = 0;
      const trial = async () => {
        const trueNs = await device.say(++n);
        const value = n;
        const of = (alias: string) =>
          broker.values.find((v) => v.alias === alias && v.value === value);
        // Values of 1970 are too old for SiteWise; the far end here takes them all.
        await until('it has arrived', () =>
          [of('/gateway-time'), of('/device-time')].every((v) => v !== undefined),
        );
        const [gateway, own] = [of('/gateway-time')!, of('/device-time')!];
        return {
          gateway: gateway.quality,
          device: own.quality,
          // How far each is from the truth, seconds.
          gatewayOffS: Math.round(Number(gateway.timeNs - trueNs) / 1e9 / 10) * 10,
          deviceOffS: Number(own.timeNs - trueNs) / 1e9,
        };
      };
      const steps = async () => (await edge.status()).clock.steps;

      expect((await edge.status()).clock).toMatchObject({ trusted: false, steps: 0 });
      expect(await trial()).toMatchObject({
        gateway: 'UNCERTAIN',
        device: 'UNCERTAIN',
        deviceOffS: 0,
      });
      set(0);
      await until('the step is noticed', async () => (await steps()) === 1);
      expect((await edge.status()).clock.trusted).toBe(true);
      const right = { gateway: 'GOOD', device: 'GOOD', gatewayOffS: 0, deviceOffS: 0 };
      expect(await trial()).toEqual(right);
      let noticed = 1;
      for (const offsetS of [HOUR_S, -HOUR_S, DAY_S, -DAY_S]) {
        set(offsetS);
        noticed++;
        await until('the step is noticed', async () => (await steps()) === noticed);
        expect(await trial()).toEqual({
          // Nobody here can tell that the clock is wrong now; its readings follow it.
          gateway: 'GOOD',
          gatewayOffS: offsetS,
          // The device's right times are kept, in doubt.
          device: 'UNCERTAIN',
          deviceOffS: 0,
        });
        set(0);
        noticed++;
        await until('the step is noticed', async () => (await steps()) === noticed);
        expect(await trial()).toEqual(right);
      }
      const status = await edge.status();
      expect(status.clock.steps).toBe(noticed);
      expect(status.dropped).toBe(0);
      expect(status.deadLettered).toEqual({});
      expect(status.sources[0]).toMatchObject({ gap: 0, received: 2 * n, state: 'up' });
      expect(edge.output()).toContain('The clock was set');
    } finally {
      await edge.stop();
      await device.close();
      await broker.close();
      await folder.remove();
    }
  },
);
