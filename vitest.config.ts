import { defineConfig } from 'vitest/config';
import { SkippedReporter } from './test/support/skipped-reporter.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // Native modules (koffi, lmdb, aws-crt) and child processes: a process per file, not a thread.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', new SkippedReporter()],
  },
});
