import { readProgram, runCalled, wholeNumbers } from '../study/common/options.js';
import { runKills } from '../support/edge-kills.js';

// `npm run soak:edge -- [kills] [seed]`: the kill test at full length, with one lane (strictly in
// order) and with the default live window (in order within each lane).
const program = {
  name: 'soak:edge',
  measures: 'Kills the edge component under load: what is lost, wrong or out of order.',
  options: {},
  words: { name: '[numbers...]', describe: 'kills (150) and seed (7)' },
};

await runCalled(async () => {
  const read = readProgram(program, process.argv.slice(2));
  if (read === undefined) return undefined;
  const { kills, seed } = wholeNumbers(read.words, { kills: 150, seed: 7 });
  let faults = 0;
  for (const liveWindowS of [0, 10]) {
    const figures = await runKills({
      kills,
      seed,
      liveWindowS,
      onProgress: (done) => {
        if (done % 10 === 0) console.error(`liveWindowS ${liveWindowS}: ${done} of ${kills} kills`);
      },
    });
    console.log(JSON.stringify({ liveWindowS, ...figures }, null, 2));
    faults += figures.lost + figures.contradicting + figures.disordered;
  }
  return faults > 0 ? 1 : 0;
});
