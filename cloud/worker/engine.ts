import type { Logger } from '../../shared/core/index.js';
import type {
  Calibrator,
  CalibratorState,
  Forecast,
  Refitter,
  Sample,
  Twin,
  TwinModel,
} from '../../shared/twin/index.js';

/** What the worker needs of the calibration: passed in, so that a test can bring another model. */
export interface CalibrationEngine {
  /** Opens the model of a twin; assets of one twin share it. */
  createModel(twin: Twin, options: { logger: Logger }): Promise<TwinModel>;
  createCalibrator(options: { twin: Twin; model: TwinModel }): Calibrator;
  /** What fits a moving machine's constants anew; undefined for twins whose parameters are filtered. */
  createRefitter?(
    calibrator: Calibrator,
    model: TwinModel,
    options: { logger: Logger; signal: AbortSignal },
  ): Promise<(Refitter & { close(): Promise<void> }) | undefined>;
  /**
   * Carries an estimate forward under the inputs of its last sample; left out, nothing is forecast.
   *
   * @throws TwinError as the model does
   */
  forecast?(options: {
    twin: Twin;
    model: TwinModel;
    state: CalibratorState;
    horizonS: number;
    points: number;
    signal: AbortSignal;
  }): Promise<Forecast>;
  encodeCheckpoint(state: CalibratorState): Uint8Array;
  /** @throws TwinError `STATE_MISMATCH`, `FILE_INVALID` */
  decodeCheckpoint(bytes: Uint8Array, twin: Twin): CalibratorState;
  /** The FMU's start values of these variables, of those that have one. */
  startValues(twin: Twin, variables: readonly string[]): Promise<Record<string, number>>;
  /** How many samples an initial state should see at most, to estimate sensor noise from. */
  readonly initialSamples: number;
}

/** The samples an initial state is estimated from. */
export function firstSamples(
  engine: CalibrationEngine,
  samples: readonly Sample[],
): readonly Sample[] {
  return samples.slice(0, engine.initialSamples);
}
