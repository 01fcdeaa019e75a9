import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { SiteWiseEdgePublisher } from '../../edge-component/publishers/sitewise-edge.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { silentLogger, systemClock } from '../../shared/core/index.js';

/** The broker that most gateways run, where it is installed; `.ci/run` installs it. */
const found = ['mosquitto', '/usr/sbin/mosquitto'].find(
  (path) => spawnSync(path, ['-h']).error === undefined,
);
const folder = mkdtempSync(join(tmpdir(), 'twinloop-mosquitto-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** A broker that lets the user `gateway` write only what the list allows. */
async function startBroker(allowed: string): Promise<string> {
  const port = await freePort();
  const acl = join(folder, `acl-${port}`);
  writeFileSync(acl, `user gateway\ntopic readwrite ${allowed}\n`, { mode: 0o600 });
  const passwords = join(folder, `passwords-${port}`);
  writeFileSync(passwords, '', { mode: 0o600 });
  spawnSync('mosquitto_passwd', ['-b', passwords, 'gateway', 'secret']);
  const config = join(folder, `mosquitto-${port}.conf`);
  writeFileSync(
    config,
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous false',
      `password_file ${passwords}`,
      `acl_file ${acl}`,
      'user root',
      '',
    ].join('\n'),
  );
  running.push(spawn(found!, ['-c', config], { stdio: 'ignore' }));
  return `mqtt://127.0.0.1:${port}`;
}

function publisherOf(url: string) {
  const { publisher } = parseConfig(
    edgeSchema,
    {
      publisher: { type: 'sitewise-edge', url, username: 'gateway', password: 'secret' },
    },
    'test',
  );
  if (publisher.type !== 'sitewise-edge') throw new Error('wrong type');
  return new SiteWiseEdgePublisher(publisher, 'gateway-1', silentLogger);
}

async function connected(publisher: SiteWiseEdgePublisher): Promise<void> {
  const { signal } = new AbortController();
  for (let tries = 0; ; tries++) {
    try {
      return await publisher.connect(signal);
    } catch (error) {
      if (tries > 100) throw error;
      await systemClock.sleep(50);
    }
  }
}

const entries = (alias: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    key: `${alias}-${i}`,
    sample: {
      alias,
      timeNs: systemClock.nowNs() + BigInt(i),
      quality: 'GOOD' as const,
      value: i,
      dataType: 'DOUBLE' as const,
    },
  }));

const hasPasswords = spawnSync('mosquitto_passwd', ['--help']).error === undefined;

describe.skipIf(found === undefined || !hasPasswords)('mosquitto', () => {
  it('takes what its list allows; what it refuses is held, by name, and never counts as delivered', async () => {
    const url = await startBroker('/allowed/#');
    const publisher = publisherOf(url);
    await connected(publisher);
    expect(publisher.caveat).toBeUndefined();
    try {
      const seen: string[] = [];
      const reader = await connectAsync(url, { username: 'gateway', password: 'secret' });
      reader.on('message', (topic) => seen.push(topic));
      await reader.subscribeAsync('/allowed/#', { qos: 1 });
      const delivered: string[] = [];
      const outcome = await publisher.send(
        [...entries('/allowed/a', 3), ...entries('/denied/b', 2)],
        (some) => delivered.push(...some.map((e) => e.key)),
        new AbortController().signal,
      );
      expect(delivered.sort()).toEqual(['/allowed/a-0', '/allowed/a-1', '/allowed/a-2']);
      expect(outcome.retry).toEqual([]);
      expect(outcome.rejected).toEqual([]);
      expect(outcome.held.map((h) => h.entry.key)).toEqual(['/denied/b-0', '/denied/b-1']);
      expect(outcome.held[0]).toMatchObject({ code: 'NotAuthorized' });
      expect(outcome.held[0]?.message).toContain('/denied/b');
      await expect.poll(() => seen).toContain('/allowed/a');
      await reader.endAsync();
    } finally {
      await publisher.close();
    }
  });
});
