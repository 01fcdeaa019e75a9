import { Worker } from 'node:worker_threads';
import type { Results } from './results.js';
import type { AnyStudy, Done, Job } from './study.js';

/** What a thread is started with, and what it answers to a job. */
export interface ThreadData {
  study: string;
  given: Record<string, unknown>;
}
export type Answer = { result: unknown } | { error: string };

/** Does jobs, each in turn. */
interface Doer {
  run(job: Job): Promise<Answer>;
  close(): void;
}

/** What went wrong with a job, in a line. */
export const problemOf = (error: unknown): string =>
  (error instanceof Error ? error.message : `${error}`).split('\n')[0]!;

/** Does jobs in this thread. */
const here = (study: AnyStudy, given: Record<string, unknown>): Doer => ({
  async run(job) {
    try {
      return { result: await study.run(job, given) };
    } catch (error) {
      return { error: problemOf(error) };
    }
  },
  close: () => {},
});

/** Does jobs in a thread of its own. */
function inThread(data: ThreadData): Doer {
  const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data });
  // One listener for all jobs: without any the thread's answers are no longer delivered.
  let answer: (answer: Answer) => void = () => {};
  worker.on('message', (given: Answer) => answer(given));
  worker.on('error', (error) => answer({ error: problemOf(error) }));
  worker.on('exit', (code) => answer({ error: `its thread ended with ${code}` }));
  return {
    run: (job) =>
      new Promise((resolve) => {
        answer = resolve;
        worker.postMessage(job);
      }),
    close: () => worker.postMessage(undefined),
  };
}

/** What came of a study's jobs. */
export interface Ran {
  done: Done<Job, unknown>[];
  failed: string[];
}

/** Runs those jobs that have no result yet, several at a time, and tells of each on stderr. */
export async function runJobs(
  study: AnyStudy,
  name: string,
  jobs: readonly Job[],
  given: Record<string, unknown>,
  atOnce: number,
  results: Results,
  ran: Ran,
): Promise<void> {
  const queue = [...jobs];
  const threads = Math.min(
    atOnce,
    queue.filter((job) => results.get(job.key) === undefined).length,
  );
  const work = async (doer: Doer) => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      let result = results.get(job.key);
      if (result === undefined) {
        const startedMs = performance.now();
        const answer = await doer.run(job);
        const s = ((performance.now() - startedMs) / 1000).toFixed(1);
        if ('error' in answer) {
          ran.failed.push(`${job.key}: ${answer.error}`);
          continue;
        }
        result = answer.result;
        results.add(job.key, result);
        console.error(`${ran.done.length + 1}/${jobs.length} ${job.key}: ${s} s`);
      }
      ran.done.push({ job, result });
    }
    doer.close();
  };
  const doers =
    threads <= 1
      ? [here(study, given)]
      : Array.from({ length: threads }, () => inThread({ study: name, given }));
  await Promise.all(doers.map(work));
  const place = new Map(jobs.map((job, k) => [job, k]));
  ran.done.sort((a, b) => place.get(a.job)! - place.get(b.job)!);
}
