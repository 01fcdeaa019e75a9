import type { Estimate, StepResult, Twin } from '../types.js';
import { isConstant } from './constants.js';
import { digits } from './digits.js';
import type { Finding } from './verdict.js';

/** A run of samples at which as much was known of a parameter. */
interface Stretch {
  band: Estimate;
  samples: number;
}

/** What is known of a parameter is another where its mean moves by so many deviations, … */
const MOVED = 0.25;
/** … or its deviation by this factor. */
const NARROWED = 1.2;
/** Share of a run's samples from which bands that missed are none of chance, … */
const MUCH = 0.1;
/** … and samples that it takes at least. */
const FEWEST = 10;

/** What a run knew of a parameter, from its first sample to its last. */
export interface KnownCourse {
  name: string;
  stretches: readonly Stretch[];
}

/** Keeps what was known of each parameter along a run. */
export class KnownCourses {
  readonly #of = new Map<string, Stretch[]>();

  /** Takes the next step that was assimilated. */
  take({ parameters, beforeFit }: Pick<StepResult, 'parameters' | 'beforeFit'>): void {
    // Priors are what the user said.
    if (beforeFit) return;
    for (const [name, band] of Object.entries(parameters)) {
      const stretches = this.#of.get(name) ?? [];
      const last = stretches.at(-1);
      if (last !== undefined && isAlike(last.band, band)) last.samples++;
      else stretches.push({ band, samples: 1 });
      this.#of.set(name, stretches);
    }
  }

  /** Of all parameters. */
  get found(): KnownCourse[] {
    return [...this.#of].map(([name, stretches]) => ({ name, stretches }));
  }
}

const isAlike = (a: Estimate, b: Estimate) =>
  Math.abs(a.mean - b.mean) <= MOVED * b.std &&
  a.std <= NARROWED * b.std &&
  b.std <= NARROWED * a.std;

const areApart = (a: Estimate, b: Estimate) => a.upper95 < b.lower95 || a.lower95 > b.upper95;

const rangeText = ({ lower95, upper95 }: Estimate) => `${digits(lower95)} to ${digits(upper95)}`;

/**
 * Constants whose bands along the run exclude what its end knows of them: they were too narrow then, whatever
 * is known now, and so were those of hidden outputs.
 *
 * @param end parameters after the run
 */
export function hindsightFindings(
  twin: Twin,
  courses: readonly KnownCourse[],
  end: StepResult['parameters'],
): Finding[] {
  return courses.flatMap(({ name, stretches }): Finding[] => {
    const now = end[name];
    if (now === undefined || !isConstant(twin, name)) return [];
    const all = stretches.reduce((sum, { samples }) => sum + samples, 0);
    const missed = stretches.filter(({ band }) => areApart(band, now));
    const samples = missed.reduce((sum, stretch) => sum + stretch.samples, 0);
    if (samples < Math.max(FEWEST, MUCH * all)) return [];
    const { band } = missed.reduce((a, b) => (b.samples > a.samples ? b : a));
    return [
      {
        grade: 'care',
        reason: `${name}: at ${samples} of ${all} samples its band excludes what is known at the end, ${rangeText(now)} (it was ${rangeText(band)}): bands along the run, those of virtual sensors too, were too narrow then`,
        about: [name],
      },
    ];
  });
}

/**
 * Constants of which a fit says what the one before excluded: what was published in between was wrong.
 *
 * @param before parameters as they were published
 * @param now parameters of the newest fit
 */
export function correctedFindings(
  twin: Twin,
  before: StepResult['parameters'],
  now: StepResult['parameters'],
): Finding[] {
  return Object.entries(now).flatMap(([name, band]): Finding[] => {
    const was = before[name];
    if (was === undefined || !isConstant(twin, name) || !areApart(was, band)) return [];
    return [
      {
        grade: 'care',
        reason: `${name} is ${rangeText(band)} by the newest fit, which the one before excluded (${rangeText(was)}): bands published since that, those of virtual sensors too, were too narrow`,
        about: [name],
      },
    ];
  });
}
