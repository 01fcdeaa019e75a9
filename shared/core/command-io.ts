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

/** Puts a result on stdout as JSON for machines. */
export function printJson(stream: NodeJS.WritableStream, value: unknown): void {
  stream.write(jsonText(value, 2));
}
