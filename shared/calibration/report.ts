import type { FilterStep } from './filter.js';
import { predictOutputs } from './linearise.js';
import { truncatedEstimate } from './truncated.js';
import type {
  Alarm,
  CalibratorState,
  Estimate,
  Sample,
  SkipReason,
  StepResult,
  Twin,
} from './types.js';

/** Samples running that a limit must be passed before its alarm. */
const ALARM_RUN = 3;

/** The parameters of a state with the bounds applied. */
export function parameterEstimates(twin: Twin, state: CalibratorState): Record<string, Estimate> {
  const { parameters } = twin.definition;
  const N = 2 * parameters.length;
  return Object.fromEntries(
    parameters.map((p, i) => {
      const row = state.arrays.S!.subarray(i * N, i * N + N);
      const estimate = truncatedEstimate(state.arrays.x![i]!, Math.hypot(...row), p.lower, p.upper);
      return [p.variable, estimate];
    }),
  );
}

function outputEstimates(twin: Twin, filtered: FilterStep): Estimate[] {
  const { linearisation: lin, posterior } = filtered;
  const known = filtered.outputs;
  if (known !== undefined) {
    return Array.from(known.mean, (value, o) => truncatedEstimate(value, known.std[o]!));
  }
  const n = twin.definition.parameters.length;
  const N = 2 * n;
  const outputs = lin.mean.length;
  const mean = predictOutputs(lin, posterior.x.slice(0, n));
  return Array.from(mean, (value, o) => {
    let variance = Math.max(0, lin.omega[o * outputs + o]!);
    for (let k = 0; k < N; k++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += lin.slope[o * n + j]! * posterior.S[j * N + k]!;
      variance += sum * sum;
    }
    return truncatedEstimate(value, Math.sqrt(variance));
  });
}

function limitAlarms(
  items: readonly {
    variable: string;
    alarm?: { above?: number | undefined; below?: number | undefined } | undefined;
  }[],
  estimates: Record<string, Estimate>,
  runs: Float64Array,
  offset: number,
): Alarm[] {
  return items.flatMap((item, i) => {
    const estimate = estimates[item.variable]!;
    const { above, below } = item.alarm ?? {};
    const over = above !== undefined && estimate.lower95 > above;
    const under = below !== undefined && estimate.upper95 < below;
    runs[offset + i] = over || under ? runs[offset + i]! + 1 : 0;
    if (runs[offset + i]! < ALARM_RUN) return [];
    const message = over
      ? `${item.variable} is above its limit ${above}: 95 % certain to be at least ${estimate.lower95.toPrecision(4)}.`
      : `${item.variable} is below its limit ${below}: 95 % certain to be at most ${estimate.upper95.toPrecision(4)}.`;
    return [{ code: 'limit' as const, subject: item.variable, message }];
  });
}

