import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type JobRun, startScheduler } from '../../../simulators/scheduler/scheduler.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twinloop-scheduler-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A schedule that is never due by itself, whose job is a script. */
async function scheduled(script: string) {
  const entry = join(dir, 'job.mjs');
  await writeFile(entry, script);
  const runs: JobRun[] = [];
  const scheduler = startScheduler({
    cron: '0 0 1 1 *',
    job: { entry, args: [] },
    onRun: (run) => runs.push(run),
  });
  return { scheduler, runs };
}

it('tells of a run, also of one that failed', async () => {
  const { scheduler, runs } = await scheduled('process.exitCode = 3');
  await scheduler.runNow();
  await scheduler.close();
  expect(runs.map((r) => r.exitCode)).toEqual([3]);
});

it('tells of no run that closing cut short', async () => {
  const { scheduler, runs } = await scheduled('setInterval(() => {}, 1000)');
  const run = scheduler.runNow();
  await scheduler.close();
  expect((await run).exitCode).toBe(null);
  expect(runs).toEqual([]);
});

it('tells of a run that ended well while it was closed', async () => {
  const { scheduler, runs } = await scheduled(`
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1000);
    console.log('ready');
  `);
  const run = scheduler.runNow();
  // Node answers SIGTERM by the script once it has read it; before, it ends with the signal.
  await scheduler.close();
  expect(runs.length).toBe((await run).exitCode === 0 ? 1 : 0);
});
