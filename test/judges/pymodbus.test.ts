import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeComponent, startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { silentLogger } from '../../shared/core/index.js';
import { startTestBroker, type TestBroker, temporaryFolder, until } from '../support/edge.js';
import { freePort, type Judge, pythonHas, startJudge } from './python.js';

/** A Python with pymodbus; `.ci/run` installs one. */
const python = process.env.TWINLOOP_DEVICES_PYTHON;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  server: Judge;
  edge: EdgeComponent;
  of(alias: string): TestBroker['values'];
  last(alias: string): TestBroker['values'][number] | undefined;
}

/** Tables by function code: 1 coils, 2 discrete inputs, 3 holding, 4 input registers. */
type Units = Record<number, Record<number, (string | number | boolean)[][]>>;

async function bench(
  units: Units,
  signals: object[],
  settings: object = {},
  change: (hello: Record<string, unknown>) => object = () => ({}),
): Promise<Bench> {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const broker = await startTestBroker();
  cleanups.push(() => broker.close());
  const port = await freePort();
  const server = await startJudge(python!, 'modbus_server.py', { port, units, ...settings });
  cleanups.push(server.kill);
  const source = {
    name: 'm',
    type: 'modbus',
    host: '127.0.0.1',
    port,
    pollIntervalMs: 30,
    timeoutMs: 400,
    backoff: { minMs: 50, maxMs: 200 },
    signals,
    ...change(server.hello),
  };
  const publisher = { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 };
  const config = parseConfig(
    edgeSchema,
    { dataDir: 'data', sources: [source], publisher, status: { port: 0 } },
    'test',
  );
  const options = { baseDir: folder.path, configSource: 'test', logger: silentLogger };
  const edge = await startEdge(config, options);
  cleanups.push(() => edge.close());
  const of = (alias: string) => broker.values.filter((v) => v.alias === alias);
  return { server, edge, of, last: (alias) => of(alias).at(-1) };
}

const VALUES = {
  int16: -12345,
  uint16: 54321,
  int32: -2_000_000_001,
  uint32: 4_000_000_001,
  int64: -(2 ** 52) - 3,
  uint64: 2 ** 53 - 7,
  float32: 1.5,
  float64: -0.1,
};
const ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'];

