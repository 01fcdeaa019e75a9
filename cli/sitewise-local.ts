#!/usr/bin/env node
import type { Noun } from './commands.js';
import { runProgram } from './program.js';
import { siteWiseCommands } from './sitewise.js';

// The commands of the stand-in without their noun, for the package that holds nothing else.
const nouns: readonly Noun[] = siteWiseCommands.map((command) => {
  const name = command.name.replace(/^sitewise /, '');
  const examples = (command.examples ?? []).map((e) =>
    e.replace('twinloop sitewise', 'sitewise-local'),
  );
  return {
    noun: name,
    summary: command.summary,
    load: async () => [{ ...command, name, examples }],
  };
});
await runProgram(process.argv, {
  name: 'sitewise-local',
  summary: 'A stand-in for the AWS IoT SiteWise API on one machine.',
  nouns,
});
