import { TwinError } from '../../core/index.js';
import { initialNoise } from '../filter/initial-noise.js';
import { filterSettings } from '../filter/settings.js';
import type { Twin, TwinModel } from '../types.js';
import { courseOf } from './course.js';
import {
  analyseInformation,
  fisherInformation,
  sensitivities,
  singleChannelFactor,
} from './fisher-information.js';
import { operatingInputs, priorPoint, slopesAt, wornPoints } from './operating-points.js';

/** A direction in parameter space that the sensors hardly see. */
export interface WeakDirection {
  /** Share of each parameter, largest first; a unit vector in ranges. */
  combination: { parameter: string; weight: number }[];
  /** Standard deviation along it from one sample, as a share of the range; null: not seen at all. */
  std: number | null;
}

/** How well one parameter is told by one sample. */
export interface ParameterIdentifiability {
  /** Cramér-Rao bound from one sample; null where the sensors say nothing. */
  std: number | null;
  /** Whether that is within {@link WANTED_SHARE} of its range. */
  identifiable: boolean;
  /** Factor on all sensors' noise that would do (above 1: room to spare). */
  noiseFactor: number;
  /** The noise that would do, per sensor and for all of them together; where not identifiable. */
  noiseStdNeeded?: Record<string, number>;
  /** The one sensor whose noise alone could do, and to how much it would have to fall. */
  singleSensor?: { variable: string; noiseStd: number };
}

/** What one sample of the sensors can tell at one place. */
export interface Identifiability {
  /** Ratio of the largest to the smallest eigenvalue of the scaled Fisher information. */
  condition: number | null;
  parameters: Record<string, ParameterIdentifiability>;
  weakDirections: WeakDirection[];
}

/** What the sensors can tell about the parameters, at the prior and when parts are worn. */
export interface IdentifiabilityReport extends Identifiability {
  twin: string;
  /** Parameters at which it holds. */
  at: Record<string, number>;
  /** Of a moving machine: the samples that it holds for, all together; left out, one sample at rest. */
  course?: { samples: number; spanS: number; start: string };
  /** Assumed noise per sensor. */
  noiseStd: Record<string, number>;
  outputs: Record<string, number>;
  /** The same with each parameter alone worn; `error` where the model does not run there. */
  worn: ({ parameter: string; value: number } & (Identifiability | { error: string }))[];
}

/** One sample should tell a parameter to this share of its range. */
export const WANTED_SHARE = 0.05;
/** A parameter belongs to a weak direction from this weight on. */
const COMBINATION_WEIGHT = 0.2;

/**
 * What one sample tells, from the model's slopes.
 *
 * @param slope outputs × parameters, the measured variables first
 * @param noiseStd per measured variable
 * @param active the measured variables that have a value; default: all
 * @param outputs of a course: how many outputs each of its samples has; `slope` and `active` then go
 *   through all samples
 */
