import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { createRng, packageFile, type Rng, TwinError } from '../../shared/core/index.js';
import { unpackArchive } from '../../shared/fmi/description/archive.js';
import { parseInputCsv, readModelDescription, validateFmu } from '../../shared/fmi/index.js';
import { count, text } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';

/** Longest time that one input may take before it counts as a finding, ms. */
const SLOW_MS = 3000;

const PIECES = [
  '<',
  '>',
  '"',
  "'",
  '/>',
  '</',
  '&lt;',
  '&#0;',
  '&#xD800;',
  '&amp',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '<?',
  '?>',
  '<!DOCTYPE a [',
  ']>',
  '\u0000',
  '\ufeff',
  '\ud800',
  'valueReference="4294967296"',
  'valueReference="-1"',
  'index="0"',
  'start="1e999"',
  'start="NaN"',
  'derivative="2"',
  '__proto__="1"',
  'constructor',
  'toString="1"',
  '<Dimension start="99999999999"/>',
  'dependencies="-1 x"',
  'name=""',
  '1e400',
  '99999999999999999999',
  '<a>'.repeat(200),
  ' x="y"'.repeat(2000),
  '\n'.repeat(500),
  'A'.repeat(5000),
] as const;

const below = (rng: Rng, n: number) => Math.floor(rng.uniform() * n);

/** Cuts, repeats, moves and plants pieces. */
function mutateText(rng: Rng, text: string): string {
  let out = text;
  for (let n = 1 + below(rng, 8); n > 0; n--) {
    const at = below(rng, out.length + 1);
    const length = below(rng, 1 + below(rng, 400));
    switch (below(rng, 5)) {
      case 0:
        out = out.slice(0, at) + PIECES[below(rng, PIECES.length)] + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(at + length);
        break;
      case 2:
        out =
          out.slice(0, at) + out.slice(at, at + length).repeat(1 + below(rng, 5)) + out.slice(at);
        break;
      case 3:
        out = out.slice(0, at) + String.fromCharCode(below(rng, 300)) + out.slice(at + 1);
        break;
      default: {
        const from = below(rng, out.length + 1);
        out = out.slice(0, at) + out.slice(from, from + length) + out.slice(at);
      }
    }
  }
  return out;
}

function mutateBytes(rng: Rng, bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x50, 0x4b];
  for (let n = 1 + below(rng, 10); n > 0; n--) {
    const at = below(rng, out.length);
    out[at] = rng.uniform() < 0.5 ? below(rng, 256) : (interesting[below(rng, 7)] as number);
  }
  if (rng.uniform() < 0.2) return out.subarray(0, below(rng, out.length));
  if (rng.uniform() < 0.1) return Uint8Array.from([...out, ...out]);
  return out;
}

export const bench = defineBench({
  measures:
    'Throws mutated archives, descriptions and input files at the readers; an error without a code, or a slow answer, is a finding and is kept.',
  options: {
    seconds: count('seconds', 5),
    seed: count('seed of the mutations', 1, 0),
    folder: text('folder of findings', 'DIR', join(tmpdir(), 'twinloop-fuzz-findings')),
  },
  run: fuzz,
});

async function fuzz(
  { seconds, seed, folder }: { seconds: number; seed: number; folder: string },
  io: BenchIo,
): Promise<void> {
  const rng = createRng(seed);
  const descriptions = packageFile('test/fixtures/fmus/descriptions');
  const xmls = readdirSync(descriptions).map((f) => readFileSync(join(descriptions, f), 'utf8'));
  const scratch = mkdtempSync(join(tmpdir(), 'twinloop-fuzz-'));
  const zips = xmls.slice(0, 4).map((xml) =>
    zipSync({
      'modelDescription.xml': new TextEncoder().encode(xml),
      'resources/a/b.bin': new Uint8Array(500).fill(7),
      'sources/': new Uint8Array(),
    }),
  );
  const csv = '"time","u","a"\n0,1,1 2\n0.5,2,3 4\n0.5,7,-1 1e3\n1,0,0 0\n';
  const counts = { xml: 0, zip: 0, csv: 0, accepted: 0, findings: 0 };
  const keep = (kind: string, input: string | Uint8Array, what: string) => {
    counts.findings++;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${seed}-${counts.findings}.${kind}`), input);
    io.print(`finding ${counts.findings} (${kind}): ${what}`);
  };
  const attempt = async (
    kind: 'xml' | 'zip' | 'csv',
    input: string | Uint8Array,
    read: () => unknown,
  ) => {
    counts[kind]++;
    const begin = performance.now();
    try {
      await read();
      counts.accepted++;
    } catch (error) {
      if (!(error instanceof TwinError) || error.code === 'INTERNAL' || error.code === 'STORAGE') {
        keep(kind, input, String(error).slice(0, 300));
      }
    }
    const took = performance.now() - begin;
    if (took > SLOW_MS) keep(kind, input, `took ${took.toFixed(0)} ms`);
  };
  try {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const xml = mutateText(rng, xmls[below(rng, xmls.length)] as string);
      await attempt('xml', xml, () => {
        const { modelDescription, problems } = readModelDescription(Buffer.from(xml));
        const fmu = {
          path: '',
          sha256: '',
          unzipDir: scratch,
          cacheDir: scratch,
          modelDescription,
        };
        validateFmu(fmu, problems);
      });
      if (counts.xml % 4 === 0) {
        const zip = mutateBytes(rng, zips[below(rng, zips.length)] as Uint8Array);
        const path = join(scratch, 'f.fmu');
        writeFileSync(path, zip);
        const cache = join(scratch, 'cache');
        await attempt('zip', zip, () => unpackArchive(path, cache));
        rmSync(cache, { recursive: true, force: true });
        const outside = readdirSync(scratch).filter((f) => f !== 'f.fmu');
        if (outside.length > 0) keep('zip', zip, `left ${outside.join(', ')} outside of the cache`);
        const table = mutateText(rng, csv);
        await attempt('csv', table, () => parseInputCsv(table, 'x.csv'));
      }
    }
    io.print(
      `${seconds} s, seed ${seed}: ${counts.xml} descriptions, ${counts.zip} archives, ${counts.csv} input files, ${counts.accepted} of them readable, ${counts.findings} findings`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
