import { Writable } from 'node:stream';
import { loadCommands } from '../../cli/commands.js';
import { silentLogger } from '../../shared/core/index.js';

/**
 * Runs a command of the CLI in this process.
 *
 * @param options.withStderr tell what it printed on stderr as a part of `text`, too
 * @returns its exit code, what it printed on stdout (`text`), and on stderr (`told`)
 * @throws as the command does
 */
export async function runCommand(
  name: string,
  args: Record<string, unknown>,
  env: NodeJS.ProcessEnv = {},
  { withStderr = false }: { withStderr?: boolean } = {},
) {
  const command = (await loadCommands()).find((c) => c.name === name)!;
  let text = '';
  let told = '';
  const into = (take: (chunk: string) => void) =>
    new Writable({
      write(chunk, _encoding, done) {
        take(String(chunk));
        done();
      },
    });
  const stdout = into((chunk) => {
    text += chunk;
  });
  const stderr = into((chunk) => {
    told += chunk;
    if (withStderr) text += chunk;
  });
  const io = { stdout, stderr, logger: silentLogger, signal: new AbortController().signal, env };
  const code = await command.run(args, io);
  return { code, text, told };
}
