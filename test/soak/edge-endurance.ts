import { runEndurance } from '../support/edge-endurance.js';

// `npm run soak:edge-endurance -- [values] [kills] [seed] [values/s]`: a million values through kills, restarts of
// the source's broker, cuts of the far end and steps of the clock. Needs mosquitto, and faketime for the steps.
const [values = '1000000', kills = '100', seed = '7', perS = '8000'] = process.argv.slice(2);
const startedMs = performance.now();
const figures = await runEndurance({
  values: Number(values),
  kills: Number(kills),
  seed: Number(seed),
  perS: Number(perS),
  onProgress: (done) => {
    if (done % 10 === 0) console.error(`${done} of ${kills} kills`);
  },
});
console.log(
  JSON.stringify({ ...figures, minutes: (performance.now() - startedMs) / 60_000 }, null, 2),
);
const { lost, wrong, unknown, disordered, gaps } = figures;
process.exit(lost + wrong + unknown + disordered + gaps.length > 0 ? 1 : 0);
