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
setInterval(() => {
  round++;
  const values = Object.fromEntries(variables.map((v, i) => [v, round + i]));
  server.publish(values, BigInt(Date.now()) * 1_000_000n);
}, 1000);
process.send?.({ url: server.endpointUrl });
process.on('disconnect', () => {
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(0);
});
