import { TwinError } from '../../core/index.js';
import { defaultInterface } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import { settableStates } from '../solving/continuous-states.js';
import { MeStepper } from '../solving/me-stepper.js';
import { slackOf } from '../solving/same-time.js';
import { InputSignals, type InputTable } from '../solving/signals.js';
import { centredInputs, inputsMove } from './centred-inputs.js';
import type { InstanceCache } from './instance-cache.js';
import { type Interpolation, isHeld } from './interpolation.js';
import type { TrajectoryRequest, TrajectoryResult } from './requests.js';
import { initialize, stepperOn } from './run-setup.js';

/**
 * Runs an FMU once along given times and reads its outputs at each. The FMU needs no declared
 * states: without given ones the run begins with what its initialization makes.
 *
 * @throws TwinError `VALUE_INVALID` for times that do not rise, `FMU_UNSUPPORTED` where states are
 *   given or asked for that the FMU does not offer, `VARIABLE_UNKNOWN`, `FMI_CALL_FAILED`, `NUMERIC`
 */
export function trajectory(
  fmu: Fmu,
  cache: InstanceCache,
  request: TrajectoryRequest,
): TrajectoryResult {
  const md = fmu.modelDescription;
  const type = request.interface ?? defaultInterface(fmu);
  const { startValues, timesS, fromS = timesS[0] ?? 0, relativeTolerance = 1e-6 } = request;
  checkTimes(timesS, fromS);
  const wantsStates = request.states !== undefined || request.keepStates === true;
  const states = wantsStates ? settableStates(md, type) : [];
  const given = request.states;
  if (given !== undefined && given.length !== states.length) {
    throw new TwinError(
      'VALUE_INVALID',
      `Found ${given.length} states, expected ${states.length}: ${states.map((v) => v.name).join(', ')}.`,
    );
  }
  return cache.guard(type, () => {
    const begun =
      given === undefined || type === 'me'
        ? startValues
        : { ...startValues, ...Object.fromEntries(states.map((v, i) => [v.name, given[i]!])) };
    const steps = stepPlan(fmu, type, request, fromS);
    const instance = initialize(fmu, cache, type, {
      startValues: begun,
      inputs: {},
      startTimeS: fromS,
      tolerance: request.tolerance ?? md.defaultExperiment.tolerance,
      stepSizeS: steps.usualS,
    });
    const { inputs } = request;
    // Sums of steps lie beside the times that they aim at: inputs count them as the same.
    const slackS = type === 'cs' ? slackOf(timesS.at(-1) ?? fromS, steps.usualS) : 0;
    const exact = inputs === undefined ? undefined : new InputSignals(md, instance, inputs, slackS);
    // Co-simulation holds an input over each step: take what it is in the step's middle.
    const held =
      inputs !== undefined && type === 'cs' && inputsMove(inputs)
        ? new InputSignals(md, instance, centredInputs(inputs, steps.usualS), slackS)
        : exact;
    try {
      exact?.apply(fromS, true, true);
      instance.exitInitializationMode();
      const stepper = stepperOn(fmu, cache, instance, fromS, steps.usualS, relativeTolerance, held);
      if (given !== undefined && stepper instanceof MeStepper) stepper.placeStates(given);
      const outputs = cache.reader(instance, request.outputs);
      const stateNames = states.map((v) => v.name);
      const at = request.keepStates === true ? cache.reader(instance, stateNames) : undefined;
      const values = new Float64Array(timesS.length * outputs.values.length);
      const kept = new Float64Array(at === undefined ? 0 : timesS.length * states.length);
      let read = 0;
      const readUpTo = (row: number) => {
        if (type === 'cs') exact?.apply(stepper.timeS, true, true);
        outputs.get();
        values.set(outputs.values, row * outputs.values.length);
        if (at !== undefined) {
          at.get();
          kept.set(at.values, row * states.length);
        }
        read = row + 1;
      };
      if (timesS.length > 0 && timesS[0]! <= fromS) readUpTo(0);
      while (read < timesS.length) {
        const target = timesS[read]!;
        const n = steps.between(stepper.timeS, target);
        const begin = stepper.timeS;
        for (let k = 1; k <= n; k++) {
          const end = steps.fixed
            ? begin + k * steps.usualS
            : k === n
              ? target
              : begin + ((target - begin) * k) / n;
          if (stepper.advanceTo(end)) continue;
          throw new TwinError(
            'NUMERIC',
            `${md.modelName} ended the simulation at ${stepper.timeS} s, before ${timesS.at(-1)} s.`,
          );
        }
        readUpTo(read);
      }
      return { values, ...(at !== undefined && { states: kept }) };
    } finally {
      exact?.release();
      if (held !== exact) held?.release();
    }
  });
}

