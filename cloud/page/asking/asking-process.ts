/**
 * The process in which the page's server asks twins: courses and plans take a core for seconds, in
 * which the server has others to answer. Started by `AskingProcess`; ends when that does.
 */
import { setPriority } from 'node:os';
import { messageOf, silentLogger } from '../../../shared/core/index.js';
import { createAsker } from './asker.js';
import type { FromAsking, ToAsking } from './asking-protocol.js';
import { Models } from './models.js';

const models = new Models(silentLogger);
const asker = createAsker((twin) => models.of(twin));
const running = new Map<number, AbortController>();

const [niceness] = process.argv.slice(2);
if (niceness !== undefined) {
  try {
    setPriority(Number(niceness));
  } catch {
    // Some systems allow none: the process then competes like any other.
  }
}

async function answer(request: Exclude<ToAsking, { type: 'cancel' }>): Promise<FromAsking> {
  const { id, present } = request;
  const stop = new AbortController();
  running.set(id, stop);
  try {
    return {
      id,
      answer:
        request.type === 'plan'
          ? await asker.plan(present, stop.signal)
          : await asker.course(present, request.question, request.ahead, stop.signal),
    };
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'INTERNAL';
    return { id, error: { code, message: messageOf(error) } };
  } finally {
    running.delete(id);
  }
}

process.on('message', (request: ToAsking) => {
  if (request.type === 'cancel') {
    running.get(request.id)?.abort();
    return;
  }
  void answer(request).then((message) => process.send?.(message));
});

process.once('disconnect', () => {
  for (const stop of running.values()) stop.abort();
  void models.close().finally(() => process.exit());
});
// Ctrl-C reaches the whole group: who started this ends it in order.
process.on('SIGINT', () => {});
