import { createInterface } from 'node:readline/promises';
import type { CommandIo } from '../shared/core/index.js';

/** Whether somebody sits there who can be asked. */
export const canAsk = (io: CommandIo, args: Record<string, unknown>) =>
  args.yes !== true &&
  args.json !== true &&
  process.stdin.isTTY === true &&
  (io.stderr as NodeJS.WriteStream).isTTY === true;

/** Asks, and takes the answer. */
export async function ask(question: string, io: CommandIo): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: io.stderr });
  try {
    return (await terminal.question(question, { signal: io.signal })).trim();
  } finally {
    terminal.close();
  }
}

/** Asks whether something is to be done; any answer but yes is no. */
export const agrees = async (question: string, io: CommandIo): Promise<boolean> =>
  /^y(es)?$/i.test(await ask(`${question} [y/N] `, io));
