import type { Options } from './options.js';

/** One piece of a study's work; what it gives is kept under its key. */
export interface Job {
  /** Names the piece, with all that its result depends on. */
  key: string;
}

/** A piece of work and what it gave. */
export interface Done<J, R> {
  job: J;
  result: R;
}

/** What a study was asked for. */
export type Given<O extends Options> = { readonly [K in keyof O]: O[K]['default'] };

/** A measurement that docs quote: jobs, which may run beside each other, and tables of their results. */
export interface Study<O extends Options, J extends Job, R> {
  /** As in `npm run NAME`. */
  name: string;
  /** What it measures, in a sentence or two. */
  measures: string;
  /** How long it takes. */
  takes: string;
  options: O;
  /** What it cannot run without and does not find, as a sentence. */
  lacks?(given: Given<O>): string | undefined;
  /** Its pieces of work, in the order in which they run. @throws TwinError `USAGE` */
  jobs(given: Given<O>): readonly J[] | Promise<readonly J[]>;
  /** Does one piece. The result must survive JSON; numbers may be infinite or not a number. */
  run(job: J, given: Given<O>): Promise<R>;
  /** Markdown of what is there, which may be a part of the jobs. */
  tables(done: readonly Done<J, R>[], given: Given<O>): string[];
}

/** A study whatever its options, jobs and results are. */
// biome-ignore lint/suspicious/noExplicitAny: the types of one study meet only within it.
export type AnyStudy = Study<any, any, any>;

/** Checks a study's types against each other. */
export const defineStudy = <O extends Options, J extends Job, R>(study: Study<O, J, R>) => study;
