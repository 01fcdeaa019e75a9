import { TwinError } from '../../core/index.js';
import type { ModelDescription, ModelVariable } from '../../fmi/index.js';
import type { Proposal } from './proposal.js';
import type { ProposeOptions } from './propose.js';
import { isUnknown } from './unknowns.js';

/** Parameters that are tried at most where nobody named them. */
const MOST_PARAMETERS = 24;
/** Deviation of a positive parameter without bounds, as a share of it: a factor of 2.7 either way. */
const POSITIVE_SHARE = 1.31;
/** Sizes by which a parameter may leave its start value where the FMU allows far more. */
const SIZES = 5;

export const isReal = (v: ModelVariable) => /^Float/.test(v.type) && v.dimensions.length === 0;

/** A variable's start value, if it has one. */
export const startOf = (v: ModelVariable) => {
  const [start] = v.start ?? [];
  return start === undefined ? undefined : Number(start);
};

/**
 * The parameters to calibrate, with bounds and priors from start, min, max and nominal.
 *
 * @throws TwinError `VARIABLE_UNKNOWN`, `CONFIG_INVALID` where the FMU has none
 */
export function parametersOf(
  md: ModelDescription,
  options: ProposeOptions,
  alias: (v: ModelVariable) => string,
  moves: boolean,
): Proposal['parameters'] {
  const all = md.variables.filter((v) => v.causality === 'parameter' && isReal(v));
  const tunable = all.filter((v) => v.variability === 'tunable');
  const named = options.parameters?.map((name) => {
    const found = all.find((v) => v.name === name);
    if (found === undefined) {
      throw new TwinError(
        'VARIABLE_UNKNOWN',
        `--parameter is "${name}": expected a parameter of the FMU, ${all.map((v) => v.name).join(', ') || 'which has none'}.`,
      );
    }
    return found;
  });
  // An unknown that acts on a moving machine is no constant of it: as one it spoils the others.
  const own = moves ? tunable.filter((v) => !isUnknown(v)) : tunable;
  const candidates = own.length > 0 ? own : tunable.length > 0 ? tunable : all;
  const chosen = named ?? candidates.slice(0, MOST_PARAMETERS);
  if (chosen.length === 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      'The FMU has no parameter that could be calibrated: expected a Real with causality "parameter", best tunable.',
    );
  }
  const why =
    named !== undefined
      ? 'as you said'
      : tunable.length > 0
        ? 'tunable'
        : 'a parameter; none is tunable';
  return chosen.map((v) => {
    const given = v.min === undefined ? undefined : Number(v.min);
    const start = startOf(v) ?? 0;
    // Sizes, conductances, capacities: what starts above 0 and has no bound is taken for one.
    const positive = given === undefined && start > 0;
    const { lower, upper, std, because } = priorOf(v, start, {
      lower: positive ? 0 : given,
      upper: v.max === undefined ? undefined : Number(v.max),
    });
    return {
      item: {
        variable: v.name,
        alias: alias(v),
        unit: v.unit ?? '',
        ...(lower !== undefined && Number.isFinite(lower) ? { lower } : {}),
        ...(upper !== undefined && Number.isFinite(upper) ? { upper } : {}),
        prior: { mean: start, std },
        ...(moves ? { dynamics: 'constant' as const } : {}),
      },
      comment: `${why}; prior: ${because}${positive ? '; taken for positive, as its start value is' : ''}`,
    };
  });
}

interface Prior {
  lower: number | undefined;
  upper: number | undefined;
  std: number;
  because: string;
}

/** How uncertain a start value is, from what the FMU says of its range and its size. */
function priorOf(
  { nominal }: ModelVariable,
  start: number,
  { lower, upper }: Pick<Prior, 'lower' | 'upper'>,
): Prior {
  const range =
    lower === undefined || upper === undefined ? Number.POSITIVE_INFINITY : upper - lower;
  const bounds = { lower, upper };
  if (nominal !== undefined && nominal > 0 && range < Number.POSITIVE_INFINITY) {
    const size = Math.max(nominal, Math.abs(start));
    // Bounds tell what the model bears; a nominal size what is usual: 0.1 within -1 to 10.
    if (range > 4 * SIZES * size) {
      return {
        lower: Math.max(lower!, start - SIZES * size),
        upper: Math.min(upper!, start + SIZES * size),
        std: size,
        because: `start value ± its nominal size; of ${lower} to ${upper}, which the FMU bears, ${SIZES} sizes are looked at`,
      };
    }
  }
  if (Number.isFinite(range)) {
    return { ...bounds, std: range / 4, because: 'start value ± a quarter of its range' };
  }
  if (lower === 0 && start > 0) {
    const std = Number((POSITIVE_SHARE * start).toPrecision(3));
    return { ...bounds, std, because: 'start value, a factor of 2.7 either way' };
  }
  if (start !== 0) {
    return { ...bounds, std: Math.abs(start) / 2, because: 'start value ± half of it' };
  }
  return nominal === undefined
    ? { ...bounds, std: 1, because: 'start value ± 1, as the FMU gives no size' }
    : { ...bounds, std: nominal / 2, because: 'start value ± half its nominal size' };
}
