import { type CommandIo, TwinError } from '../shared/core/index.js';
import { readTwinRecording, type TwinRecording } from '../shared/twin/data/recording.js';
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

/**
 * Refuses files with a wrong ending before anything is computed.
 *
 * @param endings by option, e.g. `{ output: '.json' }`
 */
export function checkEndings(
  args: Record<string, unknown>,
  endings: Readonly<Record<string, string>>,
): void {
  for (const [name, ending] of Object.entries(endings)) {
    const file = args[name];
    if (typeof file === 'string' && !file.endsWith(ending)) {
      throw new TwinError('USAGE', `--${name} is "${file}": expected a name ending in ${ending}.`);
    }
  }
}
