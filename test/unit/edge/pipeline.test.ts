import { describe, expect, it } from 'vitest';
import type { EdgeSample } from '../../../edge-component/outbox/record.js';
import {
  type RawSample,
  SignalPipeline,
} from '../../../edge-component/pipeline/signal-pipeline.js';
import { SourceLedger } from '../../../edge-component/pipeline/source-ledger.js';
import { cutText, toTypedValue, whyNot } from '../../../edge-component/pipeline/typed-value.js';
import { edgeSchema, parseConfig } from '../../../shared/config/index.js';

const S = 1_000_000_000n;
const T0 = 1_800_000_000n * S;

function pipeline(signal: object, clockToleranceS = 300): SignalPipeline {
  const { sources } = parseConfig(
    edgeSchema,
    {
      sources: [
        { name: 's', type: 'csv', file: 'f', signals: [{ column: 'c', alias: '/a', ...signal }] },
      ],
    },
    'test',
  );
  const config = sources[0]?.signals[0];
  if (config === undefined) throw new Error('no signal');
  return new SignalPipeline(config, clockToleranceS);
}

/** Pushes values a second apart, on time, and returns what came out as [seconds, quality, value]. */
function run(p: SignalPipeline, raws: (Partial<RawSample> & { value: unknown; at?: number })[]) {
  const out: EdgeSample[] = [];
  raws.forEach((raw, i) => {
    const timeNs = T0 + BigInt(Math.round((raw.at ?? i) * 1e9));
    p.push({ signal: 0, timeNs, quality: 'GOOD', ...raw }, timeNs, out);
  });
  return out.map((s) => [Number(s.timeNs - T0) / 1e9, s.quality, s.value]);
}

