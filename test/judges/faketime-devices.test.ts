import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startEdgeProcess, startTestBroker, temporaryFolder, until } from '../support/edge.js';
import { fakeClock } from '../support/fake-clock.js';
import { plantNode } from './opcua-bench.js';
import { freePort, pythonHas, startJudge } from './python.js';

const python = process.env.TWINLOOP_DEVICES_PYTHON;
const available = pythonHas(python, 'asyncua') && pythonHas(python, 'pymodbus');

const HOUR_S = 3600;
const DAY_S = 86_400;

it.skipIf(!available || !fakeClock.isAvailable)(
  'Modbus values follow a clock that is set, in doubt until it is; right times of OPC UA stay',
  { timeout: 240_000 },
  async () => {
    const folder = await temporaryFolder();
    const broker = await startTestBroker();
    const modbusPort = await freePort();
    const modbus = await startJudge(python!, 'modbus_server.py', {
      ...{ port: modbusPort, units: { 1: { 3: [[1, 'int16', 0, 'ABCD']] } } },
    });
    const opcuaPort = await freePort();
    const opcua = await startJudge(python!, 'opcua_server.py', { port: opcuaPort, count: 1 });
    // Three days after 1970 began: a gateway without a battery.
    const bootS = -Math.round(Date.now() / 1000) + 3 * DAY_S;
    const clock = fakeClock.of(join(folder.path, 'offset'), bootS);
    const backoff = { minMs: 50, maxMs: 500 };
    const edge = await startEdgeProcess(
      folder.path,
      {
        dataDir: 'data',
        sources: [
          {
            ...{ name: 'mb', type: 'modbus', host: '127.0.0.1', port: modbusPort, backoff },
            pollIntervalMs: 100,
            signals: [{ address: 1, type: 'int16', alias: '/modbus' }],
          },
          {
            ...{ name: 'ua', type: 'opcua', backoff },
            endpointUrl: `opc.tcp://127.0.0.1:${opcuaPort}/ua/`,
            ...{ publishingIntervalMs: 50, samplingIntervalMs: 0 },
            signals: [plantNode('N0', { alias: '/opcua' })],
          },
        ],
        publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 20 },
        status: { port: 0 },
      },
      { shellPrefix: clock.shellPrefix },
    );
    try {
      await until('both are up', async () =>
        (await edge.status()).sources.every((s) => s.state === 'up'),
      );
      let n = 0;
      /** A new value at both devices, and what became of it: how far its time is from the truth, seconds. */
      const trial = async () => {
        const value = ++n;
        const trueMs = Date.now();
        await modbus.ask({ set: { unit: 1, table: 3, address: 1, value } });
        await opcua.ask({ write: [{ node: 'N0', value, us: trueMs * 1000 }] });
        const of = (alias: string) =>
          broker.values.find((v) => v.alias === alias && v.value === value);
        await until(
          'both have arrived',
          () => of('/modbus') !== undefined && of('/opcua') !== undefined,
        );
        const [mb, ua] = [of('/modbus')!, of('/opcua')!];
        const offS = (timeNs: bigint) => Number(timeNs - BigInt(trueMs) * 1_000_000n) / 1e9;
        return {
          modbus: mb.quality,
          modbusOffS: Math.round(offS(mb.timeNs) / 20) * 20,
          opcua: ua.quality,
          opcuaOffS: offS(ua.timeNs),
        };
      };
      let noticed = 0;
      const set = async (offsetS: number) => {
        clock.set(offsetS);
        noticed++;
        await until(
          'the step is noticed',
          async () => (await edge.status()).clock.steps === noticed,
        );
      };
      const inDoubt = { modbus: 'UNCERTAIN', opcua: 'UNCERTAIN', opcuaOffS: 0 };
      expect((await edge.status()).clock).toMatchObject({ trusted: false, steps: 0 });
      expect(await trial()).toMatchObject(inDoubt);
      await set(0);
      const right = { modbus: 'GOOD', modbusOffS: 0, opcua: 'GOOD', opcuaOffS: 0 };
      expect(await trial()).toEqual(right);
      for (const offsetS of [HOUR_S, -HOUR_S, DAY_S, -DAY_S]) {
        await set(offsetS);
        expect(await trial(), `${offsetS} s`).toEqual({
          // Nobody here can tell that the clock is wrong now.
          ...{ modbus: 'GOOD', modbusOffS: offsetS },
          ...{ opcua: 'UNCERTAIN', opcuaOffS: 0 },
        });
        await set(0);
        expect(await trial(), `after ${offsetS} s`).toEqual(right);
      }
      await set(bootS);
      expect((await edge.status()).clock.trusted).toBe(false);
      expect(await trial()).toMatchObject(inDoubt);
      await set(0);
      expect(await trial()).toEqual(right);
      const status = await edge.status();
      expect(status).toMatchObject({ healthy: true, dropped: 0, deadLettered: {}, lost: {} });
      expect(status.ledger.gaps).toEqual([]);
      for (const source of status.sources) expect(source.gap).toBe(0);
    } finally {
      await edge.stop();
      await modbus.kill();
      await opcua.kill();
      await broker.close();
      await folder.remove();
    }
  },
);
