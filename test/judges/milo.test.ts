import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { until } from '../support/edge.js';
import { opcuaBench, plantNode } from './opcua-bench.js';
import { type Judge, startProgram } from './python.js';

/** A folder with the libraries of Eclipse Milo; `.ci/run` fills one. */
const libraries = process.env.TWINLOOP_MILO;
const available =
  libraries !== undefined &&
  readdirSync(libraries).some((f) => f.startsWith('milo-sdk-server')) &&
  spawnSync('java', ['-version']).status === 0;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function bench() {
  const made = await opcuaBench((cleanup) => cleanups.push(cleanup), { path: 'milo' });
  const serve = async (settings: object): Promise<Judge> => {
    const judge = await startProgram('java', [
      ...['-Xmx300m', '-cp', join(libraries!, '*'), packageFile('test/judges/milo_server.java')],
      JSON.stringify({ port: made.port, ...settings }),
    ]);
    cleanups.push(judge.kill);
    return judge;
  };
  return { ...made, serve };
}

// Reported as skipped where Java or the libraries can't be had: set TWINLOOP_MILO.
describe.skipIf(!available)('an OPC UA server made of Eclipse Milo', { timeout: 120_000 }, () => {
  it('allows a thousand items in a request: more nodes are read whole, right to the bit, in order', async () => {
    const { serve, edge, of, last } = await bench();
    const server = await serve({ count: 1500, most: 1000 });
    const names = Array.from({ length: 1500 }, (_, i) => `N${i}`);
    const component = await edge(
      names.map((name, i) =>
        // Both are cut: browse paths and monitored items.
        i % 2 === 0
          ? plantNode(name)
          : { browsePath: `/nsu=urn:plant;Line/nsu=urn:plant;${name}`, alias: `/${name}` },
      ),
    );
    await until('all', () => names.every((name, i) => last(`/${name}`)?.value === i));
    const us = Math.floor(Date.now() / 1000) * 1_000_000;
    for (let round = 1; round <= 3; round++) {
      await server.ask({ from: round * 10_000, us: us + round * 2000 });
      await until('all again', () =>
        names.every((n, i) => last(`/${n}`)?.value === round * 10_000 + i),
      );
    }
    const lastThree = (i: number) => of(`/N${i}`).slice(-3);
    for (const i of [0, 999, 1000, 1499]) {
      expect(lastThree(i).map((v) => [v.value, v.quality, v.timeNs - BigInt(us) * 1000n])).toEqual(
        [1, 2, 3].map((r) => [r * 10_000 + i, 'GOOD', BigInt(r * 2000 + i) * 1000n]),
      );
    }
    expect(component.status()).toMatchObject({
      healthy: true,
      sources: [{ received: 6000, stored: 6000, bad: 0, gap: 0 }],
    });
  });

  it('may say a small limit; its types are read as it says, also after a restart with other indexes', async () => {
    const { serve, edge, last } = await bench();
    const first = await serve({ count: 25, most: 7 });
    const names = Array.from({ length: 25 }, (_, i) => `N${i}`);
    const component = await edge([
      ...names.map((name) => plantNode(name)),
      plantNode('Int64'),
      plantNode('UInt64', { dataType: 'STRING' }),
      plantNode('Int32s'),
      plantNode('Int32s', { alias: '/Int32s[1]', indexRange: '1' }),
      plantNode('Text', { dataType: 'STRING' }),
      plantNode('When'),
    ]);
    await until('all', () => names.every((name, i) => last(`/${name}`)?.value === i));
    await until('the types', () => last('/When') !== undefined);
    const value = (alias: string) => [last(alias)?.value, last(alias)?.quality];
    expect(value('/Int64')).toEqual([-42, 'GOOD']);
    expect(value('/UInt64')).toEqual(['18446744073709551615', 'GOOD']);
    expect(value('/Int32s')).toEqual([null, 'BAD']);
    expect(value('/Int32s[1]')).toEqual([2, 'GOOD']);
    expect(value('/Text')).toEqual(['hello é', 'GOOD']);
    expect(value('/When')).toEqual([null, 'BAD']);
    await first.kill();
    await until('it is seen', () => component.status().sources[0]?.state === 'down');
    const again = await serve({ count: 25, most: 7, otherNamespaces: 2 });
    expect(again.hello.namespace).toBe(Number(first.hello.namespace) + 2);
    await until('GOOD again', () => names.every((n) => last(`/${n}`)?.quality === 'GOOD'));
    expect(value('/Int64')).toEqual([-42, 'GOOD']);
  });
});
