import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, toMachineTimeS } from '../../../shared/core/index.js';
import { openMachineTime } from '../../../simulators/stack/machine-time.js';

describe("the machine's time", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'twinloop-time-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('starts at 0 and goes on where it stopped, a margin later', async () => {
    const first = await openMachineTime(folder);
    expect(first.startS).toBe(0);
    await first.begin(systemClock.nowNs(), 100);
    await first.reached(5000);
    const second = await openMachineTime(folder);
    expect(second.startS).toBe(5300);
  });

  it('goes on after a crash that came before anything was reached', async () => {
    const first = await openMachineTime(folder);
    await first.begin(systemClock.nowNs(), 100);
    const second = await openMachineTime(folder);
    await second.begin(systemClock.nowNs(), 100);
    expect((await openMachineTime(folder)).startS).toBe(600);
  });

  it('never runs backwards over restarts, whatever the scale', async () => {
    let wallNs = systemClock.nowNs();
    let before = 0;
    for (const scale of [100, 10, 1000]) {
      const time = await openMachineTime(folder);
      wallNs += 60_000_000_000n;
      await time.begin(wallNs, scale);
      const now = toMachineTimeS(time.map(), wallNs);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});
