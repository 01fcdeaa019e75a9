import { readFile } from 'node:fs/promises';
import * as sdk from '@aws-sdk/client-iotsitewise';
import { expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { listOperations, operationsTable } from '../../../simulators/sitewise/index.js';
import { clientOf, openSiteWise } from '../../support/sitewise.js';

/** The names of the SDK's command classes, without "Command". */
const COMMANDS = Object.entries(sdk)
  .filter(([name, value]) => typeof value === 'function' && /^[A-Z]\w+Command$/.test(name))
  .map(([name]) => name.slice(0, -'Command'.length))
  .sort();

const file = packageFile('simulators/sitewise/OPERATIONS.md');

test('every command of the SDK stands in the table, as offered or not, and nothing else does', async () => {
  const rows = [...(await readFile(file, 'utf8')).matchAll(/^\| (\w+) +\| \w+ +\| (yes|–) +\|/gm)];
  expect(COMMANDS.length).toBeGreaterThan(140);
  expect(rows.map(([, name]) => name)).toEqual(COMMANDS);
});

test('the table of operations in the docs is the one that is offered', async () => {
  // How wide the columns are is the formatter's affair.
  const words = (text: string) => text.replace(/-{3,}/g, '---').replace(/\s+/g, ' ').trim();
  expect(words(await readFile(file, 'utf8'))).toBe(words(operationsTable()));
});

test('what is not offered is refused by its name, with the reason in the table', async () => {
  const client = clientOf(await openSiteWise());
  const table = await readFile(file, 'utf8');
  const refusals = [
    [new sdk.ListPortalsCommand({}), 'ListPortals'],
    [new sdk.ListDatasetsCommand({ sourceType: 'KENDRA' }), 'ListDatasets'],
  ] as const;
  for (const [command, name] of refusals) {
    // biome-ignore lint/suspicious/noExplicitAny: commands of several operations, sent alike
    const refusal: Error = await client.send(command as any).catch((error) => error);
    const [, reason] =
      new RegExp(`^${name} is not offered .*: (.+)\\.$`).exec(refusal.message) ?? [];
    expect(refusal, name).toMatchObject({ name: 'NotImplementedException' });
    expect(table).toMatch(new RegExp(`\\| ${name} .*${reason}`));
  }
  expect(listOperations().filter((o) => !o.implemented && o.remark === '')).toEqual([]);
});
