import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readData } from '../../../cli/calibration-data.js';
import { silentLogger } from '../../../shared/core/index.js';
import { readTwinRecording } from '../../../shared/twin/data/recording.js';
import { smallTwin } from './fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-fine-times-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, lines: readonly string[]): string => {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};

const STEP_NS = 100;
const SECOND = 1_790_863_530;
const rows = Array.from({ length: 60 }, (_, k) => k);
/** Nanoseconds since 1970, of which a double keeps a quarter of a microsecond as seconds. */
const time = (k: number) => `${SECOND}${String(k * STEP_NS).padStart(9, '0')}`;
const wide = ['time,y1,y2,y3', ...rows.map((k) => `${time(k)},${k},${2 * k},${3 * k}`)];
const long = [
  'time,tag,value',
  ...rows.flatMap((k) => ['y1', 'y2', 'y3'].map((tag) => `${time(k)},${tag},${k}`)),
];

describe('rows that are 100 ns apart, in times since 1970', () => {
  it.each([
    ['a row a sample', wide],
    ['one reading a row', long],
  ])('make samples with the steps of the record: %s', async (name, lines) => {
    const { samples } = await readTwinRecording(smallTwin(), file(`${name}.csv`, lines));
    expect(samples.length).toBeGreaterThanOrEqual(rows.length - 1);
    samples.forEach(({ timeS }, k) => void expect(timeS).toBeCloseTo(k * 1e-7, 14));
  });

  it('take no state from one recording to the next', async () => {
    const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
    const io = { stdout: stderr, stderr, env: {}, logger: silentLogger };
    const args = { data: file('wide.csv', wide), state: folder };
    const reading = readData(smallTwin(), undefined, args, {
      ...io,
      signal: new AbortController().signal,
    });
    await expect(reading).rejects.toThrow(/count from its first row.*Leave out --state/s);
  });
});
