import { type CommandIo, nsToSeconds, systemClock } from '../shared/core/index.js';
import { readTwinRecording, type TwinRecording } from '../shared/twin/data/recording.js';
import { heldInputsOf } from '../shared/twin/definition/assumed-inputs.js';
import type {
  GuessedColumn,
  GuessedInput,
  RecordingSummary,
} from '../shared/twin/report/recording-summary.js';
import { summarizeRecording } from '../shared/twin/report/recording-summary.js';
import type { Twin } from '../shared/twin/types.js';
import { printAccount, recordingOptionsOf } from './recording-options.js';

/** The recording that a batch command was given; what was read of it is told on stderr. */
export async function recordingOf(
  twin: Twin,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<TwinRecording> {
  const recording = await readTwinRecording(twin, String(args.data), recordingOptionsOf(args));
  printAccount(recording.table.account, io, args.accountTold === true);
  return recording;
}

/** Columns and inputs that `new` has guessed, for the verdict on what it makes of them. */
export const guessedOf = ({
  guessed,
  guessedInputs,
}: Record<string, unknown>): Pick<RecordingSummary, 'guessedColumns' | 'guessedInputs'> => ({
  ...(Array.isArray(guessed) && guessed.length > 0
    ? { guessedColumns: guessed as GuessedColumn[] }
    : {}),
  ...(Array.isArray(guessedInputs) && guessedInputs.length > 0
    ? { guessedInputs: guessedInputs as GuessedInput[] }
    : {}),
});

/** What was read of a recording, for the verdict on what is made of all of it. */
export const summaryOf = async (twin: Twin, recording: TwinRecording): Promise<RecordingSummary> =>
  summarizeRecording(
    twin,
    recording,
    undefined,
    nsToSeconds(systemClock.nowNs()),
    await heldInputsOf(twin),
  );
