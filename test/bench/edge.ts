import { statSync } from 'node:fs';
import { packageFile } from '../../shared/core/index.js';
import { text } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';
import { shippedEntry } from './edge/measure.js';
import { mqtt } from './edge/mqtt.js';
import { opcua } from './edge/opcua.js';
import { backlog, idle, sustained } from './edge/replay.js';
import { start } from './edge/start.js';

function packages(io: BenchIo): void {
  shippedEntry();
  const folder = packageFile('greengrass-build/artifacts/com.twinloop.Edge/NEXT_PATCH');
  const { size } = statSync(`${folder}/twinloop-edge-linux-${process.arch}.zip`);
  io.print(`package for ${process.arch}: ${(size / 1e6).toFixed(1)} MB`);
}

const PARTS = ['sustained', 'backlog', 'idle', 'mqtt', 'opcua', 'start', 'package'] as const;

export const bench = defineBench({
  measures:
    'The edge component as it is shipped, started as its recipe does: throughput, drain of a backlog, idle load, intake of messages, many OPC UA nodes, start to first value, package size.',
  options: {
    telegraf: text('Telegraf’s program, to measure beside it with mqtt and opcua', 'PATH', ''),
  },
  words: {
    name: '[parts...]',
    describe: `some of ${PARTS.join(', ')}, all without one; quick for less of each`,
    of: [...PARTS, 'quick'],
  },
  run: measureParts,
});

async function measureParts(
  { telegraf }: { telegraf: string },
  io: BenchIo,
  args: readonly string[],
): Promise<void> {
  const quick = args.includes('quick');
  const options = { quick, telegrafPath: telegraf === '' ? undefined : telegraf };
  const parts: Record<(typeof PARTS)[number], () => Promise<void> | void> = {
    sustained: () => sustained(io, quick ? 5 : 30),
    backlog: () => backlog(io, quick ? 200_000 : 7_200_000),
    idle: () => idle(io, quick ? 5 : 20),
    mqtt: () => mqtt(io, options),
    opcua: () => opcua(io, options),
    start: () => start(io, options),
    package: () => packages(io),
  };
  const named = PARTS.filter((part) => args.includes(part));
  for (const part of named.length === 0 ? PARTS : named) await parts[part]();
}
