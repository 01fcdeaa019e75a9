import { setMaxListeners } from 'node:events';
import { messageOf } from '../../core/index.js';
import { inputsAlong, readProof } from '../../fmi/index.js';
import type { IntegrationError, Sample, Twin } from '../types.js';
import type { TwinFmu } from './twin-fmu.js';

/** Tolerance of FMUs that name none. */
const USUAL_TOLERANCE = 1e-4;
/** How many samples a run goes along, and at how many states of rest it is compared. */
const ALONG = 50;
const AT_REST = 2;

/** The tolerance that a twin's runs use. */
export function toleranceOf({ definition: { simulation } }: Twin, { fmu }: TwinFmu): number {
  return (
    simulation.tolerance ??
    readProof(fmu, simulation.interface)?.fallbacks.tolerance ??
    fmu.modelDescription.defaultExperiment.tolerance ??
    USUAL_TOLERANCE
  );
}

/**
 * Compares runs at the twin's tolerance and step with runs at half of both, at the prior, along a
 * recording: what they differ by is an error of the model values that no noise of a sensor accounts for.
 *
 * @param opened the twin's FMU, in the processes that its other runs use
 */
export async function integrationError(
  twin: Twin,
  opened: TwinFmu,
  samples: readonly Sample[],
  signal?: AbortSignal,
): Promise<IntegrationError> {
  const { definition } = twin;
  const { simulation } = definition;
  if (signal !== undefined) setMaxListeners(0, signal);
  const tolerance = toleranceOf(twin, opened);
  const names = definition.measured.map((m) => m.variable);
  try {
    const whole = samples.filter((s) => s.inputs.every(Number.isFinite));
    const values = async (share: number) =>
      simulation.mode === 'steady-state'
        ? atRest(twin, opened, whole, tolerance, share, signal)
        : along(twin, opened, whole, tolerance, share, signal);
    const [coarse, fine] = [await values(1), await values(0.5)];
    const rows = coarse.length / names.length;
    const std = names.map((name, c) => {
      let sum = 0;
      for (let k = c; k < coarse.length; k += names.length) sum += (coarse[k]! - fine[k]!) ** 2;
      return [name, rows === 0 ? 0 : Math.sqrt(sum / rows)] as const;
    });
    if (!std.every(([, value]) => Number.isFinite(value))) {
      return { std: {}, tolerance, unknown: 'a run gave a value that is not a finite number' };
    }
    return { std: Object.fromEntries(std), tolerance };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { std: {}, tolerance, unknown: messageOf(error) };
  }
}

type Signal = AbortSignal | undefined;

async function atRest(
  { definition }: Twin,
  { runs }: TwinFmu,
  samples: readonly Sample[],
  tolerance: number,
  share: number,
  signal: Signal,
): Promise<Float64Array> {
  const { simulation } = definition;
  const outputs = definition.measured.map((m) => m.variable);
  const spread = Array.from({ length: Math.min(AT_REST, samples.length) }, (_, k) => {
    const last = Math.max(1, Math.min(AT_REST, samples.length) - 1);
    return samples[Math.round((k * (samples.length - 1)) / last)]!;
  });
  const all: number[] = [];
  for (const sample of spread) {
    const result = await runs.settle({
      startValues: prior(definition),
      inputs: Object.fromEntries(definition.inputs.map((u, i) => [u.variable, sample.inputs[i]!])),
      outputs,
      interface: simulation.interface,
      stepSizeS: simulation.stepSizeS * share,
      maxTimeS: simulation.maxTimeS,
      relativeTolerance: simulation.relativeTolerance * share,
      tolerance: tolerance * share,
      warm: false,
      ...(signal !== undefined && { signal }),
    });
    all.push(...result.values);
  }
  return Float64Array.from(all);
}

