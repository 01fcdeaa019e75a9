import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSensorServer } from '../../../simulators/plant/index.js';

// An OPC UA server in a process of its own: so many nodes, all of which change once a second.
const count = Number(process.argv[2]);
const variables = Array.from({ length: count }, (_, i) => `N${i}`);
const dataDir = mkdtempSync(join(tmpdir(), 'twinloop-bench-'));
const server = await startSensorServer({
  port: 0,
  dataDir,
  machineName: 'bench',
  sensors: variables.map((variable) => ({ variable, unit: '' })),
});
let round = 0;
let dueMs = performance.now() + 1000;
// `setInterval` would count each second from when the last one came late: on a busy machine, fewer changes.
const tick = () => {
  round++;
  const values = Object.fromEntries(variables.map((v, i) => [v, round + i]));
  server.publish(values, BigInt(Date.now()) * 1_000_000n);
  dueMs += 1000;
  setTimeout(tick, Math.max(0, dueMs - performance.now()));
};
setTimeout(tick, 1000);
// How often all have changed, whoever asks.
process.on('message', () => process.send?.({ rounds: round }));
process.send?.({ url: server.endpointUrl });
const end = () => {
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(0);
};
process.on('disconnect', end);
process.on('SIGTERM', end);