describe('the signal pipeline', () => {
  it('scales and offsets', () => {
    expect(run(pipeline({ scale: 0.1, offset: -5 }), [{ value: 100 }])).toEqual([[0, 'GOOD', 5]]);
  });

  it('keeps quality and source time', () => {
    expect(run(pipeline({}), [{ value: 1, quality: 'UNCERTAIN' }])).toEqual([[0, 'UNCERTAIN', 1]]);
  });

  it('cuts a text that SiteWise would not take, and no longer calls it good', () => {
    const [[, quality, value] = []] = run(pipeline({ dataType: 'STRING' }), [
      { value: 'x'.repeat(2000) },
    ]);
    expect(quality).toBe('UNCERTAIN');
    expect(String(value)).toHaveLength(1024);
    const [[, , accents] = []] = run(pipeline({ dataType: 'STRING' }), [
      { value: `a${'é'.repeat(1000)}` },
    ]);
    // In bytes, and no character is halved.
    expect(accents).toBe(`a${'é'.repeat(511)}`);
    const [whole] = run(pipeline({ dataType: 'STRING' }), [{ value: 'y'.repeat(1024) }]);
    expect(whole?.[1]).toBe('GOOD');
  });

  it.each([
    ['mark', [0, 'UNCERTAIN', 12]],
    ['clamp', [0, 'UNCERTAIN', 10]],
    ['drop', undefined],
  ])('outside its range: %s', (action, expected) => {
    const result = run(pipeline({ range: { max: 10, action } }), [{ value: 12 }]);
    expect(result[0]).toEqual(expected);
  });

  it('suppresses what stays within an absolute deadband around the last value sent', () => {
    const values = [1, 1.05, 1.09, 1.11, 1.2, 1.22].map((value) => ({ value }));
    expect(run(pipeline({ deadband: { absolute: 0.1 } }), values).map((r) => r[2])).toEqual([
      1, 1.11, 1.22,
    ]);
  });

  it('suppresses by percentage', () => {
    const values = [100, 104, 106, 110, 112].map((value) => ({ value }));
    expect(run(pipeline({ deadband: { percent: 5 } }), values).map((r) => r[2])).toEqual([
      100, 106, 112,
    ]);
  });

  it('sends a change of quality in spite of the deadband', () => {
    const result = run(pipeline({ deadband: { absolute: 1 } }), [
      { value: 1 },
      { value: 1, quality: 'BAD' },
      { value: 1 },
    ]);
    expect(result.map((r) => r[1])).toEqual(['GOOD', 'BAD', 'GOOD']);
  });

  it.each([
    ['text where a number is due', 'abc'],
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['an object', { a: 1 }],
    ['an array of two numbers, which is no 64-bit integer', [1, 2]],
    ['nothing', undefined],
  ])('turns garbage into one BAD null: %s', (_what, value) => {
    expect(run(pipeline({}), [{ value }, { value }])).toEqual([[0, 'BAD', null]]);
  });

  it('gives the gateway time and UNCERTAIN when the device clock is far off', () => {
    const p = pipeline({}, 60);
    const out: EdgeSample[] = [];
    for (const hours of [-1n, 1n]) {
      p.push({ signal: 0, timeNs: T0 + hours * 3600n * S, quality: 'GOOD', value: 1 }, T0, out);
    }
    expect(out.map((s) => [s.timeNs, s.quality])).toEqual([
      [T0, 'UNCERTAIN'],
      [T0, 'UNCERTAIN'],
    ]);
    expect(p.clockFaults).toBe(2);
  });

  it('keeps the time of what waited at a broker, and counts it; a clock of 1970 is none of that', () => {
    const p = pipeline({}, 300);
    const out: EdgeSample[] = [];
    for (const timeNs of [T0 - 3600n * S, 86_400n * S, T0 + 3600n * S]) {
      p.push({ signal: 0, timeNs, quality: 'GOOD', value: 1, mayBeLate: true }, T0, out);
    }
    expect(out.map((s) => [s.timeNs, s.quality])).toEqual([
      [T0 - 3600n * S, 'GOOD'],
      [T0, 'UNCERTAIN'],
      [T0, 'UNCERTAIN'],
    ]);
    expect([p.late, p.clockFaults]).toEqual([1, 2]);
  });

  it('holds the last value of each interval and gives it the time of its end', () => {
    const at = [0.1, 0.6, 1.2, 1.9, 3.5];
    const result = run(
      pipeline({ alignS: 1 }),
      at.map((t, i) => ({ value: i, at: t })),
    );
    expect(result).toEqual([
      [1, 'GOOD', 1],
      [2, 'GOOD', 3],
    ]);
  });

  it('repeats the last value at the heartbeat and says BAD once when the source is down', () => {
    const p = pipeline({ heartbeatS: 10 });
    const out: EdgeSample[] = [];
    p.push({ signal: 0, timeNs: T0, quality: 'GOOD', value: 3 }, T0, out);
    p.tick(T0 + 9n * S, out);
    p.tick(T0 + 10n * S, out);
    p.down(T0 + 11n * S, out);
    p.down(T0 + 12n * S, out);
    p.tick(T0 + 21n * S, out);
    expect(out.map((s) => [Number((s.timeNs - T0) / S), s.quality, s.value])).toEqual([
      [0, 'GOOD', 3],
      [10, 'GOOD', 3],
      [11, 'BAD', null],
      [21, 'BAD', null],
    ]);
  });

  it('keeps its heartbeat when the clock jumps back an hour', () => {
    const p = pipeline({ heartbeatS: 10 });
    const out: EdgeSample[] = [];
    p.push({ signal: 0, timeNs: T0, quality: 'GOOD', value: 3 }, T0, out);
    const earlier = T0 - 3600n * S;
    p.tick(earlier, out);
    p.tick(earlier + 10n * S, out);
    expect(out).toHaveLength(2);
  });
});

