// Builds the example FMU and its recording, here or in the folder named as its argument:
//
//   node shared/twins/heat-exchanger/build.mjs [OUTPUT_FOLDER] [--this-machine]
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildArguments } from '../build/compile.mjs';
import { buildSmallTwin, normals } from '../build/small-twin.mjs';

const folder = dirname(fileURLToPath(import.meta.url));

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

buildSmallTwin({
  folder,
  output: buildArguments(folder).output,
  name: 'heat-exchanger',
  identifier: 'heat_exchanger',
  recording: recording(),
});
