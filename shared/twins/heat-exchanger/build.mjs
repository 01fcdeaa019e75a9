// Builds the example FMU and its recording, here or in the folder named as its argument:
//
//   node shared/twins/heat-exchanger/build.mjs [OUTPUT_FOLDER]
//
// Needs `cc`; adds a binary for arm64 where `aarch64-linux-gnu-gcc` is installed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] === undefined ? here : resolve(process.argv[2]);
const scratch = mkdtempSync(join(tmpdir(), 'heat-exchanger-'));

/** The same bytes on every day: an archive holds times. */
const EPOCH = new Date('2026-01-01T00:00:00Z');

function binary(command) {
  const library = join(scratch, `${command}.so`);
  const { status, stderr } = spawnSync(
    command,
    [
      ...['-O2', '-shared', '-fPIC', '-w', '-s', `-I${join(here, '../../fmi/headers/fmi2')}`],
      ...['-o', library, join(here, 'model/heat_exchanger.c'), '-lm'],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) return stderr === undefined || stderr === null ? undefined : fail(stderr);
  return new Uint8Array(readFileSync(library));
}

function fail(message) {
  console.error(`heat exchanger: ${message}`);
  process.exit(1);
}

/** A generator of normal numbers from a seed (mulberry32, Box and Muller). */
function normals(seed) {
  let a = seed;
  const uniform = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The model's own equations: both outlet temperatures, °C. */
function outlets(mHot, mCold, hotIn, coldIn, fouling) {
  const [hot, cold] = [4180 * mHot, 4180 * mCold];
  const least = Math.min(hot, cold);
  const ratio = least / Math.max(hot, cold);
  const ntu = 10 / (1 / 1500 + 1e-4 * fouling) / least;
  const decay = Math.exp(-ntu * (1 - ratio));
  const heat = ((1 - decay) / (1 - ratio * decay)) * least * (hotIn - coldIn);
  return [hotIn - heat / hot, coldIn + heat / cold];
}

/**
 * A month, hour by hour, as a historian exports it: fouling grows from 0.5 to 3.5, all sensors are
 * noisy, one is out for half a day.
 */
function recording() {
  const normal = normals(7);
  const number = (v) => v.toFixed(3).replace('.', ',');
  const lines = [
    'Plant South;Historian export;;;;;',
    'Timestamp;FI-101 hot flow [kg/s];FI-102 cold flow [kg/s];TI-101 hot inlet [°C];TI-102 cold inlet [°C];TI-103 hot outlet [°C];TI-104 cold outlet [°C]',
  ];
  for (let h = 0; h < 720; h++) {
    const fouling = 0.5 + 3 * (h / 719) ** 1.5;
    const mHot = 2 + 0.3 * Math.sin((2 * Math.PI * h) / 24);
    const mCold = 3 + 0.4 * Math.cos((2 * Math.PI * h) / 36);
    const hotIn = 90 + 3 * Math.sin((2 * Math.PI * h) / 60);
    const coldIn = 15 + 4 * Math.sin((2 * Math.PI * h) / 720);
    const [hotOut, coldOut] = outlets(mHot, mCold, hotIn, coldIn, fouling);
    const time = new Date(Date.UTC(2026, 8, 1, h)).toISOString();
    const stamp = time.replace(/^(\d+)-(\d+)-(\d+)T(.{8}).*/, '$3.$2.$1 $4');
    const out = h >= 300 && h < 312;
    lines.push(
      [
        stamp,
        ...[mHot, mCold, hotIn, coldIn].map(number),
        out ? 'I/O Timeout' : number(hotOut + 0.15 * normal()),
        number(coldOut + 0.15 * normal()),
      ].join(';'),
    );
  }
  return `${lines.join('\n')}\n`;
}

try {
  const here64 = binary('cc') ?? fail('`cc` is missing: install a C compiler.');
  const cross = process.arch === 'arm64' ? 'x86_64-linux-gnu-gcc' : 'aarch64-linux-gnu-gcc';
  const other = binary(cross);
  const folders =
    process.arch === 'arm64' ? ['aarch64-linux', 'linux64'] : ['linux64', 'aarch64-linux'];
  const file = (bytes) => [bytes, { mtime: EPOCH }];
  const archive = zipSync({
    'modelDescription.xml': file(new Uint8Array(readFileSync(join(here, 'modelDescription.xml')))),
    'sources/heat_exchanger.c': file(
      new Uint8Array(readFileSync(join(here, 'model/heat_exchanger.c'))),
    ),
    [`binaries/${folders[0]}/heat_exchanger.so`]: file(here64),
    ...(other === undefined ? {} : { [`binaries/${folders[1]}/heat_exchanger.so`]: file(other) }),
  });
  writeFileSync(join(output, 'heat-exchanger.fmu'), archive);
  writeFileSync(join(output, 'export.csv'), recording());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
