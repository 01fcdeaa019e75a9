import { packageFile } from '../../shared/core/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { count, share } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown } from './common/table.js';
import { followPlan, planTwin, summarizePlans } from './plan-courses.js';

/** Whether plans keep what they promise. */
export const study = defineStudy({
  name: 'study:plan',
  measures:
    'Whether plans keep what they promise: b3 and b9 of the web line wear by seeded courses; after a calibration a plan is made and then followed on the true course. Counted are the courses that pass a limit all the same, and whether what is gained lies within the promised band.',
  takes: 'some seconds a seed',
  options: {
    seeds: count('courses', 60),
    risk: share('risk that a plan may take', 0.05),
  },
  jobs: ({ seeds, risk }): (Job & { seed: number })[] =>
    Array.from({ length: seeds }, (_, k) => ({ key: `risk ${risk}/${k + 1}`, seed: k + 1 })),
  async run({ seed }, { risk }) {
    const twin = planTwin(await loadTwin(packageFile('shared/twins/web-line/twin.json')), risk);
    return followPlan(twin, seed);
  },
  tables(done, { risk }) {
    const r = summarizePlans(
      done.map((d) => d.result),
      risk,
    );
    return markdown(
      `Plans for ${r.courses} seeded courses of the web line, allowed risk ${risk}`,
      [
        'feasible',
        'passed a limit',
        'promised',
        'most that the risk allows (95 %)',
        'today passed',
        'gain in its 95 % band',
        'mean gain',
        'mean promised',
      ],
      [
        [
          `${r.feasible} of ${r.courses}`,
          r.violations,
          r.promised.toFixed(2),
          r.mostAllowed,
          r.todayViolations,
          `${r.gainInBand} of ${r.feasible}`,
          `${r.meanGain.toFixed(0)} m`,
          `${r.meanPromisedGain.toFixed(0)} m`,
        ],
      ],
    );
  },
});
