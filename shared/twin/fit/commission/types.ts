import type { BandSources } from '../../report/band-sources.js';
import type { MachineGap } from '../../report/machine-events.js';
import type { RecordingSummary, Verdict } from '../../report/verdict.js';
import type { Alarm, Estimate } from '../../types.js';
import type { Rail } from '../record/record.js';
import type { ResidualModel } from '../residuals/residual-model.js';
import type { Ridge } from '../shape/ridges.js';

/** One search, from one start. */
export interface FitStart {
  /** Parameters where it began, by name. */
  from: Record<string, number>;
  /** Where it ended; left out where the model failed. */
  to?: Record<string, number>;
  /** Minus the log posterior above the best's, in nats of independent samples. */
  nats?: number;
  passes: number;
  converged: boolean;
  /** Why it failed. */
  error?: string;
  /** Where it wanted to go on and the model failed, for how many nats, and why; left out where none stopped it. */
  refused?: { at: Record<string, number>; nats: number; error: string };
}

/** How the free run does on rows that the fit had not seen. */
export interface HeldOut {
  /** The first row that was held out, counted in used samples. */
  fromSample: number;
  samples: number;
  channels: Record<
    string,
    {
      rmse: number;
      /** Share of samples inside the 95 % band. */
      coverage95: number;
      /** Of the data about their mean: what a constant would miss by. */
      std: number;
    }
  >;
}

/** How a parameter moved along a record. */
export interface WearCourse {
  /** The hypothesis it was fitted under: times the speed of its wear horizon, or `jump`. */
  kind: string;
  /** What it was, at times of the record. */
  course: { timeS: number; value: number }[];
  /** Its rate at the record's end, per second. */
  ratePerS: { mean: number; std: number };
}

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

/** A disturbance that would explain a fit's residuals. */
export interface OfferedDisturbance {
  on: string;
  std: number;
  timeConstantS: number;
  /** Nats by which it explains them better than a disturbance of the sensors does. */
  gain: number;
}

/** Wear of a parameter declared constant that would explain a fit's residuals. */
export interface OfferedWear {
  variable: string;
  /** What it would have been at the record's start, and at its end. */
  from: number;
  to: number;
  /** Seconds in which it would wear through its whole range at that speed: what to state of it. */
  wearHorizonS: number;
  /** Nats by which it explains them better than lasting errors of the sensors do, the model made straight. */
  gain: number;
  /** Whether it explains all of them, and nothing else nearly as much: no other constant, disturbance or sensor. */
  certain: boolean;
}

/** Noise of an input that nobody stated. */
export interface FoundInputNoise {
  /** Standard deviation, in the input's unit. */
  std: number;
  /** The same as a share of the input's largest value. */
  share: number;
}

/** What a fit gives out. */
export interface FitOutput {
  twin: string;
  /** Its version, as saved states have it. */
  twinVersion: string;
  summary: {
    samples: number;
    used: number;
    /** The same under the names that `calibrate` gives them. */
    assimilated: number;
    skipped: number;
    /** Model runs along the record. */
    modelRuns: number;
    wallS: number;
    parameters: Record<string, Estimate>;
    /** As below. */
    virtualSensors: Record<string, Estimate>;
    /** Channels that never move. */
    alarms: Alarm[];
    verdict: Verdict;
    /** The same for each parameter, virtual sensor and measured variable. */
    quantities: Record<string, Verdict>;
    recording: RecordingSummary;
    /** Times without rows, after which the run began anew. */
    gaps: MachineGap[];
  };
  parameters: Record<string, Estimate>;
  /** At the record's end; of what is not to be used, and where nobody asked for them, none. */
  virtualSensors: Record<string, Estimate>;
  /** Where the parameters' bands come from, as shares of their variance; of what may be used. */
  bands?: { sources: Record<string, BandSources> };
  /** States at the record's start and after its gaps, where the FMU lets them be chosen. */
  startStates: Record<string, Estimate>;
  /** Parameters that move along the record; `parameters` holds what they are at its end. */
  wear: Record<string, WearCourse>;
  /** Unknown heats, flows or forces, by the name they are published under. */
  disturbances: Record<string, DisturbanceCourse>;
  /** Noise of inputs that nobody stated and the residuals show, by variable; left out where there is none. */
  inputNoise?: Record<string, FoundInputNoise>;
  /** Those that would explain the residuals, each by itself, the best first; `fit` looks for them. */
  offered?: OfferedDisturbance[];
  /** Constants whose wear would explain the residuals, the likeliest first; `fit` looks for them. */
  offeredWear?: OfferedWear[];
  /** Parameters that `new --yes` lets wear, as its first fit offered it. */
  guessedWear?: readonly OfferedWear[];
  nEff: number;
  tFactor: number;
  /** Of the channel with the fewest independent samples; all under `channels`. */
  residuals: Omit<ResidualModel, 'nEff' | 'samples'> & { channels: Record<string, ResidualModel> };
  /** Weights of noise structures; output error alone has weight 1. */
  structures: Record<string, { weight: number; parameters?: Record<string, Estimate> }>;
  ridges: Ridge[];
  rails: readonly Rail[];
  starts: FitStart[];
  freeRun: { channels: Record<string, { rmse: number }> };
  heldOut?: HeldOut;
  notes: string[];
  verdict: Verdict;
  quantities: Record<string, Verdict>;
}
