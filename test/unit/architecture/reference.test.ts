import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { packageFile } from '../../../shared/core/index.js';

it('says of every command and file what the code says', async () => {
  const script = packageFile('scripts/build-reference.mjs');
  const run = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(run.stderr + run.stdout).toBe('');
  expect(run.status).toBe(0);
  const page = readFileSync(packageFile('docs/reference/commands.md'), 'utf8');
  for (const { name } of await loadCommands()) expect(page).toContain(`\n## ${name}\n`);
  const files = readFileSync(packageFile('docs/reference/files.md'), 'utf8');
  expect(files).toMatch(/`parameters\[\]\.prior\.mean` +\| number +\| required/);
  expect(files).toMatch(/`picture\.parts\[\]\.kind`/);
});
