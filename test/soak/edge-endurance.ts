import { readProgram, runCalled, wholeNumbers } from '../study/common/options.js';
import { runEndurance } from '../support/edge-endurance.js';

// `npm run soak:edge-endurance -- [values] [kills] [seed] [values/s]`: a million values through kills, restarts of
// the source's broker, cuts of the far end and steps of the clock. Needs mosquitto, and faketime for the steps.
const program = {
  name: 'soak:edge-endurance',
  measures:
    'Sends values through kills of the edge component, restarts of its source’s broker, cuts of the far end and steps of the clock: what is lost, wrong, unknown or out of order.',
  options: {},
  words: {
    name: '[numbers...]',
    describe: 'values (1000000), kills (100), seed (7) and values a second (8000)',
  },
};

await runCalled(async () => {
  const read = readProgram(program, process.argv.slice(2));
  if (read === undefined) return undefined;
  const asked = wholeNumbers(read.words, { values: 1_000_000, kills: 100, seed: 7, perS: 8000 });
  const startedMs = performance.now();
  const figures = await runEndurance({
    ...asked,
    onProgress: (done) => {
      if (done % 10 === 0) console.error(`${done} of ${asked.kills} kills`);
    },
  });
  console.log(
    JSON.stringify({ ...figures, minutes: (performance.now() - startedMs) / 60_000 }, null, 2),
  );
  const { lost, wrong, unknown, disordered, gaps } = figures;
  process.exit(lost + wrong + unknown + disordered + gaps.length > 0 ? 1 : 0);
});