describe.skipIf(!pythonHas(python, 'pymodbus'))(
  'devices made of pymodbus',
  {
    timeout: 60_000,
  },
  () => {
    it('give every type in every order of bytes, from all tables and several units', async () => {
      const entries: (string | number)[][] = [];
      const signals: object[] = [];
      const expected: Record<string, number | boolean> = {};
      for (const [type, value] of Object.entries(VALUES)) {
        for (const byteOrder of ORDERS) {
          const address = 4 * signals.length;
          entries.push([address, type, value, byteOrder]);
          const alias = `/${type}/${byteOrder}`;
          signals.push({ alias, address, type, byteOrder, unitId: 1 });
          expected[alias] = value;
        }
      }
      const bits: (number | boolean)[][] = Array.from({ length: 20 }, (_, i) => [i, i % 3 === 0]);
      for (const [table, unitId] of [
        ['coil', 2],
        ['discrete', 247],
      ] as const) {
        for (let address = 0; address < 20; address++) {
          const alias = `/${table}/${address}`;
          signals.push({ alias, address, table, unitId, dataType: 'BOOLEAN' });
          expected[alias] = address % 3 === 0;
        }
      }
      signals.push({ alias: '/input', address: 7, table: 'input', unitId: 2 });
      expected['/input'] = 77;
      const units = { 1: { 3: entries }, 2: { 1: bits, 4: [[7, 77]] }, 247: { 2: bits } };
      const { last, edge } = await bench(units, signals);
      const aliases = Object.keys(expected);
      await until('all values', () => aliases.every((a) => last(a) !== undefined));
      expect(Object.fromEntries(aliases.map((a) => [a, last(a)?.value]))).toEqual(expected);
      expect(edge.status().sources[0]).toMatchObject({ state: 'up', bad: 0 });
    });

    it.each([
      ['over TCP', { framer: 'RTU' }, () => ({ connection: 'rtu-over-tcp' })],
      [
        'on a serial line',
        { serial: true },
        ({ path }: Record<string, unknown>) => ({
          ...{ connection: 'serial', host: undefined },
          serial: { path, baudRate: 115_200, parity: 'none' },
        }),
      ],
    ] as const)(
      'that speak RTU %s: all tables, several units, exceptions',
      async (_, settings, change) => {
        const words = Array.from({ length: 60 }, (_, i) => [i, 'int16', i - 30, 'ABCD']);
        const units: Units = {
          1: {
            3: [...words, [100, 'float64', -0.1, 'CDAB']],
            1: [
              [3, true],
              [11, true],
            ],
          },
          7: { 4: [[5, 'int32', -70_000, 'ABCD']], 2: [[0, false]] },
        };
        const signals = [
          ...words.map((_, i) => ({ address: i, type: 'int16', alias: `/w/${i}` })),
          { address: 100, type: 'float64', byteOrder: 'CDAB', alias: '/double' },
          ...[3, 11].map((address) => ({
            table: 'coil',
            address,
            alias: `/coil/${address}`,
            dataType: 'BOOLEAN',
          })),
          { unitId: 7, table: 'input', address: 5, type: 'int32', alias: '/other' },
          { unitId: 7, table: 'discrete', address: 0, alias: '/off', dataType: 'BOOLEAN' },
          { unitId: 7, address: 9, alias: '/nothing' },
        ];
        const { server, last, of, edge } = await bench(units, signals, settings, change);
        const value = (alias: string) => [last(alias)?.value, last(alias)?.quality];
        await until('all', () => signals.every(({ alias }) => last(alias) !== undefined));
        expect(words.map((_, i) => last(`/w/${i}`)?.value)).toEqual(words.map(([, , v]) => v));
        expect(value('/double')).toEqual([-0.1, 'GOOD']);
        expect(value('/coil/3')).toEqual([true, 'GOOD']);
        expect(value('/other')).toEqual([-70_000, 'GOOD']);
        expect(value('/off')).toEqual([false, 'GOOD']);
        expect(value('/nothing')).toEqual([null, 'BAD']);
        await server.ask({ fault: 6 });
        await until('BAD', () => last('/other')?.quality === 'BAD');
        await server.ask({ fault: null });
        await until('GOOD again', () => last('/other')?.quality === 'GOOD');
        expect(of('/double').every((v) => v.value === -0.1 || v.quality === 'BAD')).toBe(true);
        expect(edge.status().sources[0]).toMatchObject({ state: 'up', gap: 0 });
        await server.kill();
        await until('down', () => edge.status().sources[0]?.state === 'down');
      },
    );

    it('that are busy are asked again as before; what they refuse as a block is read apart', async () => {
      const cells = [...Array(30).keys()].map((i) => [i, i]);
      const signals = cells.map(([address]) => ({ alias: `/${address}`, address }));
      const { server, last, edge } = await bench({ 1: { 3: cells } }, signals);
      const requests = async (change = {}) => Number((await server.ask(change)).requests);
      await until('values', () => last('/29')?.value === 29);
      for (const fault of [6, 11]) {
        await server.ask({ fault });
        await until('BAD', () => last('/29')?.quality === 'BAD');
        await server.ask({ fault: null });
        await until('GOOD', () => last('/29')?.quality === 'GOOD');
      }
      expect(edge.status().sources[0]?.badReasons).toMatchObject({
        'modbus-exception-6': expect.any(Number),
        'modbus-exception-11': expect.any(Number),
      });
      // One request a poll, still.
      const polls = () => edge.status().sources[0]?.received ?? 0;
      const [asked, received] = [await requests(), polls()];
      await until('ten polls', () => polls() >= received + 300);
      expect((await requests()) - asked).toBeLessThan(20);
      await server.ask({ fault: 3 });
      await until('BAD', () => last('/0')?.quality === 'BAD');
      await server.ask({ fault: null });
      await until('GOOD again', () => last('/29')?.quality === 'GOOD');
    });

    it('have addresses that others lack: only those are BAD', async () => {
      const cells = [...Array(10).keys()].filter((i) => i !== 4).map((i) => [i, i]);
      const signals = [...Array(10).keys()].map((address) => ({ alias: `/${address}`, address }));
      const { last, edge } = await bench({ 1: { 3: cells } }, signals);
      await until('values', () => last('/9')?.value === 9 && last('/4') !== undefined);
      expect(last('/4')).toMatchObject({ quality: 'BAD', value: null });
      expect(last('/3')).toMatchObject({ quality: 'GOOD', value: 3 });
      expect(edge.status().sources[0]?.badReasons).toEqual({ 'modbus-exception-2': 1 });
    });

    it.each([
      ['says nothing', true, 'modbus-timeout'],
      ['is told to be absent', false, 'modbus-exception-11'],
    ])('are read while one behind the same gateway %s', async (_what, silent, reason) => {
      const signals = [1, 2, 3].map((unitId) => ({ alias: `/${unitId}`, address: 0, unitId }));
      const units = { 1: { 3: [[0, 11]] }, 3: { 3: [[0, 33]] } };
      const { last, of, edge } = await bench(units, signals, { silent });
      await until('values', () => of('/3').length > 20 && last('/2') !== undefined);
      expect(last('/1')).toMatchObject({ quality: 'GOOD', value: 11 });
      expect(last('/3')).toMatchObject({ quality: 'GOOD', value: 33 });
      expect(of('/2')).toMatchObject([{ quality: 'BAD', value: null }]);
      expect(edge.status().sources[0]).toMatchObject({ state: 'up', badReasons: { [reason]: 1 } });
    });
  },
);
