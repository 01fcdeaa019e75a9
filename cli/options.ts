import { TwinError, unknownNames } from '../shared/core/index.js';
import type { CommandOption } from './command.js';

/** What a number may be. */
export interface NumberRange {
  whole?: boolean;
  /** Smallest value. */
  from?: number;
  /** Largest value. */
  to?: number;
  /** The value is larger than this. */
  above?: number;
}

/** `a whole number from 0 to 65535`, `a number above 0`. */
function describeRange({ whole, from, to, above }: NumberRange): string {
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(to === undefined ? [] : [`to ${to}`]),
  ];
  const open = from !== undefined && to === undefined ? ' on' : '';
  return [whole === true ? 'a whole number' : 'a number', ...limits].join(' ') + open;
}

/**
 * A number from a text, decimal.
 *
 * @param name of the option or argument, for the message
 * @throws TwinError `USAGE`
 */
export function toNumber(name: string, text: string, range: NumberRange = {}): number {
  const value = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(text)
    ? Number(text)
    : Number.NaN;
  const { whole, from = -Infinity, to = Infinity, above = -Infinity } = range;
  const fits = Number.isFinite(value) && value >= from && value <= to && value > above;
  if (!fits || (whole === true && !Number.isInteger(value))) {
    throw new TwinError('USAGE', `${name} is "${text}": expected ${describeRange(range)}.`);
  }
  return value;
}

/** Turns an option's text into a number. @throws TwinError `USAGE` when the text is used */
export function numberIn(flag: string, range: NumberRange = {}): (text: string) => number {
  return (text) => toNumber(flag, text, range);
}

/** A whole number from the least one on. */
export const wholeNumber = (flag: string, from: number, to?: number) =>
  numberIn(flag, { whole: true, from, ...(to === undefined ? {} : { to }) });

/** A number above 0. */
export const positiveNumber = (flag: string) => numberIn(flag, { above: 0 });

/** Several numbers with commas between them. */
export const numbersIn =
  (flag: string, range: NumberRange) =>
  (text: string): number[] =>
    text.split(',').map((part) => toNumber(`${flag}, a list with commas,`, part, range));

/** A port to listen on; 0 takes any that is free. */
export const port = (flag: string) => wholeNumber(flag, 0, 65_535);

/** One of several words. */
export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    throw new TwinError(
      'USAGE',
      `${name} is ${unknownNames([text], words)}: expected one of ${words.join(', ')}.`,
    );
  };
}

/** An instant, ns since 1970. */
export function instantNs(flag: string): (text: string) => bigint {
  return (text) => {
    const ms = Date.parse(text);
    if (!Number.isFinite(ms)) {
      throw new TwinError(
        'USAGE',
        `${flag} is "${text}": expected a time such as 2025-01-31T12:00:00Z.`,
      );
    }
    return BigInt(ms) * 1_000_000n;
  };
}

/** The twin definition as an argument of a command. */
export const twinArgument = { name: '<twin>', description: 'the twin definition (twin.json)' };

export const lanesOption: CommandOption = {
  flags: '--lanes <n>',
  description: 'processes that run the FMU; default: one per core',
  parse: wholeNumber('--lanes', 1),
};

/** Given lanes as options of a model. */
export function lanesOf(args: Record<string, unknown>): { lanes?: number } {
  return args.lanes === undefined ? {} : { lanes: args.lanes as number };
}

export const resultOption: CommandOption = {
  flags: '--output <file>',
  writes: 'file',
  endings: ['.json'],
  description: 'the whole result, .json',
};

export const pageOption: CommandOption = {
  flags: '--report <file>',
  writes: 'file',
  endings: ['.html'],
  description: 'a page to read, .html',
};

export const strictOption: CommandOption = {
  flags: '--strict',
  description: 'exit code 1 also where the result is to be used with care',
};

/** Where a state is kept, for commands that need one. */
export const stateOption: CommandOption = {
  flags: '--state <store>',
  description:
    'folder or s3://bucket/prefix that `calibrate` or a worker keeps states in; of a local stack, its data folder',
  required: true,
};

/** Whose state it is, where the twin stands for several assets. */
export const stateAssetOption: CommandOption = {
  flags: '--asset <alias>',
  description:
    'alias of a stream of the asset that was calibrated, or its id in a fleet; default: the definition’s own',
};

export const inputOption: CommandOption = {
  flags: '--input <name=value...>',
  description: 'operating inputs to assume instead of the definition’s',
};

/** What `--input` gave, by variable. */
export function parseInputs(texts: unknown): Record<string, number> {
  const inputs: Record<string, number> = {};
  for (const text of Array.isArray(texts) ? (texts as string[]) : []) {
    const at = text.lastIndexOf('=');
    const name = text.slice(0, Math.max(0, at));
    const value = Number(text.slice(at + 1));
    if (name === '' || text.slice(at + 1).trim() === '' || !Number.isFinite(value)) {
      throw new TwinError('USAGE', `--input is "${text}": expected NAME=NUMBER.`);
    }
    inputs[name] = value;
  }
  return inputs;
}

/** Options that say where the far ends are. */
export const endpointOptions: readonly CommandOption[] = [
  {
    flags: '--endpoint <url>',
    description: 'SiteWise endpoint of one’s own; default: TWINLOOP_SITEWISE_ENDPOINT, or AWS',
  },
  { flags: '--region <region>', description: 'AWS region; default: AWS_REGION' },
];

/** Options that say which fleet, and where its states and reports are. */
export const fleetOptions: readonly CommandOption[] = [
  { flags: '--fleet <file>', description: 'fleet file; default: fleet/fleet.json in the store' },
  { flags: '--twin <file>', description: 'a twin definition: a fleet of this one asset' },
  { flags: '--asset <id...>', description: 'only these assets; with --twin the external id' },
  {
    flags: '--store <dir|s3://…>',
    description: 'where states and reports are kept; default: TWINLOOP_STORE',
  },
  ...endpointOptions,
];
