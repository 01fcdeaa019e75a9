#!/usr/bin/env node
import module from 'node:module';

// Node 22.1 and later keep what they compiled: the next start need not compile it again.
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
const { runProgram } = await import('./program.js');
await runProgram(process.argv);
