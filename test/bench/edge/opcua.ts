import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../support/edge.js';
import type { BenchIo } from '../common/bench.js';
import { startBroker, startGateway, wait, watch } from './measure.js';
import { startTelegraf, telegrafOpcua, telegrafOutput } from './telegraf.js';

/** An OPC UA server whose nodes all change once a second. */
export async function startServer(nodes: number): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(fileURLToPath(new URL('opcua-server.js', import.meta.url)), [String(nodes)]);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (m) => resolve((m as { url: string }).url));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { child, url };
}

/** How often all nodes of the server have changed. */
async function roundsOf(server: ChildProcess): Promise<number> {
  const answer = new Promise<number>((resolve) => {
    server.once('message', (m) => resolve((m as { rounds: number }).rounds));
  });
  server.send('rounds');
  return await answer;
}

export const opcuaSource = (endpointUrl: string, nodes: number) => ({
  name: 'plc',
  type: 'opcua',
  endpointUrl,
  signals: Array.from({ length: nodes }, (_, i) => ({
    nodeId: `ns=1;s=N${i}`,
    alias: `/line1/machine/N${i}`,
  })),
});

/** 1,500 nodes at 1 Hz: memory and processor. */
export async function opcua(
  io: BenchIo,
  { quick, telegrafPath }: { quick: boolean; telegrafPath?: string | undefined },
): Promise<void> {
  const nodes = 1500;
  const seconds = quick ? 10 : 60;
  const [server, broker] = [await startServer(nodes), await startBroker()];
  const folder = await temporaryFolder();
  try {
    const edge = await startGateway(folder.path, {
      dataDir: 'data',
      sources: [opcuaSource(server.url, nodes)],
      publisher: { type: 'sitewise-edge', url: broker.url },
      status: { port: 0 },
      log: { level: 'error' },
    });
    const pid = edge.child.pid ?? 0;
    const started = watch(pid, 5);
    await broker.first;
    const { peak: atStart } = await started;
    // The first value of each node comes once more than its changes.
    while (((await edge.status()).sources[0]?.received ?? 0) < nodes) await wait(100);
    const [before, roundsBefore, t0] = [
      await edge.status(),
      await roundsOf(server.child),
      performance.now(),
    ];
    const { cpu, peak } = await watch(pid, seconds);
    const [after, rounds] = [await edge.status(), (await roundsOf(server.child)) - roundsBefore];
    const tookS = (performance.now() - t0) / 1000;
    const rate = ((after.published - before.published) / tookS).toFixed(0);
    const read = (after.sources[0]?.received ?? 0) - (before.sources[0]?.received ?? 0);
    await edge.stop();
    io.print(
      `${nodes} OPC UA nodes at 1 Hz, ${tookS.toFixed(1)} s: ${rate} values/s published, ${cpu}, ${peak}; at the start ${atStart}`,
    );
    io.print(
      `  the server made ${rounds * nodes} changes in that time; ${read} were read, ${after.published - before.published} published, ledger gaps ${JSON.stringify(after.ledger.gaps)} (a round more or less at either end is under way)`,
    );
    if (telegrafPath === undefined) return;
    const far = await startBroker();
    const config = telegrafOutput(far.url) + telegrafOpcua(server.url, nodes);
    const agent = startTelegraf(telegrafPath, folder.path, config);
    await far.first;
    await wait(3000);
    const messages = await far.messages();
    const theirs = await watch(agent.pid ?? 0, seconds);
    const perS = ((await far.messages()) - messages) / seconds;
    agent.kill();
    far.child.kill();
    io.print(
      `  Telegraf, in memory: ${perS.toFixed(0)} values/s published, ${theirs.cpu}, ${theirs.peak}`,
    );
  } finally {
    server.child.kill();
    broker.child.kill();
    await folder.remove();
  }
}
