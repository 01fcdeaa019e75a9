import { type CommandIo, TwinError } from '../shared/core/index.js';
import { readTwinRecording, type TwinRecording } from '../shared/twin/data/recording.js';
import { readAsset } from '../shared/twin/data/sitewise-source.js';
import { withCarriedInputs } from '../shared/twin/readings/carried-inputs.js';
import { withoutRepeatedRows } from '../shared/twin/readings/repeated-rows.js';
import { withoutWild } from '../shared/twin/readings/wild-values.js';
import type {
  CalibratorState,
  IntegrationError,
  Sample,
  Twin,
  TwinModel,
} from '../shared/twin/types.js';
import { guessedOf } from './batch-options.js';
import { printAccount, recordingOptionsOf } from './recording-options.js';

/** Samples, and the recording that they came from; of streams none. */
export interface CalibrationData {
  samples: readonly Sample[];
  recording?: TwinRecording;
  /** Columns that `new` has guessed. */
  guessed: ReturnType<typeof guessedOf>;
}

/**
 * Reads the recording that options name, or what a stream of SiteWise has since the state.
 *
 * @throws TwinError `USAGE` where a recording's times can't be joined to a state's
 */
export async function readData(
  twin: Twin,
  state: CalibratorState | undefined,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<CalibrationData> {
  if (typeof args.data !== 'string') {
    const samples = await readAsset(twin, String(args.asset), state, args, io);
    return { samples, guessed: {} };
  }
  const recording = await readTwinRecording(twin, args.data, recordingOptionsOf(args));
  printAccount(recording.table.account, io, args.accountTold === true);
  if (recording.table.originS !== 0 && args.state !== undefined) {
    throw new TwinError(
      'USAGE',
      `${args.data}: its rows are so near each other that its times count from its first row: no state can go on from it to another recording. Leave out --state.`,
    );
  }
  return { samples: recording.samples, recording, guessed: guessedOf(args) };
}

/**
 * The samples of it that a calibration takes: without what no sensor reads and rows that a recorder repeats, inputs
 * carried on where they are blank, as a fit takes them. The recording's account names what is set aside.
 */
export const samplesToTake = ({ definition }: Twin, { samples }: CalibrationData) =>
  withCarriedInputs(definition, withoutRepeatedRows(definition, withoutWild(definition, samples)));

/** Measured in the model's own processes; what can't be measured is said. */
export async function errorOfIntegration(
  model: TwinModel,
  samples: readonly Sample[],
  io: CommandIo,
): Promise<IntegrationError> {
  const error = (await model.integrationError?.(samples, io.signal)) ?? {
    std: {},
    tolerance: Number.NaN,
    unknown: 'the model is not integrated',
  };
  if (error.unknown !== undefined) {
    io.logger.warn('Integration error unknown, not in the bands', { reason: error.unknown });
  }
  return error;
}
