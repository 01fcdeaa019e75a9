import { statSync } from 'node:fs';
import { packageFile } from '../../shared/core/index.js';
import { shippedEntry } from './edge/measure.js';
import { mqtt } from './edge/mqtt.js';
import { opcua } from './edge/opcua.js';
import { backlog, idle, sustained } from './edge/replay.js';
import { start } from './edge/start.js';
import type { BenchIo } from './main.js';

function packages(io: BenchIo): void {
  shippedEntry();
  const folder = packageFile('greengrass-build/artifacts/com.twinloop.Edge/NEXT_PATCH');
  const { size } = statSync(`${folder}/twinloop-edge-linux-${process.arch}.zip`);
  io.print(`package for ${process.arch}: ${(size / 1e6).toFixed(1)} MB`);
}

/**
 * `npm run bench -- edge [sustained | backlog | idle | mqtt | opcua | start | package] [quick] [--telegraf PATH]`:
 * throughput, drain of a backlog, idle load, intake of messages, many OPC UA nodes, start to first value, package
 * size; all of them when none is named. Measured is what is shipped: the bundle, started as its recipe does.
 */
export async function run(args: readonly string[], io: BenchIo): Promise<void> {
  const quick = args.includes('quick');
  const at = args.indexOf('--telegraf');
  const options = { quick, telegrafPath: at < 0 ? undefined : args[at + 1] };
  const parts: Record<string, () => Promise<void> | void> = {
    sustained: () => sustained(io, quick ? 5 : 30),
    backlog: () => backlog(io, quick ? 200_000 : 7_200_000),
    idle: () => idle(io, quick ? 5 : 20),
    mqtt: () => mqtt(io, options),
    opcua: () => opcua(io, options),
    start: () => start(io, options),
    package: () => packages(io),
  };
  const named = Object.keys(parts).filter((part) => args.includes(part));
  for (const part of named.length === 0 ? Object.keys(parts) : named) await parts[part]?.();
}
