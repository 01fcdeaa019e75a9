import { percentText } from '../../core/index.js';
import type { CourseSource } from '../forecast/course-belief.js';
import type { Finding } from './verdict.js';

/** A pace may change where it is likelier than not that it has. */
const LIKELY = 0.5;

type GoesBy = Readonly<Record<string, CourseSource>>;

const changedOf = ({ strays = 0, turned = 0 }: CourseSource): number => strays + turned;

/** Parameters whose wear has changed its pace other than by a law that tells how it goes on. */
export const changedPacesOf = (goesBy: GoesBy): string[] =>
  Object.keys(goesBy).filter((name) => changedOf(goesBy[name]!) > LIKELY);

/** Whether the wear follows no law. */
export const isLawless = ({ strays = 0 }: CourseSource): boolean => strays > LIKELY;

/** What became of the pace of wear: that no law holds, or that one does which has turned. */
function changeOf(source: CourseSource): string {
  const { strays = 0, turned = 0 } = source;
  const probable = (share: number) => `(${percentText(share)} probable)`;
  if (isLawless(source)) return `follows no law ${probable(strays)}: its pace has changed`;
  if (turned > LIKELY) {
    return `has turned ${probable(turned)}: it grew ever faster and now grows ever slower, or the other way round`;
  }
  return `follows no law, or one by which it has turned ${probable(changedOf(source))}`;
}

/** What speaks against a forecast: wear that has changed its pace, and may again. */
export const courseFindings = (goesBy: GoesBy): Finding[] =>
  changedPacesOf(goesBy).map((name) => ({
    grade: 'care',
    reason: `the wear of ${name} ${changeOf(goesBy[name]!)}, and may change again before a limit, which the intervals hardly reckon with`,
    about: [name],
  }));
