import { defaultInterface, inputsAlong, settableStates } from '../../fmi/index.js';
import type { Sample, StateEvaluation, TransientModel, Twin } from '../types.js';
import { offersMemory } from './model-memory.js';
import { namedParameters, solverTolerance, type TwinFmu } from './twin-fmu.js';

/** How many samples are looked at for modes that are lost between them. */
const LOOKED_AT = 200;
/** Share of its size that an output without known noise may differ by, modes aside. */
const SAME_OUTPUT = 1e-3;

/** Compares runs from sample to sample with one along all of them; undefined where they are the same. */
export async function lostModes({
  twin,
  opened,
  outputs,
  propagate,
  point,
  samples,
  signal,
}: {
  twin: Twin;
  opened: TwinFmu;
  outputs: readonly string[];
  propagate: TransientModel['propagate'];
  point: Float64Array;
  samples: readonly Sample[];
  signal: AbortSignal | undefined;
}): Promise<{ share: number; text: string } | undefined> {
  const { fmu, runs, interpolations } = opened;
  const md = fmu.modelDescription;
  const { inputs, measured, simulation } = twin.definition;
  const rising: Sample[] = [];
  for (const sample of samples) {
    const later = rising.length === 0 || sample.timeS > rising.at(-1)!.timeS;
    if (later && sample.inputs.every(Number.isFinite)) rising.push(sample);
    if (rising.length === LOOKED_AT) break;
  }
  if (rising.length < 3) return undefined;
  const origin = md.defaultExperiment.startTime ?? 0;
  const timesS = Float64Array.from(rising, (s) => origin + s.timeS - rising[0]!.timeS);
  const columns = inputs.map(({ variable }, i) => ({
    name: variable,
    values: Float64Array.from(rising, (s) => s.inputs[i]!),
  }));
  const whole = await runs.trajectory({
    interface: simulation.interface,
    startValues: namedParameters(twin, point),
    inputs: inputsAlong(timesS, columns, interpolations),
    outputs,
    timesS,
    stepSizeS: simulation.stepSizeS,
    relativeTolerance: solverTolerance(twin),
    ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
    keepStates: true,
    ...(signal === undefined ? {} : { signal }),
  });
  const ns = settableStates(md, simulation.interface).length;
  const no = outputs.length;
  const pieces = await Promise.all(
    rising.slice(1).map(async (sample, i) => {
      const [end] = await propagate(
        [{ parameters: point, states: whole.states!.slice(i * ns, (i + 1) * ns) }],
        {
          fromS: timesS[i]!,
          toS: timesS[i + 1]!,
          inputs: rising[i]!.inputs,
          inputsTo: sample.inputs,
        },
        signal,
      );
      return end;
    }),
  );
  const differs = (end: StateEvaluation | undefined, row: number) =>
    end !== undefined &&
    !(end instanceof Error) &&
    end.outputs.some((value, o) => {
      const expected = whole.values[row * no + o]!;
      const noise = measured[o]?.noiseStd ?? 0;
      return Math.abs(value - expected) > Math.max(noise, SAME_OUTPUT * Math.abs(expected));
    });
  const lost = pieces.filter((end, i) => differs(end, i + 1)).length;
  if (lost === 0) return undefined;
  const why = !offersMemory(md, simulation.interface ?? defaultInterface(fmu))
    ? 'it offers no state access (canGetAndSetFMUstate, canSerializeFMUstate)'
    : 'it does not take parameters or states in a kept state';
  return {
    share: lost / pieces.length,
    text: `${md.modelName} remembers modes beside its continuous states, and ${why}: in ${lost} of ${pieces.length} runs from sample to sample they were lost. Use \`twinloop fit\`, which runs it from the record's start`,
  };
}
