import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Zippable, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackArchive } from '../../../shared/fmi/description/archive.js';
import { openFmu } from '../../../shared/fmi/index.js';

let dir: string;
let count = 0;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'twinloop-archive-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(bytes: Uint8Array): string {
  const path = join(dir, `${count++}.fmu`);
  writeFileSync(path, bytes);
  return path;
}

const text = (s: string) => new TextEncoder().encode(s);
let caches = 0;
const cacheOf = () => join(dir, `cache-${caches++}`);

/** Everything under a folder, for "nothing was left behind". */
function filesUnder(path: string): string[] {
  try {
    return readdirSync(path, { recursive: true }).map(String);
  } catch {
    return [];
  }
}

/** An archive whose entry carries a name that no zip writer would write. */
function withName(name: string, attributes?: number): Uint8Array {
  const placeholder = 'x'.repeat(name.length);
  const zip = zipSync({
    [placeholder]:
      attributes === undefined ? text('boo') : [text('boo'), { attrs: attributes, os: 3 }],
  } as Zippable);
  const bytes = Buffer.from(zip);
  for (let at = bytes.indexOf(placeholder); at >= 0; at = bytes.indexOf(placeholder)) {
    bytes.write(name, at, 'latin1');
  }
  return bytes;
}

describe('archives', () => {
  it('unpacks once per content and mends what was swept away', async () => {
    const path = write(
      zipSync({ 'modelDescription.xml': text('<a/>'), 'resources/t.txt': text('1') }),
    );
    const cache = cacheOf();
    const first = await unpackArchive(path, cache);
    const file = join(first.dir, 'resources/t.txt');
    const { ino } = statSync(file);
    expect((await unpackArchive(path, cache)).dir).toBe(first.dir);
    expect(statSync(file).ino).toBe(ino);
    rmSync(file);
    await unpackArchive(path, cache);
    expect(readFileSync(file, 'utf8')).toBe('1');
    const many = await Promise.all(
      Array.from({ length: 8 }, () => unpackArchive(path, `${cache}-new`)),
    );
    expect(new Set(many.map((m) => m.sha256)).size).toBe(1);
  });

  it.each([
    ['../../escape.txt', /leaves its folder|\.\./],
    ['a/../../b', /leaves its folder|relative/],
    ['/etc/passwd2', /absolute/],
    ['C:/windows/x', /absolute/],
    ['a\\..\\..\\b', /backslash|invalid/],
    ['a//b', /leaves its folder/],
    ['a/./../b', /leaves its folder|relative/],
  ])('refuses the name %j', async (name, message) => {
    const cache = cacheOf();
    await expect(unpackArchive(write(withName(name)), cache)).rejects.toMatchObject({
      code: 'FMU_INVALID',
      message: expect.stringMatching(message),
    });
    expect(filesUnder(cache)).toEqual([]);
  });

  it('refuses links, devices and encryption', async () => {
    for (const mode of [0o120777, 0o020666, 0o060666, 0o010666]) {
      await expect(
        unpackArchive(write(withName('link', (mode << 16) >>> 0)), cacheOf()),
      ).rejects.toMatchObject({
        code: 'FMU_INVALID',
        message: expect.stringMatching(/link or device/),
      });
    }
    const encrypted = Buffer.from(zipSync({ a: text('x') }));
    encrypted.writeUInt16LE(1, 6);
    encrypted.writeUInt16LE(1, encrypted.indexOf('PK\u0001\u0002') + 8);
    await expect(unpackArchive(write(encrypted), cacheOf())).rejects.toMatchObject({
      code: 'FMU_INVALID',
    });
  });

  it('refuses bombs by ratio, by total and by number', async () => {
    const zeros = new Uint8Array(20 * 1024 * 1024);
    const bomb = write(zipSync({ 'zeros.bin': zeros }, { level: 9 }));
    await expect(unpackArchive(bomb, cacheOf())).rejects.toMatchObject({
      code: 'FMU_INVALID',
      message: expect.stringMatching(/bomb/),
    });
    const limits = { maxEntries: 3, maxTotalBytes: 1000, maxRatio: 1e9 };
    const big = write(zipSync({ a: new Uint8Array(600), b: new Uint8Array(600) }));
    await expect(unpackArchive(big, cacheOf(), limits)).rejects.toMatchObject({
      message: expect.stringMatching(/more than 1000 bytes/),
    });
    const many = write(zipSync({ a: text(''), b: text(''), c: text(''), d: text('') }));
    await expect(unpackArchive(many, cacheOf(), limits)).rejects.toMatchObject({
      message: expect.stringMatching(/4 entries/),
    });
  });

  it('refuses a bomb that lies about its size', async () => {
    const bytes = Buffer.from(zipSync({ 'zeros.bin': new Uint8Array(4 * 1024 * 1024) }));
    const central = bytes.indexOf('PK\u0001\u0002');
    bytes.writeUInt32LE(10, central + 24);
    bytes.writeUInt32LE(10, 22);
    await expect(unpackArchive(write(bytes), cacheOf())).rejects.toMatchObject({
      code: 'FMU_INVALID',
    });
  });

  it('refuses names that fall together', async () => {
    const one = zipSync({ 'Aa.txt': text('1'), 'aa.txt': text('2') });
    await expect(unpackArchive(write(one), cacheOf())).rejects.toMatchObject({
      message: expect.stringMatching(/twice/),
    });
    const fileAsFolder = zipSync({ a: text('1'), 'a/b': text('2') });
    await expect(unpackArchive(write(fileAsFolder), cacheOf())).rejects.toMatchObject({
      code: 'FMU_INVALID',
    });
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['no zip', text('this is no archive at all, only some text')],
    ['a cut zip', zipSync({ a: new Uint8Array(5000).fill(7) }).slice(0, 60)],
  ])('says what is wrong with %s', async (_what, bytes) => {
    await expect(openFmu(write(bytes), { cacheDir: cacheOf() })).rejects.toMatchObject({
      code: 'FMU_INVALID',
    });
  });

  it('says what is wrong with a path or with contents', async () => {
    await expect(openFmu(join(dir, 'none.fmu'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const empty = write(zipSync({ 'readme.txt': text('hello') }));
    await expect(openFmu(empty, { cacheDir: cacheOf() })).rejects.toMatchObject({
      code: 'FMU_INVALID',
      message: expect.stringMatching(/no modelDescription.xml/),
    });
  });

  it('throws coded errors only, whatever bytes it is given', async () => {
    const base = Buffer.from(
      zipSync({ 'modelDescription.xml': text('<a/>'), 'b/c.bin': new Uint8Array(300).fill(9) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        fc.nat(base.length),
        async (edits, length) => {
          const bytes = Buffer.from(base);
          for (const [at, value] of edits) bytes[at] = value;
          const path = write(length % 5 === 0 ? bytes.subarray(0, length) : bytes);
          const cache = join(dir, 'fuzz-cache');
          try {
            await unpackArchive(path, cache);
          } catch (error) {
            expect(error).toMatchObject({ name: 'TwinError', code: 'FMU_INVALID' });
          } finally {
            rmSync(path);
          }
          expect(filesUnder(dir).some((f) => f.includes('escape'))).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads what Info-ZIP writes, as other tools export', async () => {
    let zipped = true;
    const source = mkdtempSync(join(dir, 'zip-'));
    writeFileSync(join(source, 'modelDescription.xml'), '<a/>');
    try {
      execFileSync('python3', [
        '-m',
        'zipfile',
        '-c',
        join(source, 'm.zip'),
        join(source, 'modelDescription.xml'),
      ]);
    } catch {
      zipped = false;
    }
    if (!zipped) return;
    const { dir: unpacked } = await unpackArchive(join(source, 'm.zip'), cacheOf());
    expect(readFileSync(join(unpacked, 'modelDescription.xml'), 'utf8')).toBe('<a/>');
  });
});
