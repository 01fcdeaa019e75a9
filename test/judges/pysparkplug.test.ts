import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeComponent, startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { silentLogger } from '../../shared/core/index.js';
import { startTestBroker, temporaryFolder, until } from '../support/edge.js';
import { findMosquitto } from '../support/edge-endurance.js';
import { freePort, type Judge, pythonHas, startJudge } from './python.js';

/** A Python with pysparkplug; `.ci/run` installs one. */
const python = process.env.TWINLOOP_DEVICES_PYTHON;
const mosquitto = findMosquitto();
const available = mosquitto !== undefined && pythonHas(python, 'pysparkplug');

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A mosquitto between edge nodes and the component, and a broker at the component's far end. */
async function bench() {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const port = await freePort();
  const file = join(folder.path, 'mosquitto.conf');
  writeFileSync(
    file,
    [`listener ${port} 127.0.0.1`, 'user root', 'allow_anonymous true', ''].join('\n'),
  );
  const broker = spawn(mosquitto!, ['-c', file], { stdio: 'ignore' });
  cleanups.push(async () => broker.kill('SIGKILL'));
  const url = `mqtt://127.0.0.1:${port}`;
  await until('the broker is there', async () => {
    const client = await connectAsync(url, { connectTimeout: 500 }).catch(() => undefined);
    await client?.endAsync(true);
    return client !== undefined;
  });
  const far = await startTestBroker();
  cleanups.push(() => far.close());
  const edge = async (signals: object[], change: object = {}): Promise<EdgeComponent> => {
    const source = { name: 'cell', type: 'sparkplug', url, group: 'Plant', signals, ...change };
    const publisher = { type: 'sitewise-edge', url: far.url, maxWaitMs: 10 };
    const config = parseConfig(
      edgeSchema,
      { dataDir: 'data', sources: [source], publisher, status: { port: 0 } },
      'test',
    );
    const component = await startEdge(config, {
      ...{ baseDir: folder.path, configSource: 'test', logger: silentLogger },
    });
    cleanups.push(() => component.close());
    await until('it is up', () => component.status().sources[0]?.state === 'up');
    return component;
  };
  const node = async (id: string, settings: object = {}): Promise<Judge> => {
    const judge = await startJudge(python!, 'sparkplug_node.py', {
      ...{ port, group: 'Plant', node: id, ...settings },
    });
    cleanups.push(judge.kill);
    return judge;
  };
  const of = (alias: string) => far.values.filter((v) => v.alias === alias);
  return { edge, node, of, last: (alias: string) => of(alias).at(-1) };
}

const TYPES: [type: string, value: unknown, dataType: string, expected: unknown][] = [
  ['Int8', -5, 'INTEGER', -5],
  ['Int16', -1234, 'INTEGER', -1234],
  ['Int32', -2000000000, 'INTEGER', -2000000000],
  ['Int64', -42, 'DOUBLE', -42],
  ['UInt8', 250, 'INTEGER', 250],
  ['UInt16', 65000, 'INTEGER', 65000],
  ['UInt32', 4000000000, 'DOUBLE', 4000000000],
  ['UInt64', 2 ** 53 - 1, 'STRING', '9007199254740991'],
  ['Float', 1.5, 'DOUBLE', 1.5],
  ['Double', 0.1, 'DOUBLE', 0.1],
  ['Boolean', true, 'BOOLEAN', true],
  ['String', 'hello é', 'STRING', 'hello é'],
  ['Text', 'ON', 'BOOLEAN', true],
];

