import { versionOf } from '../../definition/twin.js';
import { channelAlarms } from '../../readings/channel-faults.js';
import { gapLines } from '../../report/event-text.js';
import { type HangsOn, quantityVerdicts } from '../../report/quantities.js';
import {
  type Finding,
  type RecordingSummary,
  recordingFindings,
  verdictOf,
} from '../../report/verdict.js';
import type { Alarm, Estimate, Twin } from '../../types.js';
import type { DisturbanceOutput } from '../disturbances/disturbances.js';
import { offerText } from '../disturbances/offer.js';
import { estimateOf, estimatesOf } from '../fitting/estimates.js';
import type { Fit } from '../fitting/fit.js';
import { fitSources } from '../fitting/sources.js';
import { foundInputNoise } from '../input-noise/found-input-noise.js';
import type { FitContext } from '../least-squares/fit-problem.js';
import { rmseOf } from '../outputs/held-out.js';
import type { HiddenOutputs } from '../outputs/hidden-outputs.js';
import { gapsIn } from '../record/gaps.js';
import { type FitRecord, heardRows } from '../record/record.js';
import type { Ridge } from '../shape/ridges.js';
import { scaleNotes } from '../unseen/unseen-sensor-errors.js';
import { wearOutput } from '../wear/wear.js';
import type { FitChain } from './fit-chain.js';
import type { FitOutput, OfferedDisturbance, OfferedWear } from './types.js';

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
  // Dead channels are among the fit's own findings already.
  const all = [...findings, ...recordingFindings({ ...recording, deadChannels: [] }, names)];
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
  guessedWear: readonly OfferedWear[] | undefined;
  /** Remarks on scales of inputs. */
  inputScales: readonly string[];
}

/** What a chain of fits came to, as it is written. */
export function learntParts(
  { context, dead }: Pick<FitAccount, 'context' | 'dead'>,
  record: FitRecord,
  { first, tested }: FitChain,
  {
    fit,
    ridges,
    disturbed,
    unusable,
    hidden,
    offered,
    offeredWear,
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
    starts: first.starts,
    freeRun: { channels: rmseOf(names, record, fit.prediction, 0, dead) },
    ...(tested === undefined ? {} : { heldOut: tested.heldOut }),
    wear: wearOutput(twin, fit),
    disturbances: disturbed.disturbances,
    ...foundInputNoise(twin.definition, fit.inputNoise?.found),
    ...(offered.length === 0 ? {} : { offered }),
    ...(offeredWear.length === 0 ? {} : { offeredWear }),
    ...(guessedWear === undefined ? {} : { guessedWear }),
    notes: [
      ...gapLines(gapsIn(record), record.timesS[0] ?? 0).map((text) => text.trim()),
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
