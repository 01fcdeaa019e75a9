import { describe, expect, it } from 'vitest';
import { until } from '../support/edge.js';
import { startRelay } from '../support/relay.js';
import { asyncuaBench } from './asyncua-bench.js';
import { plantNode as node } from './opcua-bench.js';
import { freePort } from './python.js';

const { available, bench, serve, onEnd } = asyncuaBench();

describe.skipIf(!available)(
  'a server made of asyncua that keeps a history',
  { timeout: 60_000 },
  () => {
    /** Values one millisecond apart, beginning with a number. */
    const series = (node: string, from: number, count: number, us: number) =>
      Array.from({ length: count }, (_, i) => ({ node, value: from + i, us: us + 1000 * i }));

    it('fills what is missing after a lost session and after a restart: once each, in order', async () => {
      const server = await serve({ port: await freePort(), history: ['H1', 'H2'], count: 1 });
      const relay = await startRelay(Number(server.hello.port));
      onEnd(relay.close);
      const { edge, of, last } = await bench(relay.port);
      const signals = [node('H1'), node('H2'), node('N0')];
      const first = await edge(signals);
      await until('values', () => signals.every(({ alias }) => last(alias) !== undefined));
      const us = Date.now() * 1000 - 60_000_000;
      await server.ask({ write: [...series('H1', 1, 50, us), ...series('H2', 1, 1, us)] });
      await until('live', () => last('/H1')?.value === 50 && last('/H2')?.value === 1);

      relay.cut();
      await until('it is seen', () => first.status().sources[0]?.state === 'down');
      // More than one answer holds, and more than the server's queue.
      for (let i = 0; i < 4; i++) {
        await server.ask({ write: series('H1', 51 + 500 * i, 500, us + 50_000 + 500_000 * i) });
      }
      await server.ask({ write: [{ node: 'N0', value: 7 }] });
      relay.mend();
      await until('the gap', () => last('/H1')?.value === 2050);
      await until('live again', () => last('/N0')?.value === 7 && last('/H2')?.quality === 'GOOD');
      const good = (alias: string) => of(alias).filter((v) => v.quality === 'GOOD');
      const written = (alias: string) => good(alias).filter((v) => Number(v.value) > 0);
      const filled = written('/H1').slice(0, 2050);
      expect(filled.map((v) => v.value)).toEqual(Array.from({ length: 2050 }, (_, i) => i + 1));
      expect(filled.map((v) => v.timeNs)).toEqual(
        Array.from({ length: 2050 }, (_, i) => BigInt(us + 1000 * i) * 1000n),
      );
      // BAD while it was away: what has not changed since is GOOD again, from when the server said so.
      const badNs = of('/H2').find((v) => v.quality === 'BAD')!.timeNs;
      for (const [alias, value] of [
        ['/H1', 2050],
        ['/H2', 1],
      ] as const) {
        const lastTwo = written(alias).slice(-2);
        expect(lastTwo.map((v) => v.value)).toEqual([value, value]);
        expect(lastTwo[1]!.timeNs).toBeGreaterThan(badNs);
      }
      expect(first.status().sources[0]).toMatchObject({
        fromHistory: 2000,
        notFilled: { 'not-historized': 1 },
        gap: 0,
      });
      await first.close();

      await server.ask({ write: series('H1', 3001, 700, Date.now() * 1000 - 1_000_000) });
      const second = await edge(signals);
      await until('what came while it was off', () => last('/H1')?.value === 3700);
      await server.ask({ write: [{ node: 'H1', value: 4000 }] });
      await until('live', () => last('/H1')?.value === 4000);
      expect(
        written('/H1')
          .slice(2051)
          .map((v) => v.value),
      ).toEqual([...Array.from({ length: 700 }, (_, i) => 3001 + i), 4000]);
      expect(second.status().sources[0]).toMatchObject({ fromHistory: 700, gap: 0 });
    });

    it('is not asked for it where the config says so', async () => {
      const server = await serve({ port: await freePort(), history: ['H1'] });
      const relay = await startRelay(Number(server.hello.port));
      onEnd(relay.close);
      const { edge, of, last } = await bench(relay.port);
      const component = await edge([node('H1')], { history: { fill: 'never' } });
      await until('a value', () => last('/H1') !== undefined);
      relay.cut();
      await until('it is seen', () => component.status().sources[0]?.state === 'down');
      await server.ask({ write: series('H1', 1, 300, Date.now() * 1000) });
      relay.mend();
      await until('live again', () => last('/H1')?.value === 300);
      expect(of('/H1').length).toBeLessThan(10);
      expect(component.status().sources[0]?.fromHistory).toBe(0);
    });
  },
);