// Reported as skipped where they can't be had: set TWINLOOP_DEVICES_PYTHON, install mosquitto.
describe.skipIf(!available)('edge nodes made of pysparkplug', { timeout: 60_000 }, () => {
  it('are asked for births, which give types and names for the aliases of their data', async () => {
    const { edge, node, of, last } = await bench();
    const gateway = await node('G1');
    const signals = [
      ...TYPES.map(([type, , dataType]) => ({
        metric: `T/${type}`,
        alias: `/t/${type}`,
        dataType,
      })),
      { metric: 'T/Null', alias: '/t/Null' },
      { metric: 'T/Absent', alias: '/t/Absent' },
      { metric: 'Speed', device: 'Press', alias: '/press/speed' },
    ].map((s) => ({ node: 'G1', ...s }));
    const component = await edge(signals, { hostId: 'twin' });
    await until('it is asked', async () => Number((await gateway.ask({})).asked) >= 1);
    expect((await gateway.ask({})).states).toMatchObject([{ online: true }]);
    const ms = Date.now();
    const metrics = [
      ...TYPES.map(([type, value], i) => ({ name: `T/${type}`, alias: i + 1, type, value, ms })),
      { name: 'T/Null', type: 'Double', value: null, ms },
    ];
    await gateway.ask({
      publish: [
        // Before its birth nobody knows what an alias is.
        { kind: 'NDATA', seq: 9, metrics: [{ alias: 1, type: 'Int8', value: 99, ms }] },
        { kind: 'NBIRTH', seq: 0, metrics },
        {
          ...{ kind: 'DBIRTH', seq: 1, device: 'Press' },
          metrics: [{ name: 'Speed', alias: 100, type: 'Double', value: 1, ms }],
        },
        {
          ...{ kind: 'DDATA', seq: 2, device: 'Press' },
          metrics: [{ alias: 100, type: 'Double', value: 2, ms: ms + 1 }],
        },
        { kind: 'NDATA', seq: 3, metrics: [{ alias: 4, type: 'Int64', value: -43, ms: ms + 1 }] },
        // What the node kept while it was cut off keeps its time.
        {
          ...{ kind: 'DDATA', seq: 4, device: 'Press' },
          metrics: [{ alias: 100, type: 'Double', value: 3, ms: ms - 3_600_000, historical: true }],
        },
      ],
    });
    await until('all', () => last('/press/speed')?.value === 3 && last('/t/Int64')?.value === -43);
    const ns = BigInt(ms) * 1_000_000n;
    for (const [type, , , expected] of TYPES) {
      expect(of(`/t/${type}`)[0], type).toMatchObject({
        value: expected,
        quality: 'GOOD',
        timeNs: ns,
      });
    }
    expect(of('/press/speed').map((v) => [v.value, v.quality, v.timeNs - ns])).toEqual([
      [1, 'GOOD', 0n],
      [2, 'GOOD', 1_000_000n],
      [3, 'GOOD', -3_600_000_000_000n],
    ]);
    expect(last('/t/Null')).toMatchObject({ value: null, quality: 'BAD' });
    const [source] = component.status().sources;
    expect(source).toMatchObject({
      gap: 0,
      refused: { 'before-birth': 1 },
      badReasons: { null: 1, 'no-such-metric': 1 },
      faults: ['edge node G1 has no metric T/Absent'],
    });
    expect(component.status().healthy).toBe(false);
    await component.close();
    await until('it has left', async () => {
      const states = (await gateway.ask({})).states as { online: boolean }[];
      return states.at(-1)?.online === false;
    });
  });

  it('whose sequence has a gap, who die or send garbage: BAD with the reason until the next birth', async () => {
    const { edge, node, of, last } = await bench();
    const gateway = await node('G1', { bdSeq: 5 });
    const component = await edge([
      { node: 'G1', metric: 'a', alias: '/a' },
      { node: 'G1', device: 'D', metric: 'b', alias: '/b' },
    ]);
    const a = (value: number) => [{ name: 'a', type: 'Double', value }];
    const births = (seq: number, value: number, bdSeq = 5) => [
      { kind: 'NBIRTH', seq, bdSeq, metrics: a(value) },
      {
        ...{ kind: 'DBIRTH', seq: (seq + 1) % 256, device: 'D' },
        metrics: [{ name: 'b', type: 'Double', value }],
      },
    ];
    const reasons = () => component.status().sources[0]?.badReasons ?? {};
    // The sequence goes on after 255.
    await gateway.ask({
      publish: [...births(254, 1), { kind: 'NDATA', seq: 0, metrics: a(2) }],
    });
    await until('values', () => last('/a')?.value === 2 && last('/b')?.value === 1);
    const { asked } = await gateway.ask({});
    await gateway.ask({ publish: [{ kind: 'NDATA', seq: 2, metrics: a(3) }] });
    await until('BAD', () => last('/a')?.quality === 'BAD' && last('/b')?.quality === 'BAD');
    expect(of('/a').map((v) => v.value)).toEqual([1, 2, null]);
    expect(reasons()).toMatchObject({ 'sequence-gap': 2 });
    await until('it is asked', async () => Number((await gateway.ask({})).asked) > Number(asked));
    await gateway.ask({ publish: births(0, 4) });
    await until('GOOD', () => last('/a')?.value === 4 && last('/b')?.value === 4);

    await gateway.ask({ publish: [{ kind: 'DDEATH', seq: 2, device: 'D' }] });
    await until('the device is dead', () => last('/b')?.quality === 'BAD');
    expect(last('/a')?.quality).toBe('GOOD');
    // A will of a session before this one is no death.
    await gateway.ask({
      publish: [
        { kind: 'NDEATH', bdSeq: 4 },
        { kind: 'NDATA', seq: 3, metrics: a(5) },
      ],
    });
    await until('it lives', () => last('/a')?.value === 5);
    await gateway.ask({ publish: [{ kind: 'NDATA', hex: 'ffffffff' }] });
    await until('BAD', () => last('/a')?.quality === 'BAD');
    await gateway.ask({ publish: births(7, 6) });
    await until('GOOD', () => last('/a')?.value === 6 && last('/b')?.value === 6);
    // Its will, by the broker.
    await gateway.kill();
    await until(
      'the node is dead',
      () => last('/a')?.quality === 'BAD' && last('/b')?.quality === 'BAD',
    );
    expect(reasons()).toMatchObject({
      ...{ 'sequence-gap': 2, 'device-death': 1, 'no-sparkplug-payload': 1, 'node-death': 2 },
    });
    expect(component.status().sources[0]).toMatchObject({ gap: 0, refused: { 'sequence-gap': 1 } });
  });

  it('one of which is never born: named after the deadline, the others are read on', async () => {
    const { edge, node, last } = await bench();
    const gateway = await node('G1');
    const component = await edge(
      [
        { node: 'G1', metric: 'a', alias: '/a' },
        { node: 'G1', device: 'Ghost', metric: 'b', alias: '/b' },
        { node: 'G2', metric: 'a', alias: '/never' },
      ],
      { birthDeadlineS: 0.5 },
    );
    await gateway.ask({
      publish: [{ kind: 'NBIRTH', seq: 0, metrics: [{ name: 'a', type: 'Double', value: 1 }] }],
    });
    await until('BAD', () => last('/never')?.quality === 'BAD' && last('/b')?.quality === 'BAD');
    expect(last('/a')).toMatchObject({ value: 1, quality: 'GOOD' });
    const { healthy, sources } = component.status();
    expect(healthy).toBe(false);
    expect(sources[0]).toMatchObject({ state: 'up', badReasons: { 'not-born': 2 } });
    expect([...sources[0]!.faults].sort()).toEqual([
      'device Ghost of edge node G1 is not born (no DBIRTH)',
      'edge node G2 is not born (no NBIRTH)',
    ]);
    // Data without a birth say nothing: refused by reason, still not healthy, and asked for the birth.
    const late = await node('G2');
    await late.ask({
      publish: [1, 2].map((seq) => ({
        ...{ kind: 'NDATA', seq },
        metrics: [{ name: 'a', type: 'Double', value: 99 }],
      })),
    });
    await until('it is refused', () => {
      const [source] = component.status().sources;
      return source?.refused['before-birth'] === 2;
    });
    await until('it is asked', async () => Number((await late.ask({})).asked) >= 1);
    expect(last('/never')).toMatchObject({ value: null, quality: 'BAD' });
    expect(component.status()).toMatchObject({ healthy: false, sources: [{ gap: 0 }] });
    await late.ask({
      publish: [{ kind: 'NBIRTH', seq: 3, metrics: [{ name: 'a', type: 'Double', value: 7 }] }],
    });
    await until('it is born', () => last('/never')?.value === 7);
    await until('it is not named', () => component.status().sources[0]?.faults.length === 1);
  });
});
