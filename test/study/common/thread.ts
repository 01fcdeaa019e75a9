import { parentPort, workerData } from 'node:worker_threads';
import { STUDIES } from '../studies.js';
import { type Answer, problemOf, type ThreadData } from './jobs.js';
import type { Job } from './study.js';

/** One of a study's threads: a job in, its result out. */
const { study: name, given } = workerData as ThreadData;
const study = await STUDIES[name]!();
parentPort!.on('message', async (job: Job | undefined) => {
  if (job === undefined) {
    parentPort!.close();
    return;
  }
  const answer: Answer = await study.run(job, given).then(
    (result: unknown) => ({ result }),
    (error: unknown) => ({ error: problemOf(error) }),
  );
  parentPort!.postMessage(answer);
});
