import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import {
  type ReadOptions,
  type RecordingTable,
  readTable,
} from '../../../shared/recordings/index.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-recordings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file for one test. */
export function file(content: string | Uint8Array, name = 'x.csv'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Reads a text as a recording. */
export function read(
  text: string | Uint8Array,
  options: ReadOptions = {},
): Promise<RecordingTable> {
  return readTable(file(text), options);
}

/** One of the exports that are kept for tests. */
export const fixture = (name: string) => packageFile(`test/fixtures/exports/${name}`);

/** A table's columns as plain arrays, by label. */
export function columns(table: RecordingTable): Record<string, number[]> {
  return Object.fromEntries(table.columns.map((c) => [c.label, [...c.values]]));
}