export function identifiabilityOf(
  twin: Twin,
  slope: Float64Array,
  noiseStd: Float64Array,
  active: readonly number[] = twin.definition.measured.map((_, i) => i),
  outputs = 0,
): Identifiability {
  const { parameters, measured } = twin.definition;
  const { range } = filterSettings(twin);
  const n = range.length;
  const sensor = (o: number) => (outputs > 0 ? o % outputs : o);
  const rows = sensitivities(
    slope,
    range,
    active.map((o) => noiseStd[sensor(o)]!),
    active,
  );
  const analysis = analyseInformation(fisherInformation(rows, n), n);
  const described = parameters.map((p, i): [string, ParameterIdentifiability] => {
    const share = analysis.share[i]!;
    const known = Number.isFinite(share);
    const identifiable = share <= WANTED_SHARE;
    const noiseFactor = known ? WANTED_SHARE / share : 0;
    const result: ParameterIdentifiability = {
      std: known ? share * range[i]! : null,
      identifiable,
      noiseFactor,
    };
    if (identifiable || !known) return [p.variable, result];
    result.noiseStdNeeded = Object.fromEntries(
      active.map((o) => [measured[sensor(o)]!.variable, noiseFactor * noiseStd[sensor(o)]!]),
    );
    const { covariance } = analysis;
    // In a course no single sample is a sensor's.
    if (covariance === undefined || outputs > 0) return [p.variable, result];
    let best = 0;
    rows.forEach(({ row }, k) => {
      const factor = singleChannelFactor(covariance, row, i, WANTED_SHARE) ?? 0;
      if (factor <= best) return;
      best = factor;
      const o = active[k]!;
      result.singleSensor = {
        variable: measured[o]!.variable,
        noiseStd: factor * noiseStd[o]!,
      };
    });
    return [p.variable, result];
  });
  const weakDirections = [...analysis.eigenvalues]
    .map((value, k) => ({ std: value ** -0.5, direction: analysis.directions[k]! }))
    .filter(({ std }) => std > WANTED_SHARE)
    .map(({ std, direction }) => ({
      std: std < 1e6 ? std : null,
      combination: parameters
        .map((p, i) => ({ parameter: p.variable, weight: direction[i]! }))
        .filter(({ weight }) => Math.abs(weight) > COMBINATION_WEIGHT)
        .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)),
    }));
  return {
    condition: Number.isFinite(analysis.condition) ? analysis.condition : null,
    parameters: Object.fromEntries(described),
    weakDirections,
  };
}

/**
 * Fisher information about the parameters of one sample at rest, or of a course where the machine is taken
 * as moving, from the model's slopes at the prior and with each parameter alone worn.
 *
 * @param options.inputs operating inputs to assume instead of the definition's values
 * @param options.onPoint called after each operating point with the number of all
 * @throws TwinError as the model does at the prior; `CONFIG_INVALID` (an input without a value)
 */
export async function identifiability(
  twin: Twin,
  model: TwinModel,
  options: {
    inputs?: Readonly<Record<string, number>>;
    onPoint?: (done: number, of: number) => void;
    signal?: AbortSignal;
  } = {},
): Promise<IdentifiabilityReport> {
  const { definition } = twin;
  const inputs = operatingInputs(twin, options.inputs);
  const worn = wornPoints(twin);
  const at = priorPoint(twin);
  const course = definition.simulation.mode === 'transient' ? courseOf(twin, model) : undefined;
  const seen = course?.model ?? model;
  const first = await slopesAt(twin, seen, at, inputs, options.signal);
  if ('error' in first) {
    throw new TwinError('NUMERIC', `The model fails at the prior: ${first.error}`);
  }
  options.onPoint?.(1, worn.length + 1);
  const measured = first.outputs.slice(0, definition.measured.length);
  const noise = initialNoise(definition, [{ timeS: 0, inputs, measured }]);
  const no = model.outputs.length;
  const found = (slope: Float64Array) =>
    course === undefined
      ? identifiabilityOf(twin, slope, noise)
      : identifiabilityOf(
          twin,
          slope,
          noise,
          Array.from({ length: course.samples }, (_, k) =>
            definition.measured.map((_, i) => k * no + i),
          ).flat(),
          no,
        );
  const report: IdentifiabilityReport = {
    twin: definition.name,
    ...(course !== undefined && {
      course: { samples: course.samples, spanS: course.spanS, start: course.start },
    }),
    at: Object.fromEntries(definition.parameters.map((p, i) => [p.variable, at.parameters[i]!])),
    ...found(first.slope),
    noiseStd: Object.fromEntries(definition.measured.map((m, i) => [m.variable, noise[i]!])),
    outputs: Object.fromEntries(model.outputs.map((name, o) => [name, first.outputs.at(o - no)!])),
    worn: [],
  };
  for (const [i, point] of worn.entries()) {
    const there = await slopesAt(twin, seen, point, inputs, options.signal);
    report.worn.push({
      parameter: point.worn!,
      value: point.parameters[i]!,
      ...('error' in there ? { error: there.error } : found(there.slope)),
    });
    options.onPoint?.(i + 2, worn.length + 1);
  }
  return report;
}
