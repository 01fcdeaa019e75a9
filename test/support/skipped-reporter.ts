import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Tells at the end which tests were skipped, by file and reason, so that a green run hides nothing. */
export class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = new Map<string, { count: number; names: string[] }>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const line = `${module.relativeModuleId}: ${reasonOf(test)}`;
        const entry = skipped.get(line) ?? { count: 0, names: [] };
        entry.count++;
        entry.names.push(test.fullName);
        skipped.set(line, entry);
      }
    }
    if (skipped.size === 0) return;
    const total = [...skipped.values()].reduce((sum, { count }) => sum + count, 0);
    console.log(`\nSkipped: ${total} tests`);
    for (const [line, { count, names }] of skipped) {
      const which = names.slice(0, 3).join('; ');
      console.log(`  ${count} in ${line}\n      ${which}${count > 3 ? ' …' : ''}`);
    }
  }
}

/** The note that a test gave with `skip(note)`, or that its name tells. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return note ?? (test.options.mode === 'todo' ? 'to do' : 'what it needs is not on this machine');
}
