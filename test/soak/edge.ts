import { runKills } from '../support/edge-kills.js';

// `npm run soak:edge -- [kills] [seed]`: the kill test at full length.
const [kills = '150', seed = '7'] = process.argv.slice(2);
const figures = await runKills({
  kills: Number(kills),
  seed: Number(seed),
  onProgress: (done) => {
    if (done % 10 === 0) console.error(`${done} of ${kills} kills`);
  },
});
console.log(JSON.stringify(figures, null, 2));
process.exitCode = figures.lost + figures.contradicting + figures.disordered === 0 ? 0 : 1;
