import { messageOf, TwinError } from '../../../core/index.js';
import { filterSettings } from '../../filter/settings.js';
import { type Forecast, forecast } from '../../forecast/forecast.js';
import type { CalibratorState, Twin, TwinModel } from '../../types.js';
import type { FitRecord } from '../record/record.js';

/** A forecast from where a fit ends, or why there is none. */
export type Ahead = Forecast | { unknown: string };

/** Whether there is something to look ahead for: where nothing wears, inputs alone decide what comes. */
export const looksAhead = (twin: Twin): boolean =>
  filterSettings(twin).constant.some((constant) => !constant);

/**
 * As far ahead as the record goes back: of a machine at rest under its last inputs, of a moving one the
 * parameters only, as nobody knows the inputs that its virtual sensors will follow.
 *
 * @param state after the fit
 */
export async function forecastAfterFit(
  twin: Twin,
  model: TwinModel,
  state: CalibratorState,
  { timesS, inputs }: FitRecord,
  signal?: AbortSignal,
): Promise<Ahead> {
  const open = twin.definition.inputs.flatMap((input, i) =>
    input.value === undefined ? [[input.variable, inputs[i]!.at(-1)!]] : [],
  );
  try {
    const found = await forecast({
      twin,
      model,
      state,
      horizonS: timesS.at(-1)! - timesS[0]!,
      inputs: Object.fromEntries(open),
      effort: 'quick',
      ...(signal === undefined ? {} : { signal }),
    });
    return twin.definition.simulation.mode === 'steady-state'
      ? found
      : { ...found, virtualSensors: {}, measured: {} };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TwinError)) throw error;
    return { unknown: messageOf(error) };
  }
}
