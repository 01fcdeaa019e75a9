import { Option, Command as Program } from 'commander';
import {
  checkWritable,
  LOG_LEVELS,
  type LogLevel,
  lazyLogger,
  messageOf,
  onStopSignal,
  packageVersion,
  TwinError,
} from '../shared/core/index.js';
import type { Command, CommandOption } from './command.js';
import type { Noun } from './commands.js';
import { oneOf } from './options.js';
import { reportError, wantsJson } from './report-error.js';

/** Options of the program itself that take a value. */
const PROGRAM_OPTIONS = ['--log-level', '--log-format'];

/** The noun that is called: the first word that is no option; after `help`, the one it is about. */
export function calledNoun(words: readonly string[]): string | undefined {
  const rest = words.filter(
    (word, i) => !word.startsWith('-') && !PROGRAM_OPTIONS.includes(words[i - 1] ?? ''),
  );
  return rest[0] === 'help' ? rest[1] : rest[0];
}

function toOption({ flags, description, ...given }: CommandOption): Option {
  const option = new Option(flags, description);
  if (given.default !== undefined) option.default(given.default);
  if (given.choices !== undefined) {
    option.choices([...given.choices]).argParser(oneOf(option.long ?? flags, given.choices));
  }
  if (given.required === true) option.makeOptionMandatory();
  if (given.parse !== undefined) option.argParser(given.parse);
  return option;
}

/** Refuses a path that an option can't write to, before anything is computed for it. */
async function checkOutput(
  { flags, writes, endings }: CommandOption,
  args: Record<string, unknown>,
): Promise<void> {
  const option = new Option(flags);
  const path = args[option.attributeName()];
  if (typeof path !== 'string' || writes === undefined) return;
  if (endings !== undefined && !endings.some((ending) => path.endsWith(ending))) {
    throw new TwinError(
      'USAGE',
      `${option.long} is "${path}": expected a name ending in ${endings.join(' or ')}.`,
    );
  }
  await checkWritable(path, writes);
}

/** Adds a command that is loaded, below the nouns that its name begins with. */
function addCommand(program: Program, command: Command, signal: AbortSignal): void {
  const words = command.name.split(' ');
  const verb = words.pop() ?? command.name;
  const parent = words.reduce(
    (above, noun) => above.commands.find((c) => c.name() === noun) ?? above.command(noun),
    program,
  );
  const sub = parent.command(verb).description(command.summary);
  for (const argument of command.arguments ?? []) sub.argument(argument.name, argument.description);
  for (const option of command.options ?? []) sub.addOption(toOption(option));
  sub.option('--json', 'results as JSON on stdout');
  if (command.examples !== undefined && command.examples.length > 0) {
    sub.addHelpText('after', `\nExamples:\n${command.examples.map((e) => `  ${e}`).join('\n')}`);
  }
  sub.action(async (...received: unknown[]) => {
    const args: Record<string, unknown> = { ...sub.opts() };
    sub.registeredArguments.forEach((argument, i) => {
      args[argument.name()] = received[i];
    });
    for (const option of command.options ?? []) await checkOutput(option, args);
    const { logLevel: level, logFormat: format } = program.opts<{
      logLevel: LogLevel;
      logFormat: 'json' | 'text';
    }>();
    const logger = lazyLogger(level, async () =>
      (await import('../shared/core/winston.js')).createLogger({ level, format }),
    );
    if (program.opts().trust === true) {
      (await import('../shared/fmi/lanes/sandbox.js')).trustFmus();
    }
    const { stdout, stderr, env } = process;
    process.exitCode = (await command.run(args, { stdout, stderr, logger, signal, env })) ?? 0;
  });
}

/** A command line: its name, what help says of it, and its nouns. */
export interface CommandLine {
  name: string;
  summary: string;
  nouns: readonly Noun[];
}

async function buildProgram(
  { name, summary: about, nouns }: CommandLine,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<Program> {
  const program = new Program(name)
    .description(about)
    .version(packageVersion())
    .addOption(
      toOption({
        flags: '--log-level <level>',
        description: 'least severe level to log',
        choices: LOG_LEVELS,
        default: 'warn',
      }),
    )
    .addOption(
      toOption({
        flags: '--log-format <format>',
        description: 'how log lines look',
        choices: ['text', 'json'],
        default: 'text',
      }),
    )
    .option('--trust', 'run FMUs without a sandbox: with your files, variables and network')
    .exitOverride()
    // Errors are told in one place, by reportError.
    .configureOutput({ outputError: () => undefined });
  const called = calledNoun(argv.slice(2));
  for (const { noun, summary, load } of nouns) {
    if (noun !== called) program.command(noun).description(summary);
    else {
      const commands = await load();
      if (commands.some((c) => c.name !== noun)) program.command(noun).description(summary);
      for (const command of commands) addCommand(program, command, signal);
    }
  }
  return program;
}

/**
 * The AWS SDK reminds of the end of Node 20 at every start of every process; which Node versions
 * Twinloop supports is said in package.json.
 */
function silenceSdk(): void {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
}

/** What can't be printed is told, unless the reader has seen enough, as `head` does. */
function watchStdout(argv: readonly string[]): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`twinloop: Could not write to stdout: ${messageOf(error)}\n`);
    process.exit(2);
  });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => process.exit(reportError(error, argv)));
  }
}

/** Runs the command that arguments name; the exit code is the process's. */
export async function runProgram(argv: readonly string[], line: CommandLine): Promise<void> {
  silenceSdk();
  watchStdout(argv);
  const stop = new AbortController();
  onStopSignal((name) => stop.abort(new TwinError('CANCELLED', `Stopped by ${name}.`)));
  let program: Program | undefined;
  try {
    program = await buildProgram(line, argv, stop.signal);
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = reportError(needsVerb(error, argv) ?? withHelp(error, program, argv), argv);
  }
}

/** A wrong call as commander tells it, with where the right one is told. */
function withHelp(error: unknown, program: Program | undefined, argv: readonly string[]): unknown {
  const { code, exitCode, message } = error as {
    code?: string;
    exitCode?: number;
    message: string;
  };
  if (program === undefined || !code?.startsWith('commander.') || exitCode === 0) return error;
  const path = [program.name()];
  let at = program;
  for (const word of argv.slice(2).filter((w) => !w.startsWith('-'))) {
    const below = at.commands.find((c) => c.name() === word);
    if (below === undefined) break;
    path.push(word);
    at = below;
  }
  const told = message.replace(/^error: /, '').replace('\n', ' ');
  return new TwinError(
    'USAGE',
    `${told}${/[.?)]$/.test(told) ? '' : '.'} See \`${path.join(' ')} --help\`.`,
    { cause: error },
  );
}

/** Commander answers a noun without its verb by help, on stderr; machines are told, too. */
function needsVerb(error: unknown, argv: readonly string[]): TwinError | undefined {
  const { code, exitCode } = error as { code?: string; exitCode?: number };
  if (code !== 'commander.help' || exitCode === 0) return undefined;
  const noun = calledNoun(argv.slice(2));
  const what = noun === undefined ? 'No command' : `No verb after \`${noun}\``;
  const help = `twinloop ${noun === undefined ? '' : `${noun} `}--help`;
  return new TwinError(
    'USAGE',
    `${what}: ${wantsJson(argv) ? `\`${help}\` lists them` : 'see above'}.`,
  );
}
