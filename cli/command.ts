import type { CommandIo } from '../shared/core/index.js';

/** One option of a command, in commander's notation. */
export interface CommandOption {
  /** e.g. `--step-size <s>`, `--json`, `--start-values <name=value...>` */
  flags: string;
  description: string;
  default?: string | number | boolean;
  choices?: readonly string[];
  required?: boolean;
  /** The value is a path that the command writes: whether it can is checked before it runs. */
  writes?: 'file' | 'folder';
  /** What the name of that file may end in, e.g. `.svg`: another promises what the file does not hold. */
  endings?: readonly string[];
  /** Turns the text into a value; throws a TwinError `USAGE` that says what was expected. */
  parse?: (text: string) => unknown;
}

/** A command as data: each file offers those of its noun, `commands.ts` lists them. */
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
