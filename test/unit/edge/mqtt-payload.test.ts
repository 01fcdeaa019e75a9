import { describe, expect, it } from 'vitest';
import { type MqttSignal, readMessage } from '../../../edge-component/sources/mqtt-payload.js';

function read(message: unknown, change: Partial<MqttSignal> = {}) {
  const signal = { jsonPath: 'v', timePath: 't', timeUnit: 'ms', ...change } as MqttSignal;
  return readMessage(signal, 0, Buffer.from(JSON.stringify(message)));
}

describe('an MQTT message', () => {
  it.each([[[1, 2]], [[1, 2, 3]], [[]], [{ a: 1 }]])('takes no number from %j', (v) => {
    expect(read({ v })).toMatchObject({ quality: 'BAD', value: null });
  });

  it('still takes an element of a list by its path', () => {
    const sample = read({ v: [1, 2], t: 5 }, { jsonPath: 'v[1]' });
    expect(sample).toMatchObject({ quality: 'GOOD', value: 2 });
  });

  it.each([
    ['2026-01-02T03:04:05.123100Z', 123_100_000n],
    ['2026-01-02T03:04:05.123900Z', 123_900_000n],
    ['2026-01-02T03:04:05.123456789Z', 123_456_789n],
    ['2026-01-02T04:04:05.5+01:00', 500_000_000n],
    ['2026-01-02 03:04:05.6+00:00', 600_000_000n],
    ['2026-01-02T03:04:05Z', 0n],
  ])('keeps all digits of %s', (t, ns) => {
    const second = BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n;
    expect(read({ v: 1, t }).timeNs).toBe(second + ns);
  });

  it('keeps all digits of a decimal text', () => {
    const ns = 1_767_323_045_123_456_789n;
    expect(read({ v: 1, t: `${ns}` }, { timeUnit: 'ns' }).timeNs).toBe(ns);
    expect(read({ v: 1, t: '1767323045.123456789' }, { timeUnit: 's' }).timeNs).toBe(ns);
    expect(read({ v: 1, t: '-1.5' }, { timeUnit: 's' }).timeNs).toBe(-1_500_000_000n);
  });

  it('keeps all digits of a number, as a time and as a value', () => {
    const raw = (text: string, change: Partial<MqttSignal> = {}) =>
      readMessage(
        { jsonPath: 'v', timePath: 't', timeUnit: 'ns', ...change } as MqttSignal,
        0,
        Buffer.from(text),
      );
    const ns = 1_767_323_045_123_456_789n;
    expect(raw(`{"t":${ns},"v":1}`).timeNs).toBe(ns);
    expect(raw(`{"t":${ns + 100n},"v":1}`).timeNs).toBe(ns + 100n);
    expect(raw('{"t":1767323045.123456789,"v":1}', { timeUnit: 's' }).timeNs).toBe(ns);
    expect(raw('{"t":1,"v":9007199254740993}').value).toBe('9007199254740993');
    // What stands in a text stays there, and what is no JSON stays none.
    expect(raw('{"t":1,"v":"a\\"1234567890123456789"}').value).toBe('a"1234567890123456789');
    expect(raw('{"t":1,"v":1.25e+300,"w":12345678901234567}').value).toBe(1.25e300);
    for (const text of ['{"v":0012345678901234567}', '{"v":1.2.3456789012345678}', '{"v":-}']) {
      expect(raw(text)).toMatchObject({ quality: 'BAD', value: null });
    }
  });

  it('takes an endless number or text in linear time', () => {
    for (const text of [
      '9'.repeat(2_000_000),
      `${'9'.repeat(2_000_000)}e`,
      `"${'\\'.repeat(2e6)}`,
    ]) {
      const message = Buffer.from(`{"v":${text}`);
      const signal = { jsonPath: 'v', timeUnit: 'ms' } as MqttSignal;
      expect(readMessage(signal, 0, message)).toMatchObject({ quality: 'BAD' });
    }
  });

  it('has no time where the text is none', () => {
    expect(read({ v: 1, t: 'yesterday' })).toMatchObject({
      timeNs: undefined,
      quality: 'UNCERTAIN',
      reason: 'no-time',
    });
  });
});
