import { parseArgs } from 'node:util';
import { packageFile } from '../../shared/core/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { followPlans, planTwin } from './plan-courses.js';

/**
 * Whether plans keep what they promise: `npm run study:plan`. b3 and b9 of the web line wear by seeded
 * courses; after a calibration a plan is made and then followed on the true course. Counted are the
 * courses that pass a limit all the same, and whether what is gained lies within the promised band.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '60' },
    risk: { type: 'string', default: '0.05' },
  },
});
const twin = planTwin(
  await loadTwin(packageFile('shared/twins/web-line/twin.json')),
  Number(values.risk),
);
const r = await followPlans(twin, Number(values.seeds), (done) => {
  if (done % 10 === 0) console.error(`${done} courses`);
});
console.log(`Plans for ${r.courses} seeded courses of the web line, allowed risk ${values.risk}:`);
console.log(
  '| feasible | passed a limit | promised | most that the risk allows (95 %) | today passed | gain in its 95 % band | mean gain | mean promised |',
);
console.log(`|${' --- |'.repeat(8)}`);
console.log(
  `| ${[
    `${r.feasible} of ${r.courses}`,
    r.violations,
    r.promised.toFixed(2),
    r.mostAllowed,
    r.todayViolations,
    `${r.gainInBand} of ${r.feasible}`,
    `${r.meanGain.toFixed(0)} m`,
    `${r.meanPromisedGain.toFixed(0)} m`,
  ].join(' | ')} |`,
);
