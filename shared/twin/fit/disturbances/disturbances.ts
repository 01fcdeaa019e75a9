import { DISTURBED_DEVIATIONS, DISTURBED_RUN, forcesOf } from '../../disturbances/index.js';
import { truncatedEstimate } from '../../filter/truncated.js';
import { instantText } from '../../report/time-axis.js';
import type { Alarm, Estimate, Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';

/** What a disturbance was along a record. */
export interface DisturbanceCourse {
  /** The variable that it adds to. */
  on: string;
  /** As the definition has it. */
  std: number;
  timeConstantS: number;
  course: ({ timeS: number } & Estimate)[];
  /** At the record's end. */
  atEnd: Estimate;
}

/** Times at which a course is told. */
const TOLD = 25;
/** Share of the time constant within which a record's shapes still tell its ends. */
const HARDLY_RESOLVED = 0.5;

/** What a fit tells of a definition's disturbances. */
export interface DisturbanceOutput {
  disturbances: Record<string, DisturbanceCourse>;
  alarms: Alarm[];
  notes: string[];
}

/** The disturbances of a fit: what each was along the record, and whether it left zero. */
export function disturbanceOutput(twin: Twin, fit: Fit): DisturbanceOutput {
  const { timesS } = fit.record;
  const [firstS, lastS] = [timesS[0]!, timesS.at(-1)!];
  const disturbances: Record<string, DisturbanceCourse> = {};
  const alarms: Alarm[] = [];
  const notes: string[] = [];
  const toldS = Float64Array.from({ length: TOLD }, (_, k) =>
    k === TOLD - 1 ? lastS : firstS + ((lastS - firstS) * k) / (TOLD - 1),
  );
  forcesOf(twin.definition).forEach(({ name, on, std, timeConstantS }, i) => {
    const told = forceMomentsOf(fit, i, std, toldS);
    const estimate = (k: number): Estimate => truncatedEstimate(told.mean[k]!, told.std[k]!);
    const along = forceMomentsOf(fit, i, std, timesS);
    const away = awayFromZero(along);
    disturbances[name] = {
      on,
      std,
      timeConstantS,
      course: Array.from(toldS, (timeS, k) => ({ timeS, ...estimate(k) })),
      atEnd: estimate(TOLD - 1),
    };
    if (away !== undefined) {
      const { row, samples } = away;
      const text = (v: number) => Number(v.toPrecision(3));
      alarms.push({
        code: 'disturbance',
        subject: name,
        message: `Something acts on ${on} that the model does not know: for ${samples} samples it is away from zero for certain, most at ${instantText(timesS[row]!)}, ${text(along.mean[row]!)} ± ${text(1.96 * along.std[row]!)}.`,
      });
    }
    if (along.leftOut > HARDLY_RESOLVED) {
      notes.push(
        `${name}: the record is ${Math.round((lastS - firstS) / timeConstantS)} time constants long, of which the fit follows the slow part only; what is left is in the residuals, and \`twinloop calibrate\` follows it sample by sample`,
      );
    }
  });
  return { disturbances, alarms, notes };
}

/** The longest run of samples in which a course is away from zero for certain. */
function awayFromZero({
  mean,
  std,
}: {
  mean: Float64Array;
  std: Float64Array;
}): { row: number; samples: number } | undefined {
  const least = Math.min(DISTURBED_RUN, mean.length / 4);
  let best: { from: number; samples: number } | undefined;
  let from = 0;
  for (let row = 0; row <= mean.length; row++) {
    const away = row < mean.length && Math.abs(mean[row]!) > DISTURBED_DEVIATIONS * std[row]!;
    if (away) continue;
    if (row - from >= least && row - from > (best?.samples ?? 0)) {
      best = { from, samples: row - from };
    }
    from = row + 1;
  }
  if (best === undefined) return undefined;
  let row = best.from;
  for (let k = best.from; k < best.from + best.samples; k++) {
    if (Math.abs(mean[k]!) > Math.abs(mean[row]!)) row = k;
  }
  return { row, samples: best.samples };
}

/**
 * A disturbance along a record: mean and standard deviation at each time, what its shapes leave out
 * included.
 *
 * @param std of the disturbance before any data
 */
function forceMomentsOf(
  { coordinates, u, covariance }: Fit,
  force: number,
  std: number,
  timesS: Float64Array,
): { mean: Float64Array; std: Float64Array; leftOut: number } {
  const n = coordinates.length;
  const C = covariance.covariance;
  const own = coordinates.flatMap((c, k) => (c.force?.force === force ? [k] : []));
  let leftOut = 0;
  const stds = new Float64Array(timesS.length);
  const mean = timesS.map((t, row) => {
    const values = own.map((k) => coordinates[k]!.force!.at(t));
    const left = Math.max(0, std * std - values.reduce((sum, v) => sum + v * v, 0));
    leftOut += left / (std * std * timesS.length);
    let variance = left;
    own.forEach((j, a) => {
      own.forEach((k, b) => {
        variance += values[a]! * C[j * n + k]! * values[b]!;
      });
    });
    stds[row] = Math.sqrt(variance);
    return own.reduce((sum, k, a) => sum + u[k]! * values[a]!, 0);
  });
  return { mean, std: stds, leftOut };
}