function healthAlarms(twin: Twin, state: CalibratorState, filtered: FilterStep): Alarm[] {
  const { definition } = twin;
  const alarms: Alarm[] = [];
  const a = state.arrays;
  const add = (code: Alarm['code'], subject: string, message: string) =>
    alarms.push({ code, subject, message });
  if (filtered.regimeChange) {
    add(
      'regime-change',
      definition.name,
      `The machine changed suddenly (NIS ${filtered.nis.toPrecision(4)} for ${filtered.active.length} channels); the parameters were opened up to follow.`,
    );
  }
  definition.measured.forEach((channel, i) => {
    if (a.suspicion![i]! >= 3) {
      add(
        'sensor-fault',
        channel.variable,
        `${channel.variable} has contradicted all other channels for ${a.suspicion![i]} samples and carries little weight.`,
      );
    }
    if (a.faults![i] === 1) {
      add(
        'sensor-frozen',
        channel.variable,
        `${channel.variable} has repeated one value ${a.repeats![i]} times while others move; it is left out.`,
      );
    }
  });
  const N = 2 * definition.parameters.length;
  if (state.sampleCount >= 50) {
    definition.parameters.forEach((p, i) => {
      const std = Math.hypot(...a.S!.subarray(i * N, i * N + N));
      const range = p.lower !== undefined && p.upper !== undefined ? p.upper - p.lower : undefined;
      if (std > 0.9 * p.prior.std && (range === undefined || std > 0.02 * range)) {
        add(
          'not-identifiable',
          p.variable,
          `${p.variable} is known to ± ${std.toPrecision(3)} only, no better than at the start: the sensors at their noise do not tell it.`,
        );
      }
      const beyond =
        (p.lower !== undefined && a.x![i]! + 4 * std < p.lower) ||
        (p.upper !== undefined && a.x![i]! - 4 * std > p.upper);
      if (beyond) {
        add(
          'at-bound',
          p.variable,
          `${p.variable} would fit best at ${a.x![i]!.toPrecision(4)}, beyond its bounds: the model or the bounds are wrong.`,
        );
      }
    });
    // 0.02-weighted means have a tenth of a sample's deviation: 4 of those is beyond chance.
    const excess = a.whiteness![1]!;
    const limit = 4 * 0.1 * Math.sqrt(2 / filtered.active.length);
    if (Math.abs(excess) > limit) {
      add(
        excess > 1 ? 'model-mismatch' : 'noise-mismatch',
        definition.name,
        `Innovations are ${(1 + excess).toPrecision(3)} times what the noise explains: ${excess > 1 ? 'no parameter values explain the channels together' : 'noiseStd is wrong and is being adapted'}.`,
      );
    }
    if (Math.abs(a.whiteness![0]!) > 0.5) {
      add(
        'correlated-innovations',
        definition.name,
        `Successive innovations are correlated (${a.whiteness![0]!.toPrecision(2)}): something moves that the model lacks.`,
      );
    }
  }
  return alarms;
}

/** Turns a filter step, or a skipped sample, into what is reported. Counts runs beyond limits in the state. */
export function reportStep(input: {
  twin: Twin;
  state: CalibratorState;
  sample: Sample;
  filtered?: FilterStep;
  skipped?: SkipReason;
  /** Of a skipped sample. */
  alarms?: readonly Alarm[];
}): StepResult {
  const { twin, state, sample, filtered, skipped } = input;
  const { definition } = twin;
  const names = definition.measured.map((c) => c.variable);
  const parameters = parameterEstimates(twin, state);
  const outputs = filtered === undefined ? [] : outputEstimates(twin, filtered);
  const measured = Object.fromEntries(outputs.slice(0, names.length).map((e, i) => [names[i]!, e]));
  const virtualSensors = Object.fromEntries(
    outputs.slice(names.length).map((e, i) => [definition.virtualSensors[i]!.variable, e]),
  );
  const alarms: Alarm[] = [...(input.alarms ?? [])];
  if (filtered !== undefined) {
    const runs = state.arrays.limitRuns!;
    alarms.push(
      ...limitAlarms(definition.parameters, parameters, runs, 0),
      ...limitAlarms(definition.virtualSensors, virtualSensors, runs, definition.parameters.length),
      ...healthAlarms(twin, state, filtered),
    );
  }
  return {
    timeS: sample.timeS,
    ...(sample.timeNs === undefined ? {} : { timeNs: sample.timeNs }),
    ...(sample.row === undefined ? {} : { row: sample.row }),
    ...(skipped === undefined ? {} : { skipped }),
    nis: filtered?.nis ?? Number.NaN,
    channels: filtered?.active.length ?? 0,
    logLikelihood: filtered?.logLikelihood ?? 0,
    parameters,
    virtualSensors,
    measured,
    alarms,
    diagnostics: {
      modelRuns: filtered?.modelRuns ?? 0,
      gated: (filtered?.gated ?? []).map((i) => names[i]!),
      regimeChange: filtered?.regimeChange ?? false,
      nonlinearity: filtered?.nonlinearity ?? 0,
      noiseStd: Object.fromEntries(names.map((name, i) => [name, state.arrays.noiseStd![i]!])),
    },
  };
}
