import { expect, it } from 'vitest';
import { RateMeter } from '../../../edge-component/status/rate-meter.js';
import { SettableClock } from '../../support/settable-clock.js';

it.each([3600, -3600, 86_400, -86_400, -1_800_000_000])(
  'tells no rate that a step of the clock by %s s made',
  async (stepS) => {
    const clock = new SettableClock(1_800_000_000_000_000_000n);
    const meter = new RateMeter(clock);
    let count = 0;
    const seconds = async (n: number) => {
      for (let i = 0; i < n; i++) {
        meter.sample(count, count / 2);
        await clock.advance(1000);
        count += 100;
      }
    };
    await seconds(4);
    expect(meter.read()).toEqual({ in: 100, out: 50 });
    clock.shiftNs = BigInt(stepS) * 1_000_000_000n;
    await seconds(1);
    expect(meter.read()).toEqual({ in: 0, out: 0 });
    await seconds(1);
    expect(meter.read()).toEqual({ in: 100, out: 50 });
  },
);
