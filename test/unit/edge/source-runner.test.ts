import { afterEach, describe, expect, it } from 'vitest';
import type { EdgeSample } from '../../../edge-component/outbox/record.js';
import type { Source, SourceSink } from '../../../edge-component/sources/source.js';
import { SourceRunner } from '../../../edge-component/sources/source-runner.js';
import { edgeSchema, parseConfig } from '../../../shared/config/index.js';
import { silentLogger, TwinError } from '../../../shared/core/index.js';
import { SettableClock } from '../../support/settable-clock.js';

const runners: SourceRunner[] = [];
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.close();
});

/** A source that the test plays itself, and what comes out of it. */
function setUp(change: object = {}, run?: Source['run']) {
  const config = parseConfig(
    edgeSchema,
    {
      sources: [
        {
          name: 's',
          type: 'csv',
          file: 'f',
          statusAlias: '/up',
          signals: [{ column: 'c', alias: '/a' }],
          ...change,
        },
      ],
    },
    'test',
  ).sources[0];
  if (config === undefined) throw new Error('no source');
  const clock = new SettableClock(1_800_000_000_000_000_000n);
  const out: EdgeSample[] = [];
  let sink: SourceSink | undefined;
  let failing = 0;
  const runner = new SourceRunner({
    config,
    source: {
      run:
        run ??
        ((given, signal) => {
          sink = given;
          given.up();
          return new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }),
    },
    sink: {
      append: async (samples) => {
        if (failing > 0) {
          failing--;
          throw new TwinError('STORAGE', 'full', { retryable: true });
        }
        out.push(...samples);
      },
      checkpoint: () => undefined,
      slow: false,
    },
    clock,
    logger: silentLogger,
    random: () => 0.5,
  });
  runners.push(runner);
  runner.start();
  const say = (value: unknown) => {
    if (sink === undefined) throw new Error('the source was not started');
    return sink.deliver([{ signal: 0, timeNs: clock.nowNs(), quality: 'GOOD', value }]);
  };
  /** Lets time pass in small steps, so that everything that waits gets its turn. */
  const pass = async (ms: number) => {
    for (let t = 0; t < ms; t += 50) {
      await clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { runner, clock, out, say, pass, fail: (times: number) => (failing = times) };
}

describe('the source runner', () => {
  it('takes a silent source for down, BAD once, and for up again when it speaks', async () => {
    const { runner, out, say, pass } = setUp({ staleAfterS: 2 });
    await say(1);
    await pass(3000);
    expect(runner.health.state).toBe('down');
    await pass(3000);
    await say(2);
    expect(runner.health.state).toBe('up');
    const a = out.filter((s) => s.alias === '/a').map((s) => [s.quality, s.value]);
    expect(a).toEqual([
      ['GOOD', 1],
      ['BAD', null],
      ['GOOD', 2],
    ]);
    expect(out.filter((s) => s.alias === '/up').map((s) => s.value)).toEqual([1, 0, 1]);
  });

  it.each([
    ['forward', 3_600_000_000_000n],
    ['back', -3_600_000_000_000n],
  ])(
    'takes no source for silent, and tells its state in time, when the clock is set %s by an hour',
    async (_way, jumpNs) => {
      const { runner, clock, out, say, pass } = setUp({ staleAfterS: 2, statusEveryS: 10 });
      await say(1);
      await pass(1000);
      clock.shiftNs = jumpNs;
      await pass(500);
      expect(runner.health.state).toBe('up');
      expect(out.filter((s) => s.quality === 'BAD')).toEqual([]);
      await pass(3000);
      // Silent for long enough by now, whatever the clock says.
      expect(runner.health.state).toBe('down');
      await pass(10_000);
      expect(out.filter((s) => s.alias === '/up').map((s) => s.value)).toEqual([1, 0, 0]);
    },
  );

  it('runs a source that fails again and again, waiting longer each time', async () => {
    let runs = 0;
    const signals = new Set<AbortSignal>();
    const { runner, out, pass } = setUp({ backoff: { minMs: 100, maxMs: 1000 } }, async (_, s) => {
      runs++;
      signals.add(s);
      throw new TwinError('NETWORK', 'nobody there');
    });
    await pass(10_000);
    // 150, 300, 600, then 750 ms each: with jitter at its middle.
    expect(runs).toBeGreaterThan(8);
    expect(runs).toBeLessThan(20);
    // Whatever a run hangs on its signal ends with the run: nothing grows over the years.
    expect(signals.size).toBe(runs);
    expect(runner.health).toMatchObject({ state: 'down', lastError: 'nobody there' });
    expect(out.filter((s) => s.alias === '/a')).toHaveLength(1);
  });

  it('ends a run whose device never answers, and tries again; signs of life give it time', async () => {
    let runs = 0;
    const sinks: SourceSink[] = [];
    const { runner, out, pass } = setUp({ connectTimeoutS: 2 }, (sink, signal) => {
      runs++;
      sinks.push(sink);
      // As protocols do: some end their run with an error, some without.
      return new Promise((resolve, reject) => {
        const end = () => (runs % 2 === 0 ? resolve() : reject(signal.reason));
        signal.addEventListener('abort', end, { once: true });
      });
    });
    await pass(1500);
    expect(runner.health.state).toBe('connecting');
    sinks[0]?.progress('a session was opened');
    await pass(1500);
    expect(runner.health.state).toBe('connecting');
    await pass(1000);
    expect(runner.health).toMatchObject({
      state: 'down',
      lastError: expect.stringMatching(/within 2 s \(connectTimeoutS\) after a session was opened/),
    });
    await pass(10_000);
    expect(runs).toBeGreaterThan(2);
    expect(out.filter((s) => s.alias === '/a')).toMatchObject([{ quality: 'BAD' }]);
    sinks.at(-1)?.up();
    await pass(10_000);
    expect(runner.health.state).toBe('up');
  });

  it('acknowledges only what was stored: a full disk is waited for', async () => {
    const { out, say, pass, fail } = setUp();
    await pass(100);
    fail(3);
    let acknowledged = false;
    const said = say(5).then(() => {
      acknowledged = true;
    });
    await pass(50);
    expect(acknowledged).toBe(false);
    await pass(3000);
    await said;
    expect(out.filter((s) => s.alias === '/a').map((s) => s.value)).toEqual([5]);
  });

  it('accounts for every reading: stored, refused by reason, or in hand', async () => {
    const { runner, clock, say, pass, fail } = setUp({
      signals: [
        {
          column: 'c',
          alias: '/a',
          deadband: { absolute: 0.5 },
          range: { max: 100, action: 'drop' },
        },
      ],
    });
    for (const value of [1, 1.2, 3, 'text', 'more text', 500]) await say(value);
    expect(runner.health).toMatchObject({
      received: 6,
      stored: 3,
      refused: { unchanged: 1, 'bad-again': 1, 'out-of-range': 1 },
      badReasons: { 'not-a-number': 1 },
      waiting: 0,
      gap: 0,
    });
    fail(2);
    const said = say(50);
    expect(runner.health).toMatchObject({ received: 7, stored: 3, waiting: 1, gap: 0 });
    await pass(2000);
    await said;
    expect(runner.health).toMatchObject({ received: 7, stored: 4, waiting: 0, gap: 0 });
    fail(100);
    const lost = say(70).catch(() => {});
    await clock.advance(10);
    await Promise.all([runner.close(), lost]);
    expect(runner.health).toMatchObject({ received: 8, refused: { 'not-stored': 1 }, gap: 0 });
  });

  it('hands over what an alignment holds when it ends', async () => {
    const { runner, out, say } = setUp({
      signals: [{ column: 'c', alias: '/a', alignS: 3600 }],
    });
    await say(1);
    await say(2);
    expect(runner.health).toMatchObject({ received: 2, stored: 0, waiting: 1, gap: 0 });
    await runner.close();
    expect(out.filter((s) => s.alias === '/a').map((s) => s.value)).toEqual([2]);
    expect(runner.health).toMatchObject({
      stored: 1,
      refused: { 'not-last-of-interval': 1 },
      gap: 0,
    });
  });
});