describe.skipIf(!available)(
  'a server made of asyncua whose notifications are lost on their way',
  { timeout: 60_000 },
  () => {
    const values = (of: (alias: string) => { value: unknown; quality: string }[], alias: string) =>
      of(alias).map((v) => (v.quality === 'GOOD' ? v.value : v.quality));

    it('is asked for them again: nothing is missing, nothing is twice, all is in order', async () => {
      const { serve: start, edge, of, last } = await bench();
      const server = await start({ count: 2 });
      const component = await edge([node('N0'), node('N1')]);
      await until('values', () => last('/N0') !== undefined && last('/N1')?.value === 1);
      const us = Date.now() * 1000;
      const say = async (value: number, lose = 0) => {
        await server.ask({ lose, write: [{ node: 'N0', value, us: us + value }] });
      };
      for (let value = 10; value < 40; value++) {
        // Every third notification; the one after it shows that it is missing.
        await say(value, value % 3 === 0 ? 1 : 0);
        if (value % 3 !== 0) await until(`${value}`, () => last('/N0')?.value === value);
        else {
          await until('it is lost', async () => (await server.ask({})).lose === 0);
        }
      }
      // The last one is followed by none: a message without data tells its number.
      await until('the last', () => last('/N0')?.value === 39);
      const all = Array.from({ length: 30 }, (_, i) => i + 10);
      expect(values(of, '/N0')).toEqual([0, ...all]);
      const times = of('/N0')
        .slice(1)
        .map((v) => v.timeNs);
      expect(times).toEqual(all.map((value) => BigInt(us + value) * 1000n));
      expect(component.status()).toMatchObject({
        healthy: true,
        sources: [{ gap: 0, restarts: 0, notFilled: {}, faults: [] }],
      });
    });

    it('that no longer has them: filled from the history; what has none is BAD until it is known', async () => {
      const { serve: start, edge, of, last } = await bench();
      const server = await start({ count: 3, history: ['H1'] });
      const component = await edge(['H1', 'N0', 'N1', 'N2'].map((name) => node(name)));
      await until('values', () => last('/H1') !== undefined && last('/N2') !== undefined);
      const us = Date.now() * 1000;
      await server.ask({
        ...{ lose: 1, forget: true },
        write: [
          ...[1, 2, 3].map((value) => ({ node: 'H1', value, us: us + value * 1000 })),
          { node: 'N0', value: 100, us: us + 1000 },
        ],
      });
      await until('it is lost', async () => (await server.ask({})).lose === 0);
      await server.ask({ write: [{ node: 'N1', value: 200, us: us + 5000 }] });
      const state = () => component.status().sources[0]!;
      await until('it is told', () => state().faults.length > 0);
      const isKnown = (alias: string) => {
        const [, doubted, ...known] = of(alias);
        return doubted?.quality === 'BAD' && known.at(-1)?.quality === 'GOOD';
      };
      await until('all is known again', () => ['/N0', '/N1', '/N2'].every(isKnown));
      await server.ask({ write: [{ node: 'H1', value: 4, us: us + 9000 }] });
      await until('live', () => last('/H1')?.value === 4);
      expect(values(of, '/H1')).toEqual([0, 1, 2, 3, 4]);
      // The value that was lost, and nothing after it, is found by a look at the server.
      expect(values(of, '/N0').slice(0, 3)).toEqual([0, 'BAD', 100]);
      expect(values(of, '/N1')).toEqual([1, 'BAD', 200]);
      expect(values(of, '/N2')).toEqual([2, 'BAD', 2]);
      for (const alias of ['/N0', '/N1', '/N2']) {
        const times = of(alias).map((v) => v.timeNs);
        expect(times, alias).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)));
      }
      expect(component.status()).toMatchObject({ healthy: false });
      expect(state()).toMatchObject({
        ...{ state: 'up', restarts: 0, gap: 0, fromHistory: 3 },
        notFilled: { 'sequence-gap': 3 },
        badReasons: { 'sequence-gap': 3 },
        faults: [expect.stringContaining('1 notifications of the server never came')],
      });
    });
  },
);

describe.skipIf(!available)(
  'a server made of asyncua that can send short answers only',
  { timeout: 60_000 },
  () => {
    it('is asked in parts; what is too much by itself is BAD or named, and takes nothing with it', async () => {
      const port = await freePort();
      const server = await serve({
        ...{ port, history: ['H1', 'H2', 'H3'], count: 30 },
        ...{ longest: 20, tooLong: ['N7', 'H3'] },
      });
      const relay = await startRelay(port);
      onEnd(relay.close);
      const { edge, of, last } = await bench(relay.port);
      const names = ['H1', 'H2', 'H3', ...Array.from({ length: 30 }, (_, i) => `N${i}`)];
      const component = await edge(
        names.map((name) => node(name)),
        { history: { fill: 'always' } },
      );
      await until('values', () => names.every((name) => last(`/${name}`) !== undefined));
      relay.cut();
      await until('it is seen', () => component.status().sources[0]?.state === 'down');
      const us = Date.now() * 1000 - 20_000_000;
      const written = ['H1', 'H2'].flatMap((name) =>
        Array.from({ length: 300 }, (_, i) => ({ node: name, value: i + 1, us: us + 1000 * i })),
      );
      await server.ask({ write: written });
      relay.mend();
      await until(
        'the gaps',
        () => last('/H1')?.quality === 'GOOD' && last('/H2')?.quality === 'GOOD',
      );
      const others = names.filter((name) => name !== 'N7' && name !== 'H3');
      await until('the others', () => others.every((name) => last(`/${name}`)?.quality === 'GOOD'));
      for (const alias of ['/H1', '/H2']) {
        const good = of(alias).filter((v) => v.quality === 'GOOD' && Number(v.value) > 0);
        const all = Array.from({ length: 300 }, (_, i) => i + 1);
        expect(good.slice(0, 300).map((v) => v.value)).toEqual(all);
      }
      expect(component.status().sources[0]).toMatchObject({
        ...{ state: 'up', gap: 0, fromHistory: 600 },
        notFilled: { BadEncodingLimitsExceeded: 1, BadResponseTooLarge: expect.any(Number) },
      });
    });
  },
);