function checkTimes(timesS: Float64Array, fromS: number): void {
  let last = fromS;
  timesS.forEach((t, row) => {
    if (!Number.isFinite(t) || t < last || (row > 0 && t === last)) {
      throw new TwinError(
        'VALUE_INVALID',
        `Time ${row} of the run is ${t} s, after ${last} s: expected times that rise.`,
      );
    }
    last = t;
  });
}

/** Communication steps between two times. */
interface StepPlan {
  usualS: number;
  /** Steps of one size only: a time between two is read at the nearest one. */
  fixed: boolean;
  between(fromS: number, toS: number): number;
}

function stepPlan(
  fmu: Fmu,
  type: 'cs' | 'me',
  { timesS, stepSizeS }: TrajectoryRequest,
  fromS: number,
): StepPlan {
  const periods = timesS.map((t, i) => t - (i === 0 ? fromS : timesS[i - 1]!)).filter((p) => p > 0);
  const periodS = periods.toSorted()[periods.length >> 1] ?? 1;
  const wantedS = stepSizeS ?? periodS;
  if (!(wantedS > 0)) {
    throw new TwinError('VALUE_INVALID', `stepSizeS = ${wantedS}: a positive number was expected.`);
  }
  if (type === 'me') return { usualS: periodS, fixed: false, between: () => 1 };
  const canVary =
    fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize === true;
  if (!canVary) {
    return {
      usualS: wantedS,
      fixed: true,
      between: (from, to) => Math.max(0, Math.round((to - from) / wantedS)),
    };
  }
  const count = (from: number, to: number) => Math.max(1, Math.ceil((to - from) / wantedS - 1e-9));
  return { usualS: periodS / count(0, periodS), fixed: false, between: count };
}

/**
 * The inputs of a run along samples.
 *
 * @param timesS of the samples, rising
 * @param columns values per sample; what is not known at one (`NaN`) runs through it as the interpolation says
 * @param interpolation of all columns, or of each
 */
export function inputsAlong(
  timesS: Float64Array,
  columns: readonly { name: string; values: Float64Array }[],
  interpolation: Interpolation | readonly Interpolation[],
): InputTable {
  const n = timesS.length;
  const held = columns.map((_, i) => isHeld(interpolation, i));
  const known = columns.map(({ name, values }, i) => ({
    name,
    values: withoutGaps(timesS, values, held[i]!),
  }));
  if (n < 2 || !held.includes(true)) {
    return { time: timesS, columns: known.map((c) => ({ ...c, width: 1 })) };
  }
  // Two rows per later sample: before the step, and after it.
  const rows = 2 * n - 1;
  const time = new Float64Array(rows);
  for (let r = 0; r < rows; r++) time[r] = timesS[(r + 1) >> 1]!;
  return {
    time,
    columns: known.map(({ name, values }, i) => ({
      name,
      values: Float64Array.from({ length: rows }, (_, r) => values[(held[i] ? r : r + 1) >> 1]!),
      width: 1,
    })),
  };
}

/** Values with those that are missing as the ones around them make them. */
function withoutGaps(timesS: Float64Array, values: Float64Array, held: boolean): Float64Array {
  if (!values.some(Number.isNaN)) return values;
  const known = [...values.keys()].filter((k) => !Number.isNaN(values[k]!));
  let next = 0;
  return values.map((value, k) => {
    while (next < known.length && known[next]! < k) next++;
    if (!Number.isNaN(value)) return value;
    const [before, after] = [known[next - 1], known[next]];
    if (before === undefined) return value;
    if (held || after === undefined) return values[before]!;
    const share = (timesS[k]! - timesS[before]!) / (timesS[after]! - timesS[before]!);
    return values[before]! + share * (values[after]! - values[before]!);
  });
}
