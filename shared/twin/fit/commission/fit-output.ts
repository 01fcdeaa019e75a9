import type { Interpolation } from '../../../fmi/index.js';
import { versionOf } from '../../definition/twin.js';
import { channelAlarms } from '../../readings/channel-faults.js';
import type { BandSources } from '../../report/band-sources.js';
import { gapLines } from '../../report/event-text.js';
import type { MachineGap } from '../../report/machine-events.js';
import { type HangsOn, quantityVerdicts } from '../../report/quantities.js';
import { recordingFindings } from '../../report/recording-findings.js';
import type { RecordingSummary } from '../../report/recording-summary.js';
import { type Finding, type Verdict, verdictOf } from '../../report/verdict.js';
import type { Alarm, Estimate, Twin } from '../../types.js';
import type { DisturbanceCourse, DisturbanceOutput } from '../disturbances/disturbances.js';
import { type OfferedDisturbance, offerText } from '../disturbances/offer.js';
import { estimateOf, estimatesOf } from '../fitting/estimates.js';
import type { Fit, FitStart } from '../fitting/fit.js';
import { fitSources } from '../fitting/sources.js';
import { type FoundInputNoise, foundInputNoise } from '../input-noise/found-input-noise.js';
import type { FitContext } from '../model/fit-context.js';
import { type HeldOut, rmseOf } from '../outputs/held-out.js';
import type { HiddenOutputs } from '../outputs/hidden-outputs.js';
import { gapsIn } from '../record/gaps.js';
import type { Rail } from '../record/rails.js';
import { type FitRecord, heardRows } from '../record/record.js';
import type { ResidualModel } from '../residuals/residual-model.js';
import type { Ridge } from '../shape/ridges.js';
import { scaleNotes } from '../unseen/unseen-sensor-errors.js';
import type { OfferedWear } from '../wear/unstated-wear.js';
import { type WearCourse, wearOutput } from '../wear/wear.js';
import type { FitChain } from './fit-chain.js';

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
  /** Inputs that look as if they ran so between their readings; left out where there are none. */
  offeredInterpolations?: Record<string, Interpolation>;
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

/** What a fit has to account for, whatever came of it. */
export interface FitAccount {
  context: FitContext;
  /** Samples that it was given. */
  samples: number;
  read: FitRecord;
  /** The same as the model runs along it, without channels that are dead. */
  record: FitRecord;
  /** Channels that hold no value, or one value only. */
  dead: ReadonlySet<number>;
  recording: RecordingSummary;
  startedMs: number;
}

/** What a fit came to, beside its findings. */
type Parts = Partial<FitOutput> & { parameters: Record<string, Estimate> };

/** The output of a fit: what was found, what was read, and how far it can be believed. */
export function fitOutput(
  { context, samples, read, record, dead, recording, startedMs }: FitAccount,
  findings: readonly Finding[],
  parts: Parts,
  hangsOn: HangsOn,
  alarms: readonly Alarm[] = [],
): FitOutput {
  const { twin } = context;
  const names = twin.definition.measured.map((m) => m.variable);
  // What was read first: what a fit finds may be no more than its trace. Dead channels are among the fit's
  // own findings already.
  const all = [...recordingFindings({ ...recording, deadChannels: [] }, names), ...findings];
  const verdict = verdictOf(all);
  const quantities = quantityVerdicts(twin, all, hangsOn);
  const used = heardRows(read);
  return {
    twin: twin.definition.name,
    twinVersion: versionOf(twin.hash),
    summary: {
      samples,
      used,
      assimilated: used,
      skipped: samples - used,
      modelRuns: context.passes,
      wallS: (performance.now() - startedMs) / 1000,
      parameters: parts.parameters,
      virtualSensors: parts.virtualSensors ?? {},
      alarms: [
        ...channelAlarms(
          [...dead].map((c) => names[c]!),
          recording,
        ),
        ...alarms,
      ],
      verdict,
      quantities,
      recording,
      gaps: gapsIn(record),
    },
    virtualSensors: {},
    startStates: {},
    nEff: 0,
    tFactor: 1,
    residuals: { white: 0, ou: { std: 0, timeConstantS: 0 }, channels: {} },
    structures: {},
    wear: {},
    disturbances: {},
    ridges: [],
    rails: read.rails,
    starts: [],
    freeRun: { channels: {} },
    notes: [],
    ...parts,
    verdict,
    quantities,
  };
}

