/**
 * A page for `npm run bench -- page`, in a process of its own so that its memory is its own: one web line
 * with 30 days of hourly history, and its model to ask; or a fleet of them.
 */
import { once } from 'node:events';
import { keepHeapSmall, startPage } from '../../cloud/page/index.js';
import { withAliasPrefix } from '../../shared/config/index.js';
import { secondsToNs, systemClock } from '../../shared/core/index.js';
import type { CalibratorState, Twin } from '../../shared/twin/index.js';
import { GrowingDrag } from '../unit/page/growing-drag.js';

// As `twinloop page` does.
keepHeapSmall();
const HOURS = 720;
const assetCount = Number(process.argv[2] ?? '1');
// Told by who starts it: making them needs the engine, which is no part of a page's server.
const [{ twin, state }] = (await once(process, 'message')) as [
  { twin: Twin; state: CalibratorState },
];
const machine = new GrowingDrag(twin.definition);
const nowNs = systemClock.nowNs();
machine.fill(HOURS, nowNs);
const fleet = Array.from({ length: assetCount }, (_, i) => {
  const own = withAliasPrefix(twin.definition, `/line${i + 1}`);
  for (const { alias } of i === 0 ? [] : [...own.measured, ...own.parameters]) {
    const value = 1e-3 * (1 + (i % 7) / 10);
    machine.put(alias, { timeNs: nowNs - secondsToNs(1), quality: 'GOOD', value });
  }
  return { id: `line${i + 1}`, twin: own };
});
const page = await startPage({
  port: 0,
  siteWise: machine,
  assets:
    assetCount > 1
      ? fleet
      : [
          {
            id: 'line1',
            twin: twin.definition,
            status: async () => ({ ...machine.status(), machineTimeS: HOURS * 3600 }),
            outlook: { twin, state: async () => state },
          },
        ],
  pace: {
    pollIntervalMs: 1000,
    historyS: 31 * 86_400,
    measuredWithinS: 1e6,
    calibratedWithinS: 1e6,
  },
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ rss: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 });
});
process.once('disconnect', () => void page.close().finally(() => process.exit()));
process.send?.({ url: page.url });