describe('reasons', () => {
  const reasons = (signal: object, raw: Partial<RawSample> & { value: unknown }) => {
    const out: EdgeSample[] = [];
    pipeline(signal).push({ signal: 0, timeNs: T0, quality: 'GOOD', ...raw }, T0, out);
    return out.map((s) => [s.quality, s.reason]);
  };

  it.each([
    ['DOUBLE', 'abc', 'not-a-number'],
    ['DOUBLE', '12,5', 'not-a-number'],
    ['DOUBLE', '0x10', 'not-a-number'],
    ['DOUBLE', Number.NaN, 'nan'],
    ['DOUBLE', Number.POSITIVE_INFINITY, 'infinite'],
    ['DOUBLE', [1, 2], 'list'],
    ['DOUBLE', new Float32Array(2), 'list'],
    ['DOUBLE', { a: 1 }, 'object'],
    ['DOUBLE', new Date(0), 'object'],
    ['DOUBLE', undefined, 'no-value'],
    ['DOUBLE', 2n ** 64n - 1n, 'beyond-53-bits'],
    ['DOUBLE', '9007199254740993', 'beyond-53-bits'],
    ['INTEGER', 3e9, 'beyond-32-bits'],
    ['BOOLEAN', 'perhaps', 'not-a-boolean'],
    ['STRING', { text: 'a' }, 'object'],
  ] as const)('%s of %s is BAD: %s', (dataType, value, reason) => {
    expect(reasons({ dataType }, { value })).toEqual([['BAD', reason]]);
    expect(whyNot(value, dataType)).toBe(reason);
  });

  it("keeps the source's own reason", () => {
    const raw = { quality: 'BAD', value: null, reason: 'BadSensorFailure' } as const;
    expect(reasons({}, raw)).toEqual([['BAD', 'BadSensorFailure']]);
  });

  it('says why a value is uncertain', () => {
    expect(reasons({ range: { max: 1 } }, { value: 2 })).toEqual([['UNCERTAIN', 'out-of-range']]);
    expect(reasons({ dataType: 'STRING' }, { value: 'x'.repeat(2000) })).toEqual([
      ['UNCERTAIN', 'text-cut'],
    ]);
  });

  it('keeps whole numbers exact or says that it cannot; what is scaled is rounded in any case', () => {
    expect(toTypedValue(2n ** 53n, 'DOUBLE', 1, 0)).toBe(2 ** 53);
    expect(toTypedValue(2n ** 53n + 1n, 'DOUBLE', 1, 0)).toBeNull();
    expect(toTypedValue(2n ** 53n + 1n, 'DOUBLE', 0.5, 0)).toBe(2 ** 52);
    expect(toTypedValue(2n ** 53n + 1n, 'STRING', 1, 0)).toBe('9007199254740993');
  });

  it('cuts between characters', () => {
    expect(cutText('€€', 4)).toBe('€');
    expect(cutText('😀a', 3)).toBe('');
    expect(cutText('abc', 3)).toBe('abc');
  });
});

describe('a gateway whose clock is not set', () => {
  it('makes nothing GOOD, and leaves the times of devices alone', () => {
    const clock = { trusted: false };
    const { sources } = parseConfig(
      edgeSchema,
      {
        sources: [
          {
            name: 's',
            type: 'csv',
            file: 'f',
            signals: [{ column: 'c', alias: '/a', heartbeatS: 5 }],
          },
        ],
      },
      'test',
    );
    const p = new SignalPipeline(sources[0]!.signals[0]!, 300, new SourceLedger(), clock);
    const out: EdgeSample[] = [];
    const boot = 10n * S; // 1970
    p.push({ signal: 0, timeNs: T0, quality: 'GOOD', value: 1 }, boot, out);
    p.push({ signal: 0, timeNs: undefined, quality: 'GOOD', value: 1 }, boot + S, out);
    expect(out.map((s) => [s.timeNs, s.quality, s.reason])).toEqual([
      [T0, 'UNCERTAIN', 'gateway-clock-not-set'],
      [boot + S, 'UNCERTAIN', 'gateway-clock-not-set'],
    ]);
    expect(p.clockFaults).toBe(0);
    clock.trusted = true;
    p.tick(T0, out);
    p.tick(T0 + 6n * S, out);
    expect(out.at(-1)).toMatchObject({ quality: 'GOOD', value: 1, made: true });
    p.push({ signal: 0, timeNs: T0 + 7n * S, quality: 'GOOD', value: 1 }, T0 + 7n * S, out);
    expect(out.at(-1)).toMatchObject({ quality: 'GOOD', timeNs: T0 + 7n * S });
  });
});

it.each([-S, 253_402_300_799n * S])(
  'gives a reading the gateway’s time where the device’s is none, also while the gateway’s is not set: %s ns',
  (timeNs) => {
    const { sources } = parseConfig(
      edgeSchema,
      {
        sources: [{ name: 's', type: 'csv', file: 'f', signals: [{ column: 'c', alias: '/a' }] }],
      },
      'test',
    );
    const ledger = new SourceLedger();
    const p = new SignalPipeline(sources[0]!.signals[0]!, 300, ledger, { trusted: false });
    const out: EdgeSample[] = [];
    p.push({ signal: 0, timeNs, quality: 'GOOD', value: 1 }, S, out);
    expect(out).toMatchObject([{ timeNs: S, quality: 'UNCERTAIN', value: 1 }]);
    expect(p.clockFaults).toBe(1);
  },
);

