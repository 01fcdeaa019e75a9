// Builds the example FMU and its recording, here or in the folder named as its argument:
//
//   node shared/twins/heated-box/build.mjs [OUTPUT_FOLDER] [--this-machine]
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildArguments } from '../build/compile.mjs';
import { buildSmallTwin, normals } from '../build/small-twin.mjs';

const folder = dirname(fileURLToPath(import.meta.url));

/** Conductances of the machine that was recorded, W/K: its fan's filter is clogged (2 when clean). */
const [G_HEATER, G_BOX] = [1.2, 0.58];

/**
 * Three hours under a thermostat, each 10 s, as a logger writes them: milliseconds since 1970, words
 * for the heater's switch, a sensor that shows sixteenths of a degree.
 */
function recording() {
  const normal = normals(11);
  const sixteenth = (v) => String(Math.round(16 * v) / 16);
  const lines = ['time,T_box,T_room,heater_on'];
  let [heater, air, on] = [22.4, 22.4, true];
  for (let row = 0; row < 1080; row++) {
    const room = 22 + 0.8 * Math.sin((2 * Math.PI * row) / 900);
    const seen = air + 0.08 * normal();
    if (seen > 36) on = false;
    if (seen < 34.5) on = true;
    const time = Date.UTC(2026, 8, 1, 6) + 10_000 * row;
    lines.push([time, sixteenth(seen), sixteenth(room), on ? 'True' : 'False'].join(','));
    for (let k = 0; k < 100; k++) {
      const given = G_HEATER * (heater - air);
      heater += (0.1 * ((on ? 18.7 : 0) - given)) / 330;
      air += (0.1 * (given - G_BOX * (air - room))) / 270;
    }
  }
  return `${lines.join('\n')}\n`;
}

buildSmallTwin({
  folder,
  output: buildArguments(folder).output,
  name: 'heated-box',
  identifier: 'heated_box',
  recording: recording(),
});
