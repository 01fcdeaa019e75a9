import { TwinError } from '../shared/core/index.js';
import { readRecording } from '../shared/twin/data/recording.js';
import type { Sample, Twin } from '../shared/twin/types.js';

const RECORDING_FLAGS = ['from', 'to', 'stride', 'timeColumn', 'headerRow'] as const;

/** The samples of the recording that a batch command was given. */
export function samplesOf(twin: Twin, args: Record<string, unknown>): Promise<Sample[]> {
  const given = RECORDING_FLAGS.flatMap((name) =>
    args[name] === undefined ? [] : [[name, args[name]] as const],
  );
  return readRecording(twin, String(args.data), Object.fromEntries(given));
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