describe('an alignment while the clock is set', () => {
  it.each([-3600n, -86_400n, 3600n, 86_400n])('goes on at once after a step of %s s', (step) => {
    const clock = { trusted: true, shiftNs: 0n };
    const { sources } = parseConfig(
      edgeSchema,
      {
        sources: [
          {
            ...{ name: 's', type: 'csv', file: 'f' },
            signals: [{ column: 'c', alias: '/a', alignS: 10 }],
          },
        ],
      },
      'test',
    );
    const ledger = new SourceLedger();
    const p = new SignalPipeline(sources[0]!.signals[0]!, 300, ledger, clock);
    const out: EdgeSample[] = [];
    const push = (value: number, nowNs: bigint) => {
      ledger.received++;
      p.push({ signal: 0, timeNs: undefined, quality: 'GOOD', value }, nowNs, out);
    };
    push(1, T0 + S);
    clock.shiftNs = step * S;
    for (let second = 2n; second <= 12n; second++) push(Number(second), T0 + (second + step) * S);
    p.end(T0 + (12n + step) * S, out);
    // The reading before the step, the last one of the interval that it ended in, the rest.
    expect(out.map((s) => s.value)).toEqual([1, 9, 12]);
    expect(ledger.account).toMatchObject({ waiting: 0, refused: { 'not-last-of-interval': 9 } });
  });
});

describe('a gateway whose clock is set while devices go on', () => {
  const watched = () => {
    const clock = { trusted: true, shiftNs: 0n, synchronised: false };
    const { sources } = parseConfig(
      edgeSchema,
      {
        sources: [{ name: 's', type: 'csv', file: 'f', signals: [{ column: 'c', alias: '/a' }] }],
      },
      'test',
    );
    const p = new SignalPipeline(sources[0]!.signals[0]!, 300, new SourceLedger(), clock);
    const push = (timeNs: bigint, nowNs: bigint) => {
      const out: EdgeSample[] = [];
      p.push({ signal: 0, timeNs, quality: 'GOOD', value: 1 }, nowNs, out);
      return out.map((s) => [s.timeNs, s.quality, s.reason])[0];
    };
    return { clock, push };
  };
  const HOUR = 3600n * S;

  it.each([HOUR, -HOUR, 24n * HOUR, -24n * HOUR])(
    'keeps their right times when it is set away by %s ns',
    (step) => {
      const { clock, push } = watched();
      expect(push(T0, T0)).toEqual([T0, 'GOOD', undefined]);
      clock.shiftNs = step;
      expect(push(T0 + S, T0 + S + step)).toEqual([T0 + S, 'UNCERTAIN', 'gateway-clock-set-away']);
      clock.shiftNs = 0n;
      expect(push(T0 + 2n * S, T0 + 2n * S)).toEqual([T0 + 2n * S, 'GOOD', undefined]);
    },
  );

  it('does not keep them when the time service vouches for the gateway, or they never agreed', () => {
    const { clock, push } = watched();
    push(T0, T0);
    clock.shiftNs = HOUR;
    clock.synchronised = true;
    expect(push(T0, T0 + HOUR)).toEqual([T0 + HOUR, 'UNCERTAIN', 'device-clock-far-off']);
    const other = watched();
    other.clock.shiftNs = HOUR;
    expect(other.push(T0, T0 + HOUR)?.[2]).toBe('device-clock-far-off');
  });
});

describe('typed values', () => {
  it('take big integers', () => {
    expect(toTypedValue(12n, 'DOUBLE', 2, 0)).toBe(24);
  });

  it.each([
    ['DOUBLE', ' 1.5 ', 1.5],
    ['DOUBLE', true, 1],
    ['DOUBLE', [1, 2], null],
    ['DOUBLE', '-1.5e3', -1500],
    ['INTEGER', 2.6, 3],
    ['INTEGER', 3e9, null],
    ['BOOLEAN', 'false', false],
    ['BOOLEAN', 2, true],
    ['BOOLEAN', 'ON', true],
    ['BOOLEAN', 'off', false],
    ['BOOLEAN', 'perhaps', null],
    ['STRING', 5, '5'],
    ['STRING', {}, null],
  ] as const)('%s of %j is %j', (type, value, expected) => {
    expect(toTypedValue(value, type, 1, 0)).toBe(expected);
  });
});
