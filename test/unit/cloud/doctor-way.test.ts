import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { secondsToNs, systemClock } from '../../../shared/core/index.js';
import { createSiteWiseWriter } from '../../../shared/sitewise/index.js';
import { noArrivals } from '../../../shared/twin/index.js';
import { doctorsSystem, faults, sample } from './doctors-system.js';

const { build, clientOf, closers, look } = doctorsSystem();

/** What a gateway that is well says of itself. */
const well = {
  healthy: true,
  queueDepth: 0,
  oldestAgeS: 0,
  dropped: 0,
  deadLettered: {},
  ledger: { outbox: { stored: 0, accepted: 0, waiting: 0 }, gaps: [] as string[] },
  publisher: { connected: true },
  sources: [{ name: 'plc', state: 'up' }],
};

/** A gateway that says of itself what it is told to. */
async function gatewayOf(status: object): Promise<{ status: object; edgeUrl: string }> {
  const server = createServer((_, response) => response.end(JSON.stringify(gateway.status)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const gateway = {
    status,
    edgeUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  return gateway;
}

test('the edge component’s own account is part of it', async () => {
  await build();
  const gateway = await gatewayOf(well);
  const { edgeUrl } = gateway;
  const faultsAt = async (over: object) => {
    gateway.status = { ...well, ...over };
    return faults(await look({ edgeUrl }));
  };
  expect(await faultsAt({})).toEqual([]);
  expect(await faultsAt({ healthy: false })).toEqual([`failed edge ${edgeUrl}`]);
  expect(await faultsAt({ publisher: { connected: false } })).toEqual(['failed edge publisher']);
  expect(await faultsAt({ oldestAgeS: 90, queueDepth: 4 })).toEqual(['failed edge outbox']);
  expect(await faultsAt({ deadLettered: { x: 2 } })).toEqual([
    'warning edge outbox',
    'failed way gateway',
  ]);
  expect(await faultsAt({ sources: [{ name: 'plc', state: 'down' }] })).toEqual([
    'failed edge plc',
  ]);
  expect(await faultsAt({ sources: 'none' })).toEqual([`failed edge ${edgeUrl}`]);
});

test('the way of the values is followed from the gateway to the estimate, to the first place where one is missing', async () => {
  const nowNs = systemClock.nowNs();
  const nowS = Number(nowNs / 1_000_000_000n);
  await build({
    dataAgeS: 5,
    state: {
      watermarkNs: nowNs - secondsToNs(300),
      groupEndNs: nowNs - secondsToNs(300),
      arrivals: { ...noArrivals(nowNs - secondsToNs(3000)), aliases: ['/p/flow'] },
    },
  });
  const way = async (edgeUrl?: string) =>
    (await look(edgeUrl === undefined ? {} : { edgeUrl })).filter((c) => c.area === 'way');
  const [waiting] = await way();
  expect(waiting).toMatchObject({ status: 'failed', subject: 'pump-1' });
  expect(waiting?.found).toMatch(
    /^SiteWise → estimate: 1 readings wait, the estimate is 5.0 min old/,
  );
  // One that came behind the estimate and was not taken yet.
  await createSiteWiseWriter({ client: clientOf() }).write([sample('/p/flow', 700)]);
  const [late] = await way();
  expect(late?.status).toBe('warning');
  expect(late?.found).toContain('1 readings came behind the estimate');
  expect(late?.found).toContain('1 of /p/flow');

  const sending = {
    ...well,
    published: 2,
    component: { startedAt: new Date((nowS - 1000) * 1000).toISOString() },
    ledger: { outbox: { stored: 2, accepted: 2, waiting: 0 }, gaps: [] as string[] },
    sources: [{ name: 'plc', state: 'up', received: 2, forwarded: 2, overrun: 0 }],
  };
  const gateway = await gatewayOf(sending);
  const told = async (over: object) => {
    gateway.status = { ...sending, ...over };
    const { status: grade, found } = (await way(gateway.edgeUrl)).find(
      (c) => c.subject === 'gateway',
    )!;
    return `${grade}: ${found}`;
  };
  expect(await told({})).toBe(
    'ok: sensor 2 → outbox 2 → sent 2 → SiteWise 2; 0 wait in the outbox',
  );
  const [source] = sending.sources;
  expect(await told({ sources: [{ ...source, overrun: 4 }] })).toMatch(/^failed: sensor → outbox/);
  expect(await told({ ledger: { ...sending.ledger, gaps: ['outbox: 3 of 9'] } })).toMatch(
    /^failed: .*ledger does not add up: outbox: 3 of 9/,
  );
  expect(await told({ outbox: { unreadable: 3 } })).toMatch(/^failed: outbox: 3 values could not/);
  expect(await told({ ledger: undefined })).toMatch(/^warning: the gateway keeps no ledger/);
  expect(await told({ dropped: 2 })).toMatch(/^failed: outbox → SiteWise: 0 .* 2 dropped/);
  const many = { sources: [{ ...source, forwarded: 9000 }], published: 9000 };
  expect(await told(many)).toMatch(
    /^warning: outbox → SiteWise: 8998 values that were sent are not in the fleet’s streams/,
  );
});
