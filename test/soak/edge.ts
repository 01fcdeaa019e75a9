import { runKills } from '../support/edge-kills.js';

// `npm run soak:edge -- [kills] [seed]`: the kill test at full length, with one lane (strictly in
// order) and with the default live window (in order within each lane).
const [kills = '150', seed = '7'] = process.argv.slice(2);
for (const liveWindowS of [0, 10]) {
  const figures = await runKills({
    kills: Number(kills),
    seed: Number(seed),
    liveWindowS,
    onProgress: (done) => {
      if (done % 10 === 0) console.error(`liveWindowS ${liveWindowS}: ${done} of ${kills} kills`);
    },
  });
  console.log(JSON.stringify({ liveWindowS, ...figures }, null, 2));
  if (figures.lost + figures.contradicting + figures.disordered > 0) process.exitCode = 1;
}
