import { SingleBar } from 'cli-progress';
import { type CommandIo, TwinError } from '../shared/core/index.js';
import type { CommandOption } from './command.js';

/** The twin definition as an argument of a command. */
export const twinArgument = { name: '<twin>', description: 'the twin definition (twin.json)' };

/** Turns an option's text into a whole number. */
export function wholeNumber(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new TwinError(
        'USAGE',
        `${flag} is "${text}": expected a whole number from ${least} on.`,
      );
    }
    return value;
  };
}

/** Turns an option's text into a number above 0. */
export function positiveNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!(value > 0 && Number.isFinite(value))) {
      throw new TwinError('USAGE', `${flag} is "${text}": expected a number above 0.`);
    }
    return value;
  };
}

export const lanesOption: CommandOption = {
  flags: '--lanes <n>',
  description: 'processes that run the FMU; default: one per core',
  parse: wholeNumber('--lanes', 1),
};

/** Where a state is kept, for commands that need one. */
export const stateOption: CommandOption = {
  flags: '--state <store>',
  description: 'folder or s3://bucket/prefix that `calibrate` keeps the states in',
  required: true,
};

/** Whose state it is, where the twin stands for several assets. */
export const stateAssetOption: CommandOption = {
  flags: '--asset <alias>',
  description: 'alias of a stream of the asset that was calibrated, if not the definition’s own',
};

/** Given lanes as options of a model. */
export function lanesOf(args: Record<string, unknown>): { lanes?: number } {
  return args.lanes === undefined ? {} : { lanes: args.lanes as number };
}

export const strictOption: CommandOption = {
  flags: '--strict',
  description: 'exit code 1 also where the result is to be used with care',
};

export const inputOption: CommandOption = {
  flags: '--input <name=value...>',
  description: 'operating inputs to assume instead of the definition’s',
};

/** What `--input` gave, by variable. */
export function parseInputs(texts: unknown): Record<string, number> {
  const inputs: Record<string, number> = {};
  for (const text of Array.isArray(texts) ? (texts as string[]) : []) {
    const [name = '', value = ''] = text.split('=');
    if (name === '' || value.trim() === '' || !Number.isFinite(Number(value))) {
      throw new TwinError('USAGE', `--input is "${text}": expected NAME=NUMBER.`);
    }
    inputs[name] = Number(value);
  }
  return inputs;
}

/** A progress bar on a terminal's stderr; nothing elsewhere. */
export interface Progress {
  start(total: number): void;
  update(done: number): void;
  stop(): void;
}

/**
 * @param doing e.g. `Calibrating`
 * @param unit of what is counted, e.g. `samples`
 */
export function progressBar(io: CommandIo, doing: string, unit: string): Progress {
  if ((io.stderr as NodeJS.WriteStream).isTTY !== true) {
    return { start() {}, update() {}, stop() {} };
  }
  const bar = new SingleBar({
    format: `${doing} {bar} {percentage} % | {value}/{total} ${unit} | {eta_formatted} left`,
    stream: io.stderr,
  });
  return {
    start: (total) => bar.start(total, 0),
    update: (done) => bar.update(done),
    stop: () => bar.stop(),
  };
}
