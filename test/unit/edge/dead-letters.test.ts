import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from '../../../edge-component/outbox/dead-letters.js';
import { Outbox } from '../../../edge-component/outbox/outbox.js';
import type { EdgeSample } from '../../../edge-component/outbox/record.js';
import { ManualClock, silentLogger } from '../../../shared/core/index.js';
import { temporaryFolder } from '../../support/edge.js';
import { sample, T0 } from './edge-samples.js';

let folder: { path: string; remove: () => Promise<void> };
let clock: ManualClock;
let outbox: Outbox;

const openOutbox = () =>
  Outbox.open({
    ...{ directory: folder.path, maxBytes: 1e9, slowAt: 0.8, batchMs: 0 },
    ...{ clock, logger: silentLogger },
  });
const openLetters = (maxBytes: number) =>
  new DeadLetters({
    ...{ directory: folder.path, maxBytes, clock, logger: silentLogger },
    onDelete: (reason, values) => outbox.deleteLetters(reason, values),
  });

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = new ManualClock(T0);
  outbox = await openOutbox();
});
afterEach(async () => {
  await outbox.close();
  await folder.remove();
});

describe('dead letters', () => {
  it('stay within their limit, however many files of a day were deleted', async () => {
    const maxBytes = 400_000;
    // Line ends and quotes in a text are no rows.
    const text = `DOUBLE-or-text\n"${'x'.repeat(880)}"\n`;
    const letters = openLetters(maxBytes);
    for (let round = 0; round < 30; round++) {
      await letters.write(
        Array.from({ length: 50 }, (_, i) => ({
          entry: {
            key: String(i),
            sample: sample(i, { value: text, dataType: 'STRING' }),
          },
          code: 'TooOld',
          message: 'm',
        })),
      );
      const files = await readdir(join(letters.directory, 'TooOld'));
      const sizes = await Promise.all(
        files.map(async (f) => (await stat(join(letters.directory, 'TooOld', f))).size),
      );
      expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(maxBytes);
    }
    // What is in the files and what is in the account are all there ever were.
    const { lettersDeleted } = outbox.account;
    const kept = await readdir(join(letters.directory, 'TooOld'));
    const texts = await Promise.all(
      kept
        .filter((f) => f.endsWith('.csv'))
        .map((f) => readFile(join(letters.directory, 'TooOld', f), 'utf8')),
    );
    const left = texts.join('').split('DOUBLE-or-text').length - 1;
    expect(lettersDeleted.TooOld).toBe(30 * 50 - left);
    expect(lettersDeleted.TooOld).toBeGreaterThan(500);
    expect(letters.deleted).toEqual(lettersDeleted);
    // Also for whoever opens it the next time.
    await outbox.close();
    outbox = await openOutbox();
    expect(outbox.account.lettersDeleted).toEqual(lettersDeleted);
  });

  it('are written though something of somebody else lies among them', async () => {
    const letters = openLetters(1e6);
    await mkdir(letters.directory);
    await writeFile(join(letters.directory, 'README.txt'), 'do not delete');
    await mkdir(join(letters.directory, 'TooOld', 'a-folder'), { recursive: true });
    const entry = { key: '', sample: sample(0) };
    await letters.write([{ entry, code: 'TooOld', message: 'm' }]);
    expect(letters.counts).toEqual({ TooOld: 1 });
    expect(await readdir(letters.directory)).toContain('README.txt');
  });

  it('are files that SiteWise imports in bulk, by reason, and the oldest go first', async () => {
    const letters = openLetters(1e6);
    const entry = (s: EdgeSample) => ({
      entry: { key: '', sample: s },
      code: 'TimestampOutOfRangeException',
      message: 'too old',
    });
    await letters.write([
      entry(sample(0, { alias: '/a,"b"', value: 1.5 })),
      entry(sample(1, { quality: 'BAD', value: null })),
    ]);
    const folderOfCode = join(letters.directory, 'TimestampOutOfRangeException');
    const [csv, reasons] = (await readdir(folderOfCode)).sort();
    expect(await readFile(join(folderOfCode, csv ?? ''), 'utf8')).toBe(
      '"/a,""b""",DOUBLE,1800000000,0,GOOD,1.5\n/s1,DOUBLE,1800000000,1,BAD,\n',
    );
    expect(await readFile(join(folderOfCode, reasons ?? ''), 'utf8')).toBe('too old\n');
    expect(letters.counts).toEqual({ TimestampOutOfRangeException: 2 });
  });
});
