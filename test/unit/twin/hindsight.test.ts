import { describe, expect, it } from 'vitest';
import { hindsightFindings, KnownCourses } from '../../../shared/twin/report/hindsight.js';
import { smallTwin } from './fixtures.js';

const estimate = (mean: number, std: number) => ({
  mean,
  std,
  lower95: mean - 1.96 * std,
  upper95: mean + 1.96 * std,
});

const twinWith = (dynamics: 'constant' | 'random-walk') =>
  smallTwin({
    parameters: [
      {
        variable: 'p',
        alias: '/s/p',
        lower: 0,
        upper: 10,
        prior: { mean: 3, std: 1 },
        ...(dynamics === 'constant' ? { dynamics } : { wearHorizonS: 1e6 }),
      },
    ],
  });

/** What a run says of p at its samples: [samples, mean, std, before the first fit]. */
function courseOf(...parts: readonly (readonly [number, number, number, boolean?])[]) {
  const courses = new KnownCourses();
  for (const [samples, mean, std, beforeFit] of parts) {
    for (let k = 0; k < samples; k++) {
      courses.take({ parameters: { p: estimate(mean, std) }, ...(beforeFit && { beforeFit }) });
    }
  }
  return courses.found;
}

const END = { p: estimate(5, 0.1) };
const reasons = (dynamics: 'constant' | 'random-walk', courses: ReturnType<typeof courseOf>) =>
  hindsightFindings(twinWith(dynamics), courses, END).map(({ grade, reason }) => [grade, reason]);

describe('what a run knew of a constant, in hindsight', () => {
  it('is under care where a band excluded what the end knows, with figures of both', () => {
    const courses = courseOf([60, 3, 1, true], [60, 4, 0.2], [40, 4.05, 0.2], [100, 5, 0.1]);
    expect(reasons('constant', courses)).toEqual([
      [
        'care',
        'p: at 100 of 200 samples its band excludes what is known at the end, 4.804 to 5.196 (it was 3.608 to 4.392): bands along the run, those of virtual sensors too, were too narrow then',
      ],
    ]);
  });

  it('is no matter where bands held, priors were wrong, few samples missed, or it may wear', () => {
    expect(reasons('constant', courseOf([100, 4, 0.6], [100, 5, 0.1]))).toEqual([]);
    expect(reasons('constant', courseOf([100, 1, 0.1, true], [100, 5, 0.1]))).toEqual([]);
    expect(reasons('constant', courseOf([12, 4, 0.2], [200, 5, 0.1]))).toEqual([]);
    expect(reasons('random-walk', courseOf([100, 4, 0.2], [100, 5, 0.1]))).toEqual([]);
  });

  it('keeps a course that learns sample by sample in few stretches', () => {
    const courses = new KnownCourses();
    for (let n = 1; n <= 100_000; n++) {
      courses.take({ parameters: { p: estimate(5 + Math.sin(n) / n, 1 / Math.sqrt(n)) } });
    }
    expect(courses.found[0]!.stretches.length).toBeLessThan(60);
    expect(hindsightFindings(twinWith('constant'), courses.found, END)).toEqual([]);
  });
});
