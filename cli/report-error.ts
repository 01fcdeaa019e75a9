import { CommanderError } from 'commander';
import {
  isUserError,
  messageOf,
  printJson,
  TwinError,
  unwritableError,
} from '../shared/core/index.js';

/** What went wrong, as it is told: on stderr for people, with `--json` on stdout for machines. */
interface Fault {
  code: string;
  message: string;
  exitCode: number;
  /** Only of faults that nobody foresaw. */
  stack?: string | undefined;
}

function faultOf(error: unknown): Fault {
  if (error instanceof CommanderError) {
    return { code: 'USAGE', message: error.message, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  const told =
    error instanceof TwinError && error.code !== 'STORAGE'
      ? error
      : (unwritableError(error) ?? error);
  if (told instanceof TwinError) {
    const { code, message } = told;
    const stack = code === 'INTERNAL' ? told.stack : undefined;
    return { code, message, exitCode: isUserError(told) ? 2 : 1, stack };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  return { code: 'INTERNAL', message: messageOf(error), exitCode: 1, stack };
}

/**
 * Tells of the error that a command ended with.
 *
 * @param argv all arguments: an error before they are parsed is told as they ask, too
 * @returns the exit code
 */
export function reportError(error: unknown, argv: readonly string[]): number {
  const { code, message, exitCode, stack } = faultOf(error);
  if (exitCode === 0) return 0;
  if (wantsJson(argv)) printJson(process.stdout, { error: { code, message } });
  process.stderr.write(`twinloop: ${message}\n`);
  if (stack !== undefined) process.stderr.write(`${stack}\n`);
  return exitCode;
}

/** Whether results are to be JSON; what follows `--` is no option. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}