/** What is told of a chain of fits beside its numbers. */
export interface Told {
  /** The chain's last fit, its bands widened by what was found of it. */
  fit: Fit;
  ridges: Ridge[];
  disturbed: DisturbanceOutput;
  /** Whether the fit is not to be used. */
  unusable: boolean;
  hidden: HiddenOutputs | undefined;
  offered: OfferedDisturbance[];
  offeredWear: OfferedWear[];
  offeredInterpolations: Record<string, Interpolation>;
  guessedWear: readonly OfferedWear[] | undefined;
  /** Remarks on scales of inputs. */
  inputScales: readonly string[];
}

/** What a chain of fits came to, as it is written. */
export function learntParts(
  { context, dead }: Pick<FitAccount, 'context' | 'dead'>,
  record: FitRecord,
  { starts, tested }: FitChain,
  {
    fit,
    ridges,
    disturbed,
    unusable,
    hidden,
    offered,
    offeredWear,
    offeredInterpolations,
    guessedWear,
    inputScales,
  }: Told,
): Parts {
  const { twin } = context;
  const names = twin.definition.measured.map((c) => c.variable);
  const channels = Object.fromEntries(
    names.flatMap((name, c) => (dead.has(c) ? [] : [[name, fit.residualModels[c]!]])),
  );
  const least = Object.values(channels).toSorted((a, b) => a.nEff - b.nEff)[0]!;
  return {
    // What is not to be used must not look as if it were known.
    parameters: unusable
      ? Object.fromEntries(
          fit.coordinates.flatMap((c, j) =>
            c.kind === 'parameter' ? [[c.name, estimateOf(c, fit.u[j]!, 1)]] : [],
          ),
        )
      : estimatesOf(fit, 'parameter'),
    virtualSensors: Object.fromEntries(
      Object.entries(hidden?.courses ?? {}).map(([name, course]) => [name, course.at(-1)!]),
    ),
    ...(unusable ? {} : { bands: { sources: fitSources(context, fit) } }),
    startStates: estimatesOf(fit, 'start-state'),
    nEff: fit.covariance.nEff,
    tFactor: fit.covariance.tFactor,
    residuals: { white: least.white, ou: least.ou, channels },
    structures: { 'output-error': { weight: 1 } },
    ridges,
    starts,
    freeRun: { channels: rmseOf(names, record, fit.prediction, 0, dead) },
    ...(tested === undefined ? {} : { heldOut: tested.heldOut }),
    wear: wearOutput(twin, fit),
    disturbances: disturbed.disturbances,
    ...foundInputNoise(twin.definition, fit.inputNoise?.found),
    ...(offered.length === 0 ? {} : { offered }),
    ...(offeredWear.length === 0 ? {} : { offeredWear }),
    ...(Object.keys(offeredInterpolations).length === 0 ? {} : { offeredInterpolations }),
    ...(guessedWear === undefined ? {} : { guessedWear }),
    notes: [
      ...gapLines(gapsIn(record), record.timesS[0] ?? 0, 'fit').map((text) => text.trim()),
      ...wearNotes(twin),
      ...disturbed.notes,
      ...offerText(offered),
      ...(unusable ? [] : scaleNotes(twin, fit)),
      ...inputScales,
    ],
  };
}

/** What a fit does not do of a machine at rest: its parameters stay along the record. */
function wearNotes({ definition }: Twin): string[] {
  if (definition.simulation.mode !== 'steady-state') return [];
  const wear = definition.parameters.filter((p) => p.dynamics !== 'constant');
  if (wear.length === 0) return [];
  return [
    `Taken for constant along the record: ${wear.map((p) => p.variable).join(', ')}. Of a machine at rest, \`twinloop calibrate\` follows what wears.`,
  ];
}
