import { startSiteWise } from '../../../simulators/sitewise/index.js';

// The server as a process of its own; prints where it is, and ends on SIGTERM.
const [dataDir = ''] = process.argv.slice(2);
const { endpoint, region, credentials, close } = await startSiteWise({ dataDir });
process.stdout.write(`${JSON.stringify({ endpoint, region, credentials })}\n`);
process.once('SIGTERM', () => {
  close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
