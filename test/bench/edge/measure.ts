import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import {
  bundleName,
  COMPONENT_NAME,
  NODE_ENVIRONMENT,
  NODE_FLAGS,
} from '../../../edge-component/greengrass/recipe.js';
import { packageFile } from '../../../shared/core/index.js';
import { type EdgeProcess, startEdgeProcess } from '../../support/edge.js';

export const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Resident memory by kind, MB. */
interface Resident {
  /** The process's own. */
  anonMb: number;
  /** Pages of mapped files (the outbox, libraries, Node itself): the kernel takes them back when it needs them. */
  fileMb: number;
}

/** CPU seconds a process has used, and its resident memory, from /proc. */
export function usage(pid: number): { cpuS: number } & Resident {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return {
    cpuS: (Number(fields[11]) + Number(fields[12])) / 100,
    anonMb: mb('RssAnon'),
    fileMb: mb('RssFile'),
  };
}

/** Keeps the most that was seen. */
export class Peak implements Resident {
  anonMb = 0;
  fileMb = 0;
  #totalMb = 0;

  see({ anonMb, fileMb }: Resident): void {
    this.anonMb = Math.max(this.anonMb, anonMb);
    this.fileMb = Math.max(this.fileMb, fileMb);
    this.#totalMb = Math.max(this.#totalMb, anonMb + fileMb);
  }

  toString(): string {
    return `resident at most ${Math.round(this.#totalMb)} MB (own ${Math.round(this.anonMb)}, mapped files ${Math.round(this.fileMb)})`;
  }
}

/** Watches a process for a while: its share of a core, in per cent, and its memory. */
export async function watch(pid: number, seconds: number): Promise<{ cpu: string; peak: Peak }> {
  const peak = new Peak();
  const [before, t0] = [usage(pid), performance.now()];
  for (let i = 0; i < seconds; i++) {
    await wait(1000);
    peak.see(usage(pid));
  }
  const s = (performance.now() - t0) / 1000;
  return { cpu: `${(((usage(pid).cpuS - before.cpuS) / s) * 100).toFixed(1)} % of a core`, peak };
}

export interface FarEnd {
  child: ChildProcess;
  url: string;
  /** Messages published by clients so far. */
  messages(): Promise<number>;
  /** Resolves at the first message, with the clock of `performance.now()`. */
  first: Promise<number>;
}

/** The broker in a process of its own, so that the component has its core to itself. */
export async function startBroker(port = 0): Promise<FarEnd> {
  const child = fork(fileURLToPath(new URL('../../support/edge-broker.js', import.meta.url)), [
    String(port),
  ]);
  const message = (key: string) =>
    new Promise<Record<string, unknown>>((resolve) => {
      const onMessage = (m: unknown) => {
        if (!(key in (m as object))) return;
        child.off('message', onMessage);
        resolve(m as Record<string, unknown>);
      };
      child.on('message', onMessage);
    });
  const first = message('first').then(() => performance.now());
  const { url } = await message('url');
  const messages = async () => {
    const answer = message('messages');
    child.send('count');
    return Number((await answer).messages);
  };
  return { child, url: String(url), messages, first };
}

let unpacked: string | undefined;

/** The component's entry as it is shipped: built, unpacked as on a gateway. */
export function shippedEntry(): string {
  if (unpacked === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'twinloop-bench-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const script = packageFile('scripts/build-component.mjs');
    const built = spawnSync(process.execPath, [script, '--arch', process.arch], {
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(`the component could not be built: ${built.stderr}`);
    const zip = packageFile(
      `greengrass-build/artifacts/${COMPONENT_NAME}/NEXT_PATCH/${bundleName(process.arch)}.zip`,
    );
    for (const [file, content] of Object.entries(unzipSync(readFileSync(zip)))) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), content);
    }
    unpacked = folder;
  }
  return join(unpacked, 'edge-component/main.js');
}

/** The component as it is shipped, started as its recipe says. */
export async function startGateway(folder: string, config: object): Promise<EdgeProcess> {
  return await startEdgeProcess(folder, config, {
    entry: shippedEntry(),
    nodeFlags: NODE_FLAGS,
    env: NODE_ENVIRONMENT,
  });
}
