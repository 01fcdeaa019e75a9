import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SkippedReporter } from './test/support/skipped-reporter.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // Native modules (koffi, lmdb, aws-crt) and child processes: a process per file, not a thread.
    pool: 'forks',
    // Two at once on two cores: many tests wait for processes and clocks more than they compute.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Limits are for what hangs: beside other work a test may take ten times as long as alone.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: ['default', new SkippedReporter()],
  },
});
