import type { Estimate, StepResult, Twin } from '../types.js';
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

const rangeText = ({ lower95, upper95 }: Estimate) => `${digits(lower95)} to ${digits(upper95)}`;

/**
 * Constants whose bands along the run exclude what its end knows of them: they were too narrow then, whatever
 * is known now, and so were those of hidden outputs.
 *
 * @param end parameters after the run
 */
export function hindsightFindings(
  { definition }: Twin,
  courses: readonly KnownCourse[],
  end: StepResult['parameters'],
): Finding[] {
  return courses.flatMap(({ name, stretches }): Finding[] => {
    const now = end[name];
    const parameter = definition.parameters.find((p) => p.variable === name);
    if (now === undefined || parameter?.dynamics !== 'constant') return [];
    const all = stretches.reduce((sum, { samples }) => sum + samples, 0);
    const missed = stretches.filter(
      ({ band }) => band.upper95 < now.lower95 || band.lower95 > now.upper95,
    );
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
