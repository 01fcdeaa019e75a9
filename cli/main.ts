#!/usr/bin/env node
import module from 'node:module';

// Node 22.1 and later keep what they compiled: the next start need not compile it again.
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
const [{ runProgram }, { nouns }] = await Promise.all([
  import('./program.js'),
  import('./commands.js'),
]);
await runProgram(process.argv, {
  name: 'twinloop',
  summary: 'Keeps physics models of machines true to the machines.',
  nouns,
});
