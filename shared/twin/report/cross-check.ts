import { guessedNoise } from '../filter/first-values.js';
import { unstatedInputs } from '../filter/input-noise.js';
import { offsetGain } from '../filter/persistent-error.js';
import { filterSettings } from '../filter/settings.js';
import { misreadInputs } from '../filter/stated-inputs.js';
import { redundancyShares, wouldShow } from '../sensors/redundancy.js';
import { lastingErrors } from '../transient/stated-lead.js';
import { isFitted } from '../transient/watch.js';
import type { CalibratorState, SensorSlopes, StepResult, Twin } from '../types.js';
import { filteredConstantFindings } from './filtered-constants.js';
import { loneFindings } from './lone-channels.js';
import type { HangsOn } from './quantities.js';
import { alongOutput } from './report.js';
import type { Finding } from './verdict.js';

/** What sensors can tell of each other's errors, and of what those would do. */
export interface CrossCheck {
  /** Quantities that an error of a sensor would move unseen, or whose bands are mostly for one. */
  findings: Finding[];
  hangsOn: HangsOn;
}

/** An offset of a sensor that is looked for, in its noise. */
export const OFFSET = 5;
/** Deviations of a band that an error may move its quantity by. */
export const MOVED = 1;
/** Share of a virtual sensor's variance from which it hangs on a parameter. */
const A_PART = 0.1;
/** Share of a band's variance that is for what the model lacks, from which that is said. */
const MOST = 0.5;
/** Quantities that are named in one sentence. */
const MOST_NAMED = 4;

const listed = (names: readonly string[]) =>
  names.length > MOST_NAMED
    ? `${names.slice(0, MOST_NAMED - 1).join(', ')} and ${names.length - MOST_NAMED + 1} more`
    : names.join(', ');

/** The check at the end of a run; of a moving machine, whose fits hold it, what hangs on what. */
export function crossCheckOf(
  twin: Twin,
  {
    lastUsed: last,
    slopes,
    state,
  }: {
    lastUsed: StepResult | undefined;
    slopes?: SensorSlopes | undefined;
    state?: CalibratorState | undefined;
  },
): CrossCheck {
  if (state === undefined || slopes === undefined || last === undefined) {
    const moves = twin.definition.simulation.mode !== 'steady-state';
    return { findings: [], hangsOn: moves ? movingHangsOn(twin) : {} };
  }
  return crossCheck(twin, state, slopes, last);
}

/**
 * Holds each quantity against errors of sensors at the newest sample of rest. An offset that the other
 * sensors would not show passes for wear of the parameters that it moves: there is no test for it, but
 * it can be said. So may a term that the model lacks.
 *
 * @param state after the step with these slopes and this result
 */
export function crossCheck(
  twin: Twin,
  state: CalibratorState,
  slopes: SensorSlopes,
  {
    parameters: estimates,
    virtualSensors: sensors,
    diagnostics,
    alarms,
  }: Pick<StepResult, 'parameters' | 'virtualSensors' | 'alarms'> & {
    diagnostics: Pick<StepResult['diagnostics'], 'mode'>;
  },
): CrossCheck {
  const { measured, parameters, virtualSensors } = twin.definition;
  const lone = [
    ...loneFindings(twin, slopes, alarms),
    ...guessedNoiseFindings(twin, state),
    ...notFollowedFindings(twin, state),
    ...filteredConstantFindings(twin, state, { parameters: estimates, diagnostics }),
    ...(slopes.statedUnknown ?? []).map((i) => notInBands(twin, i)),
  ];
  if (diagnostics.mode === 'transient') return { findings: lone, hangsOn: movingHangsOn(twin) };
  const n = parameters.length;
  const m = measured.length;
  const { range } = filterSettings(twin);
  const { slope, active, noiseStd } = slopes;
  const gain = offsetGain(slopes, active, noiseStd, range);
  const names = [...parameters, ...virtualSensors].map((q) => q.variable);
  const stds = names.map((name) => (estimates[name] ?? sensors[name])?.std ?? 0);
  /** What an offset of the k-th active channel, of its noise, does to a quantity. */
  const moves = (q: number, k: number) => {
    if (q < n) return gain[q * active.length + k]!;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum += slope[(m + q - n) * n + i]! * gain[i * active.length + k]!;
    }
    return sum;
  };
  const deviations = names.map((_, q) =>
    active.map((_, k) => (stds[q]! > 0 ? (OFFSET * Math.abs(moves(q, k))) / stds[q]! : 0)),
  );
  const hangsOn = Object.fromEntries(
    names.map((name, q) => [
      name,
      [
        ...active.flatMap((o, k) => (deviations[q]![k]! > MOVED ? [measured[o]!.variable] : [])),
        ...(q < n ? [] : partsOf(twin, slopes, m + q - n, stds)),
      ],
    ]),
  );

  const findings: Finding[] = lone;
  const shares = redundancyShares(state, slopes, range);
  const unseen = active.flatMap((o, k) =>
    measured[o]!.offsetStd === undefined && !wouldShow(shares[o]!, OFFSET) ? [k] : [],
  );
  const most = (q: number) =>
    unseen.reduce((a, b) => (deviations[q]![b]! > deviations[q]![a]! ? b : a), unseen[0]!);
  const moved = names
    .map((name, q) => ({ name, q, by: unseen.length === 0 ? 0 : deviations[q]![most(q)]! }))
    .filter(({ by }) => by > MOVED)
    .sort((a, b) => b.by - a.by);
  if (moved.length > 0) {
    const worst = moved[0]!;
    const blamed = unseen.filter((k) => moved.some(({ q }) => deviations[q]![k]! > MOVED));
    const by = measured[active[most(worst.q)]!]!.variable;
    findings.push({
      grade: 'care',
      reason: `nothing cross-checks ${listed(blamed.map((k) => measured[active[k]!]!.variable))}: an offset of a sensor, or a term that the model lacks, would pass for wear of ${listed(moved.filter(({ q }) => q < n).map(({ name }) => name)) || worst.name} (${OFFSET} times the noise of ${by} moves ${worst.name} by ${worst.by.toPrecision(2)} deviations); one more sensor would show it, see twinloop sensors, or state how far each may be off as measured[].offsetStd, 0 where it is known to be right`,
      about: moved.map(({ name }) => name),
    });
  }
  findings.push(...inputNoiseFindings(twin, state), ...unknownInputErrors(twin, slopes));
  const lacking = names.filter((_, q) => {
    const lasting = slopes.persistent?.model;
    if (lasting === undefined || !(stds[q]! > 0)) return false;
    const variance = q < n ? lasting[q * n + q]! : alongOutput(slopes, lasting, m + q - n, n);
    return variance > MOST * stds[q]! ** 2;
  });
  if (lacking.length > 0) {
    findings.push({
      grade: 'care',
      reason: `more than half of the band of ${listed(lacking)} is for what makes the sensors contradict each other: an error that lasts, of a sensor or of the model`,
      about: lacking,
    });
  }
  return { findings, hangsOn };
}

