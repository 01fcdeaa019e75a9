import type { Interpolation } from '../../fmi/index.js';
import type { ParameterChoice } from './choose-parameters.js';
import type { Match, Undecided } from './match.js';
import type { Noiseless } from './noise.js';
import type { Reach } from './reach.js';

/** An item of a definition with what is to be said about it. */
export interface Proposed<T> {
  item: T;
  /** Why it is so, and what to look at. */
  comment: string;
}

/** A first definition of a twin, and where it is a guess. */
export interface Proposal {
  name: string;
  matches: Match[];
  inputs: Proposed<{
    variable: string;
    alias: string;
    column?: string;
    unit: string;
    value?: number;
    interpolation?: Interpolation;
  }>[];
  measured: Proposed<{
    variable: string;
    alias: string;
    column: string;
    unit: string;
    noiseStd?: number;
  }>[];
  parameters: Proposed<{
    variable: string;
    alias: string;
    unit: string;
    lower?: number;
    upper?: number;
    prior: { mean: number; std: number };
    dynamics?: 'constant';
    wearHorizonS?: number;
  }>[];
  virtualSensors: Proposed<{ variable: string; alias: string; unit: string }>[];
  simulation: Proposed<{
    mode: 'steady-state' | 'transient';
    interface: 'cs' | 'me';
    stepSizeS?: number;
    maxTimeS?: number;
  }>;
  /** Whether the model has states that come to rest, or never do. */
  hasStates: boolean;
  /** Where a machine that never rests begins. */
  transient?: Proposed<{ initialState: 'start-values' }>;
  /** Outputs that have no column, as several suit them equally. */
  undecided: Undecided[];
  /** Undefined where nothing wears. */
  wearHorizonS?: Proposed<number>;
  /** Columns that are no variable. */
  unusedColumns: string[];
  /** Whether somebody named the parameters: then none is left out. */
  parametersNamed: boolean;
  /**
   * What may stand for something unknown that acts on the machine, held at 0: it may be declared as a
   * disturbance by who knows how large it is.
   */
  unknowns: Proposed<{ on: string; std?: number; unit: string }>[];
  /** Parameters that stay at the FMU's start value, and why. */
  heldParameters: { variable: string; because: string }[];
}

/** Deviations to a bound where the FMU gives none. */
const OPEN = 4;

/** A proposal with those of its parameters that a recording can tell apart. */
export function withParameters(proposal: Proposal, choice: ParameterChoice): Proposal {
  return {
    ...proposal,
    parameters: proposal.parameters.filter((p) => choice.keep.includes(p.item.variable)),
    heldParameters: choice.left,
  };
}

/**
 * A proposal whose parameters stay where the model runs, each between two bounds: what searches at rest
 * look along must end somewhere.
 */
export function withReaches(proposal: Proposal, narrowed: readonly Reach[]): Proposal {
  const parameters = proposal.parameters.map(({ item, comment }) => {
    const reach = narrowed.find((r) => r.variable === item.variable);
    const { mean, std } = item.prior;
    const open = [
      ...(item.lower === undefined && reach?.lower === undefined ? ['below'] : []),
      ...(item.upper === undefined && reach?.upper === undefined ? ['above'] : []),
    ];
    const lower = reach?.lower ?? item.lower ?? short(mean - OPEN * std);
    const upper = reach?.upper ?? item.upper ?? short(mean + OPEN * std);
    return {
      // A quarter of what is left, so that few points lie where the model fails.
      item: {
        ...item,
        lower,
        upper,
        prior: { mean, std: reach === undefined ? std : short(Math.min(std, (upper - lower) / 4)) },
      },
      comment: [
        comment,
        ...(reach === undefined ? [] : [`narrowed, as ${reach.because}`]),
        ...(open.length === 0
          ? []
          : [`no bound ${open.join(' or ')} is given: ${OPEN} deviations are looked at`]),
      ].join('; '),
    };
  });
  return { ...proposal, parameters };
}

const short = (value: number) => Number(value.toPrecision(3));

/** A proposal with a noise for channels that show none. */
export function withNoise(proposal: Proposal, noiseless: readonly Noiseless[]): Proposal {
  const measured = proposal.measured.map((m) => {
    const found = noiseless.find((n) => n.variable === m.item.variable);
    if (found === undefined) return m;
    const item = { ...m.item, noiseStd: found.noiseStd };
    return { item, comment: `${m.comment}; ${found.because}` };
  });
  return { ...proposal, measured };
}
