import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import type { EdgeStatus } from '../../edge-component/status/status.js';
import { compiledEntry, fromTimeInNanos } from '../../shared/core/index.js';

/** A folder of its own, removed by `remove()`. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'twinloop-edge-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Waits until a condition holds; fails with what it was. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 40_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One value as the broker saw it. */
export interface BrokerValue {
  alias: string;
  timeNs: bigint;
  quality: string;
  value: unknown;
}

/** A broker that notes every value it acknowledged, and can be cut off. */
export interface TestBroker {
  url: string;
  port: number;
  /** In the order of their arrival. */
  values: BrokerValue[];
  /** Refuses connections and drops those there are, until `restore()`. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an MQTT broker on loopback. */
export async function startTestBroker(): Promise<TestBroker> {
  const aedes = await Aedes.createBroker();
  const values: BrokerValue[] = [];
  aedes.on('publish', (packet, client) => {
    if (client === null || packet.topic.startsWith('$')) return;
    const { propertyAlias, propertyValues } = JSON.parse(packet.payload.toString()) as {
      propertyAlias: string;
      propertyValues: {
        value: Record<string, unknown>;
        timestamp: { timeInSeconds: number; offsetInNanos: number };
        quality: string;
      }[];
    };
    for (const v of propertyValues) {
      const [kind, value] = Object.entries(v.value)[0] ?? [];
      values.push({
        alias: propertyAlias,
        timeNs: fromTimeInNanos(v.timestamp),
        quality: v.quality,
        value: kind === 'nullValue' ? null : value,
      });
    }
  });
  const sockets = new Set<Socket>();
  let server: Server;
  let port = 0;
  const listen = async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    values,
    cut,
    restore: listen,
    close: async () => {
      await cut();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
    },
  };
}

/** The component as a process of its own, by the entry that the recipe names. */
export interface EdgeProcess {
  child: ChildProcess;
  statusUrl: string;
  output: () => string;
  status(): Promise<EdgeStatus>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts the component with a config written to `folder`; resolves when it is ready.
 *
 * @param options.shellPrefix shell commands that set the stage in the same process
 * @param options.unshare in a user and mount namespace of its own, so that they may mount
 * @param options.entry another build of it
 */
export async function startEdgeProcess(
  folder: string,
  config: object,
  options: {
    shellPrefix?: string;
    unshare?: boolean;
    entry?: string;
    nodeFlags?: readonly string[];
    env?: Record<string, string>;
  } = {},
): Promise<EdgeProcess> {
  const file = join(folder, 'edge.json');
  await writeFile(file, JSON.stringify(config));
  const { shellPrefix, unshare = false, nodeFlags = [] } = options;
  const { entry = compiledEntry('edge-component/main') } = options;
  const command = [
    ...(unshare ? ['unshare', '--map-root-user', '--mount'] : []),
    ...(shellPrefix === undefined ? [] : ['bash', '-c', `${shellPrefix}; exec "$0" "$@"`]),
    ...[process.execPath, ...nodeFlags, entry, '--config', file],
  ];
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...options.env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-200_000);
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const statusUrl = await new Promise<string>((resolve, reject) => {
    child.once('message', (m) => resolve((m as { statusUrl: string }).statusUrl));
    child.once('exit', (code) => reject(new Error(`the component ended with ${code}:\n${output}`)));
  });
  return {
    child,
    statusUrl,
    output: () => output,
    status: async () => (await (await fetch(`${statusUrl}/status`)).json()) as EdgeStatus,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.kill('SIGTERM');
      return await exited;
    },
  };
}
