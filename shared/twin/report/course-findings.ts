import type { CourseSource } from '../forecast/course-belief.js';
import type { Finding } from './verdict.js';

/** A course strays, where that is likelier than not. */
const STRAYS = 0.5;

type GoesBy = Readonly<Record<string, CourseSource>>;

/** Parameters whose wear follows no law. */
export const lawlessOf = (goesBy: GoesBy): string[] =>
  Object.keys(goesBy).filter((name) => (goesBy[name]!.strays ?? 0) > STRAYS);

/** What speaks against a forecast: wear that has changed its pace, and may again. */
export const courseFindings = (goesBy: GoesBy): Finding[] =>
  lawlessOf(goesBy).map((name) => ({
    grade: 'care',
    reason: `the wear of ${name} follows no law (${Math.round(100 * goesBy[name]!.strays!)} % probable): its pace has changed, and may change again before a limit, which the intervals do not hold`,
    about: [name],
  }));
