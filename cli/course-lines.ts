import type { CourseSource, NoLaws } from '../shared/twin/forecast/course-belief.js';
import { isLawless } from '../shared/twin/report/course-findings.js';

const REASONS: Record<NoLaws, string> = {
  renewed: 'taken as new',
  'few-readings': 'too few samples tell of it',
  'filter-knows-more': 'all samples together tell more of it than each by itself',
  'filter-disagrees': 'the filter puts it elsewhere',
};

const MODELS: Record<CourseSource['by'], string> = {
  'wear-laws': 'by laws of wear that the samples bear',
  trend: "by the filter's own trend",
  'random-walk': 'by a random walk',
  'mean-reverting': 'about a mean',
  constant: 'constant',
};

/** Of laws of wear, where the samples bear none. */
const AS_NOW = 'as their wear does now, as no law holds';

/** What parameters' courses go by, a line for each way that there is. */
export function courseLines(courses: Readonly<Record<string, CourseSource>>): string[] {
  const by = new Map<string, string[]>();
  for (const [name, source] of Object.entries(courses)) {
    const { by: model, because } = source;
    const why = because === undefined ? '' : ` (${REASONS[because]})`;
    const way = isLawless(source) ? AS_NOW : `${MODELS[model]}${why}`;
    by.set(way, [...(by.get(way) ?? []), name]);
  }
  return [...by].map(([way, names]) => `Courses ${way}: ${names.join(', ')}.`);
}