/** Inputs whose noise nobody stated and the innovations show. */
function inputNoiseFindings(twin: Twin, { filter: { inputNoise } }: CalibratorState): Finding[] {
  const { inputs } = twin.definition;
  return unstatedInputs(inputs).flatMap((i, k): Finding[] => {
    const std = inputNoise?.used[k] ?? 0;
    const { variable, unit = '' } = inputs[i]!;
    if (std === 0) return [];
    const size = `${std.toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
    return [
      {
        grade: 'care',
        reason: `the readings of ${variable} are noisy by about ${size}, which nobody stated: the bands have it; state it as inputs[].noiseStd`,
      },
    ];
  });
}

/** Inputs whose stated errors are not in the bands. */
function unknownInputErrors(twin: Twin, { persistent }: SensorSlopes): Finding[] {
  const misread = misreadInputs(twin.definition.inputs);
  return (persistent?.inputs?.unknown ?? []).map((k) => notInBands(twin, misread[k]!));
}

const notInBands = ({ definition }: Twin, input: number): Finding => ({
  grade: 'care',
  reason: `what the stated error of ${definition.inputs[input]!.variable} does is not in the bands: the model fails with the input that much off`,
});

/** Stated errors of a moving machine whose parameters were learnt before anybody followed what errors make of them. */
function notFollowedFindings({ definition }: Twin, { filter }: CalibratorState): Finding[] {
  const moves = definition.simulation.mode !== 'steady-state';
  if (!moves || filter.refit !== undefined || filter.transient?.statedLead !== undefined) return [];
  const names = lastingErrors(definition).map(
    ({ of, index }) => definition[of === 'sensors' ? 'measured' : 'inputs'][index]!.variable,
  );
  if (names.length === 0) return [];
  return [
    {
      grade: 'care',
      reason: `what the stated errors of ${listed([...new Set(names)])} do is not in the bands: the estimate began before they were followed; begin it anew, from another state`,
    },
  ];
}

/** Parameters that make up a virtual sensor's band. */
function partsOf(
  twin: Twin,
  { slope }: SensorSlopes,
  output: number,
  stds: readonly number[],
): string[] {
  const { parameters } = twin.definition;
  const n = parameters.length;
  const parts = parameters.map((_, i) => (slope[output * n + i]! * stds[i]!) ** 2);
  const total = parts.reduce((sum, v) => sum + v, 0);
  return parameters.flatMap(({ variable }, i) => (parts[i]! > A_PART * total ? [variable] : []));
}

/** What a moving machine remembers makes each hidden quantity follow all parameters. */
export function movingHangsOn(twin: Twin): HangsOn {
  const { parameters, virtualSensors } = twin.definition;
  const all = parameters.map((p) => p.variable);
  return Object.fromEntries(virtualSensors.map(({ variable }) => [variable, all]));
}

/** Sensors whose noise nobody stated and of which too few values have come to tell it. */
function guessedNoiseFindings(twin: Twin, { filter }: CalibratorState): Finding[] {
  const { measured } = twin.definition;
  // A channel without any value moved nothing yet.
  const guessed = isFitted(filter)
    ? []
    : guessedNoise(filter.firstValues).filter((o) => filter.firstValues!.had[o]! > 0);
  if (guessed.length === 0) return [];
  const names = guessed.map((o) => measured[o]!.variable);
  const noises = guessed.map((o) =>
    `${filter.noiseStd[o]!.toPrecision(2)} ${measured[o]!.unit}`.trim(),
  );
  const few = Math.max(...guessed.map((o) => filter.firstValues!.had[o]!));
  return [
    {
      grade: 'care',
      reason: `the noise of ${listed(names)} is a guess, ${listed(noises)}, as ${few === 1 ? 'one value tells' : `${few} values tell`} none: bands hang on it until more have come; state it as measured[].noiseStd`,
    },
  ];
}
