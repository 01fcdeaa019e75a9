import { Command, CommanderError } from 'commander';
import { numbersIn, toNumber, wholeNumber } from '../../../cli/options.js';
import { TwinError } from '../../../shared/core/index.js';
import type { AnyStudy } from './study.js';

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

/** What all studies offer. */
export interface Common {
  /** File of results. */
  results: string | undefined;
  /** Pieces of work at a time. */
  jobs: number;
}

/** A study's command line. */
export function commandOf(study: AnyStudy): Command {
  const command = new Command(`npm run ${study.name} --`)
    .description(`${study.measures}\n\nTakes ${study.takes}.`)
    .helpOption('--help', 'tells this')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: () => {} });
  for (const [name, option] of Object.entries(study.options as Options)) {
    const { describe, value, parse } = option;
    const flag = `--${name}`;
    if (value === undefined) {
      command.option(option.default === true ? `--no-${name}` : flag, describe);
      continue;
    }
    const shown =
      typeof option.default === 'object'
        ? `${JSON.stringify(option.default)}`.replace(/[[\]"{}]/g, '')
        : option.default;
    const otherwise = shown === '' ? '' : ` (default: ${shown})`;
    command.option(`${flag} <${value}>`, describe + otherwise, (given) => parse!(flag, given));
  }
  return command
    .option(
      '--results <FILE>',
      'a line of JSON for each piece of work; those that it holds already are not run again',
    )
    .option('--jobs <N>', 'pieces of work at a time (default: 1)', wholeNumber('--jobs', 1));
}

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
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return undefined;
    throw new TwinError('USAGE', `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}.`);
  }
  const { results, jobs = 1, ...rest } = command.opts();
  const defaults = Object.entries(study.options as Options).map(([k, o]) => [k, o.default]);
  return { given: { ...Object.fromEntries(defaults), ...rest }, common: { results, jobs } };
}
