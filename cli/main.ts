#!/usr/bin/env node
import { Option, Command as Program } from 'commander';
import {
  createLogger,
  isUserError,
  LOG_LEVELS,
  type LogLevel,
  messageOf,
  packageVersion,
  printJson,
  TwinError,
} from '../shared/core/index.js';
import type { Command } from './command.js';
import { groups, loadCommands } from './commands.js';

function addCommand(program: Program, command: Command, signal: AbortSignal): void {
  const words = command.name.split(' ');
  const verb = words.pop() ?? command.name;
  let parent = program;
  for (const noun of words) {
    parent =
      parent.commands.find((c) => c.name() === noun) ??
      parent.command(noun).description(groups[noun] ?? '');
  }
  const sub = parent.command(verb).description(command.summary);
  for (const argument of command.arguments ?? []) sub.argument(argument.name, argument.description);
  for (const option of command.options ?? []) {
    const o = new Option(option.flags, option.description);
    if (option.default !== undefined) o.default(option.default);
    if (option.choices !== undefined) o.choices([...option.choices]);
    if (option.required === true) o.makeOptionMandatory();
    if (option.parse !== undefined) o.argParser(option.parse);
    sub.addOption(o);
  }
  sub.option('--json', 'results as JSON on stdout');
  if (command.examples !== undefined && command.examples.length > 0) {
    sub.addHelpText('after', `\nExamples:\n${command.examples.map((e) => `  ${e}`).join('\n')}`);
  }
  sub.action(async (...received: unknown[]) => {
    const args: Record<string, unknown> = { ...sub.opts() };
    sub.registeredArguments.forEach((argument, i) => {
      args[argument.name()] = received[i];
    });
    const { logLevel, logFormat } = program.opts<{
      logLevel: LogLevel;
      logFormat: 'json' | 'text';
    }>();
    process.exitCode =
      (await command.run(args, {
        stdout: process.stdout,
        stderr: process.stderr,
        logger: createLogger({ level: logLevel, format: logFormat }),
        signal,
        env: process.env,
      })) ?? 0;
  });
}

/**
 * The AWS SDK reminds of the end of Node 20 at every start of every process; which Node versions
 * Twinloop supports is said in package.json.
 */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

async function main(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  // A reader that has seen enough, as `head` does, ends the program quietly.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => stop.abort(new TwinError('CANCELLED', `Stopped by ${name}.`)));
  }
  const program = new Program('twinloop')
    .description('Keeps physics models of machines true to the machines.')
    .version(packageVersion())
    .addOption(
      new Option('--log-level <level>', 'least severe level to log')
        .choices([...LOG_LEVELS])
        .default('warn'),
    )
    .addOption(
      new Option('--log-format <format>', 'how log lines look')
        .choices(['text', 'json'])
        .default('text'),
    )
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => {
      // Help and version end well; anything else commander reports is wrong usage.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
  for (const command of await loadCommands(argv.slice(2)))
    addCommand(program, command, stop.signal);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    const json = argv.includes('--json');
    const code = error instanceof TwinError ? error.code : 'INTERNAL';
    if (json) printJson(process.stdout, { error: { code, message: messageOf(error) } });
    process.stderr.write(`twinloop: ${messageOf(error)}\n`);
    if (code === 'INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = isUserError(error) ? 2 : 1;
  }
}

await main(process.argv);
