import type { Logger } from './logger.js';

/** One option of a command, in commander's notation. */
export interface CommandOption {
  /** e.g. `--step-size <s>`, `--json`, `--start-values <name=value...>` */
  flags: string;
  description: string;
  default?: string | number | boolean;
  choices?: readonly string[];
  required?: boolean;
  /** Turns the text into a value; throws a TwinError `USAGE` that says what was expected. */
  parse?: (text: string) => unknown;
}

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

/** A command as data: each part of Twinloop offers its own, `cli.ts` puts them together. */
export interface Command {
  /** Noun and verb, e.g. `fmu info`, or one word. */
  name: string;
  summary: string;
  /** Positional arguments, e.g. `<file>`. */
  arguments?: readonly { name: string; description: string }[];
  options?: readonly CommandOption[];
  /** Shown under the help. */
  examples?: readonly string[];
  /**
   * @param args positional arguments by name and options in camelCase
   * @returns the exit code; nothing means 0
   * @throws TwinError; a user's error ends with exit code 2, any other with 1
   */
  run(args: Record<string, unknown>, io: CommandIo): Promise<number | undefined>;
}

/** Puts one line on a stream. */
export function printLine(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`);
}

/** Puts a result on stdout as JSON for machines; bigints become strings. */
export function printJson(stream: NodeJS.WritableStream, value: unknown): void {
  const text = JSON.stringify(value, (_key, v) => (typeof v === 'bigint' ? v.toString() : v), 2);
  stream.write(`${text}\n`);
}
