import type { Options, Program } from '../../study/common/options.js';
import type { Given } from '../../study/common/study.js';

/** Where a bench prints. */
export interface BenchIo {
  print(line: string): void;
}

/** What each `test/bench/<area>.ts` exports as `bench`: speed that is measured and printed. */
export interface Bench<O extends Options> extends Omit<Program<O>, 'name'> {
  run(given: Given<O>, io: BenchIo, words: readonly string[]): Promise<void>;
}

/** Checks a bench's types against each other. */
export const defineBench = <O extends Options>(bench: Bench<O>) => bench;
