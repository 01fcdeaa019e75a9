import { Command, CommanderError } from 'commander';
import { numbersIn, toNumber, wholeNumber } from '../../../cli/options.js';
import { TwinError } from '../../../shared/core/index.js';
import type { AnyStudy, Given } from './study.js';

/** One option of a study. */
export interface StudyOption<T> {
  describe: string;
  default: T;
  /** What its value is called; without one it is a switch. */
  value?: string;
  parse?(flag: string, text: string): T;
}
// biome-ignore lint/suspicious/noExplicitAny: options of all types stand beside each other.
export type Options = Readonly<Record<string, StudyOption<any>>>;

/** A whole number from the least one on. */
export const count = (describe: string, otherwise: number, from = 1): StudyOption<number> => ({
  describe,
  default: otherwise,
  value: 'N',
  parse: (flag, text) => wholeNumber(flag, from)(text),
});

/** A number between 0 and 1. */
export const share = (describe: string, otherwise: number): StudyOption<number> => ({
  describe,
  default: otherwise,
  value: 'SHARE',
  parse: (flag, text) => toNumber(flag, text, { above: 0, to: 1 }),
});

/** Positive numbers with commas between them. */
export const numberList = (
  describe: string,
  otherwise: readonly number[],
  whole = false,
): StudyOption<readonly number[]> => ({
  describe,
  default: otherwise,
  value: 'LIST',
  parse: (flag, text) => numbersIn(flag, { above: 0, whole })(text),
});

/** Words with commas between them. */
export const words = (
  describe: string,
  otherwise: readonly string[] = [],
): StudyOption<readonly string[]> => ({
  describe,
  default: otherwise,
  value: 'WORDS',
  parse: (_, text) => text.split(',').filter(Boolean),
});

export const text = (describe: string, value: string, otherwise: string): StudyOption<string> => ({
  describe,
  default: otherwise,
  value,
  parse: (_, given) => given,
});

/** A switch. With `otherwise` true it is switched off by `--no-NAME`. */
export const toggle = (describe: string, otherwise = false): StudyOption<boolean> => ({
  describe,
  default: otherwise,
});

/** Those whose names contain one of the words; all, where none does. */
export function chosen<T>(
  of: readonly T[],
  only: readonly string[],
  nameOf: (one: T) => string,
): readonly T[] {
  const some = of.filter((one) => only.some((word) => nameOf(one).includes(word)));
  return some.length > 0 ? some : of;
}

/** Refuses words that no name contains. @throws TwinError `USAGE` */
export function checkWords(only: readonly string[], names: readonly string[]): void {
  const unused = only.filter((word) => !names.some((name) => name.includes(word)));
  if (unused.length === 0) return;
  throw new TwinError(
    'USAGE',
    `--only ${unused.join(',')} is in no name: expected words of ${names.join(', ')}.`,
  );
}

/** What a program of these tests is called with. */
export interface Program<O extends Options = Options> {
  /** As in `npm run NAME`. */
  name: string;
  /** What it does or measures, in a sentence or two. */
  measures: string;
  /** How long it takes, where that is worth a word. */
  takes?: string;
  options: O;
  /** What stands beside the options: how help names it, what it is, and what it may be. */
  words?: { name: string; describe: string; of?: readonly string[] };
}

/** A program's command line. */
export function commandFor({ name, measures, takes, options, words }: Program): Command {
  const command = new Command(`npm run ${name} --`)
    .description(takes === undefined ? measures : `${measures}\n\nTakes ${takes}.`)
    .helpOption('--help', 'tells this')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: () => {} });
  if (words !== undefined) command.argument(words.name, words.describe);
  for (const [name, option] of Object.entries(options)) {
    const { describe, value, parse } = option;
    const flag = `--${name}`;
    if (value === undefined) {
      command.option(option.default === true ? `--no-${name}` : flag, describe);
      continue;
    }
    const shown =
      typeof option.default === 'object'
        ? `${JSON.stringify(option.default)}`.replace(/[[\]"{}]/g, '')
        : (option.default ?? '');
    const otherwise = shown === '' ? '' : ` (default: ${shown})`;
    command.option(`${flag} <${value}>`, describe + otherwise, (given) => parse!(flag, given));
  }
  return command;
}

/** @returns whether there is something to do: help was printed otherwise. @throws TwinError `USAGE` */
function parsed(command: Command, args: readonly string[]): boolean {
  try {
    command.parse(args, { from: 'user' });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return false;
    throw new TwinError('USAGE', `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}.`);
  }
}

const defaultsOf = (options: Options) =>
  Object.fromEntries(Object.entries(options).map(([k, o]) => [k, o.default]));

/**
 * Reads a program's arguments.
 *
 * @returns undefined when it was asked for help, which is printed
 * @throws TwinError `USAGE`
 */
export function readProgram<O extends Options>(
  program: Program<O>,
  args: readonly string[],
): { given: Given<O>; words: readonly string[] } | undefined {
  const command = commandFor(program);
  if (!parsed(command, args)) return undefined;
  const { of } = program.words ?? {};
  const unknown = command.args.filter((word) => of !== undefined && !of.includes(word));
  if (unknown.length > 0) {
    throw new TwinError('USAGE', `${unknown.join(', ')}: expected some of ${of!.join(', ')}.`);
  }
  const given = { ...defaultsOf(program.options), ...command.opts() } as Given<O>;
  return { given, words: command.args };
}

/** Whole numbers among a program's words, each with what it is where it is left out. @throws TwinError `USAGE` */
export function wholeNumbers<K extends string>(
  words: readonly string[],
  defaults: Readonly<Record<K, number>>,
): Record<K, number> {
  const names = Object.keys(defaults) as K[];
  if (words.length > names.length) {
    const more = words.slice(names.length).join(' ');
    throw new TwinError('USAGE', `${more} is too much: expected ${names.join(', ')}.`);
  }
  const given = names.map((name, i) => [
    name,
    words[i] === undefined ? defaults[name] : wholeNumber(name, 0)(words[i]),
  ]);
  return Object.fromEntries(given) as Record<K, number>;
}

/** Runs what ends with 2, and a sentence, where it was called wrongly. */
export async function runCalled(run: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await run()) ?? process.exitCode ?? 0;
  } catch (error) {
    if (!(error instanceof TwinError && error.code === 'USAGE')) throw error;
    console.error(`${error.message} --help tells the options.`);
    process.exitCode = 2;
  }
}

/** What all studies offer. */
export interface Common {
  /** File of results. */
  results: string | undefined;
  /** Pieces of work at a time. */
  jobs: number;
}

/** A study's command line. */
export const commandOf = (study: AnyStudy): Command =>
  commandFor(study)
    .option(
      '--results <FILE>',
      'a line of JSON for each piece of work; those that it holds already are not run again',
    )
    .option('--jobs <N>', 'pieces of work at a time (default: 1)', wholeNumber('--jobs', 1));

/**
 * Reads a study's arguments.
 *
 * @returns undefined when it was asked for help, which is printed
 * @throws TwinError `USAGE`
 */
export function readArguments(
  study: AnyStudy,
  args: readonly string[],
): { given: Record<string, unknown>; common: Common } | undefined {
  const command = commandOf(study);
  if (!parsed(command, args)) return undefined;
  const { results, jobs = 1, ...rest } = command.opts();
  return { given: { ...defaultsOf(study.options), ...rest }, common: { results, jobs } };
}
