import { Writable } from 'node:stream';
import { loadCommands } from '../../cli/commands.js';
import { silentLogger } from '../../shared/core/index.js';

/**
 * Runs a command of the CLI in this process.
 *
 * @param options.withStderr tell what it printed on stderr as well
 * @returns its exit code, and what it printed on stdout
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
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const stderr = withStderr ? stdout : new Writable({ write: (_chunk, _encoding, done) => done() });
  const io = { stdout, stderr, logger: silentLogger, signal: new AbortController().signal, env };
  const code = await command.run(args, io);
  return { code, text };
}