async function along(
  { definition }: Twin,
  { runs, fmu, interpolations }: TwinFmu,
  samples: readonly Sample[],
  tolerance: number,
  share: number,
  signal: Signal,
): Promise<Float64Array> {
  const { simulation } = definition;
  const rising: Sample[] = [];
  for (const sample of samples) {
    if (rising.length === ALONG) break;
    if (rising.length === 0 || sample.timeS > rising.at(-1)!.timeS) rising.push(sample);
  }
  if (rising.length < 2) return new Float64Array();
  const origin = fmu.modelDescription.defaultExperiment.startTime ?? 0;
  const timesS = Float64Array.from(rising, (s) => origin + s.timeS - rising[0]!.timeS);
  const columns = definition.inputs.map(({ variable }, i) => ({
    name: variable,
    values: Float64Array.from(rising, (s) => s.inputs[i]!),
  }));
  const result = await runs.trajectory({
    interface: simulation.interface,
    startValues: prior(definition),
    inputs: inputsAlong(timesS, columns, interpolations),
    outputs: definition.measured.map((m) => m.variable),
    timesS,
    stepSizeS: simulation.stepSizeS * share,
    // As the filter runs it from sample to sample.
    relativeTolerance: Math.max(1e-12, simulation.relativeTolerance * 0.02) * share,
    tolerance: tolerance * share,
    ...(signal !== undefined && { signal }),
  });
  return result.values;
}

const prior = (definition: Twin['definition']): Record<string, number> =>
  Object.fromEntries(definition.parameters.map((p) => [p.variable, p.prior.mean]));

/**
 * The twin with its integration error added to what its sensors are said to be off by. At rest it is the
 * same in every sample, so that no number of them averages it away: it counts as an offset. Between the
 * samples of a moving machine it comes and goes, and counts as noise.
 */
export function withIntegrationError(twin: Twin, { std }: IntegrationError): Twin {
  const lasts = twin.definition.simulation.mode === 'steady-state';
  return {
    ...twin,
    definition: {
      ...twin.definition,
      measured: twin.definition.measured.map((m) => {
        const own = std[m.variable] ?? 0;
        if (own === 0) return m;
        if (lasts) return { ...m, offsetStd: Math.hypot(m.offsetStd ?? 0, own) };
        // A channel without a stated noise has it estimated from what the model misses, this included.
        return m.noiseStd === undefined ? m : { ...m, noiseStd: Math.hypot(m.noiseStd, own) };
      }),
    },
  };
}

/** An error as states keep it: the deviations of the measured variables, then the tolerance; `NaN` where unknown. */
export const keptError = (twin: Twin, error: IntegrationError): Float64Array =>
  Float64Array.of(
    ...twin.definition.measured.map((m) => error.std[m.variable] ?? 0),
    error.unknown === undefined ? error.tolerance : Number.NaN,
  );

/** The same as it was measured. */
export function errorOfKept(
  { definition: { measured } }: Twin,
  kept: Float64Array,
): IntegrationError {
  const tolerance = kept[measured.length]!;
  return {
    std: Object.fromEntries(measured.map((m, i) => [m.variable, kept[i]!])),
    tolerance,
    ...(Number.isNaN(tolerance) ? { unknown: 'it could not be measured at first' } : {}),
  };
}

/** Share of a stated noise from which on an integration error is worth a word. */
const WORTH_A_WORD = 0.3;

/** What there is to say about it, for a verdict. */
export function integrationErrorReasons(twin: Twin, error: IntegrationError | undefined): string[] {
  if (error === undefined || error.unknown !== undefined) return [];
  return twin.definition.measured.flatMap(({ variable, noiseStd, unit }) => {
    const std = error.std[variable] ?? 0;
    if (noiseStd === undefined || !(std > WORTH_A_WORD * noiseStd)) return [];
    const size = `${std.toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
    return [
      `${variable}: integration at tolerance ${error.tolerance} is off by ${size}, ${(std / noiseStd).toPrecision(2)} times the noise: it is in the bands; a lower simulation.tolerance or simulation.stepSizeS makes them narrower`,
    ];
  });
}
