import { jsonText } from './json.js';
import type { Logger } from './logger.js';

/** What a command may touch besides its arguments. */
export interface CommandIo {
  /** Results go here. */
  stdout: NodeJS.WritableStream;
  /** Progress and remarks go here. */
  stderr: NodeJS.WritableStream;
  logger: Logger;
  /** Aborts on SIGINT and SIGTERM. */
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
}

/** Puts one line on a stream. */
export function printLine(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`);
}

/**
 * Puts a command's result on stdout: with `--json` as JSON and nothing else, else as lines for people.
 *
 * @param lines made only where they are printed
 */
export function printResult(
  io: Pick<CommandIo, 'stdout'>,
  args: { json?: unknown },
  value: unknown,
  lines: () => Iterable<string>,
): void {
  if (args.json === true) printJson(io.stdout, value);
  else for (const line of lines()) printLine(io.stdout, line);
}

/** Puts a result on stdout as JSON for machines. */
export function printJson(stream: NodeJS.WritableStream, value: unknown): void {
  stream.write(jsonText(value, 2));
}
