import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describeStatus } from '../edge-component/status/describe.js';
import type { EdgeStatus } from '../edge-component/status/status.js';
import { runTest } from '../edge-component/test-run.js';
import { EDGE_EXAMPLE, edgeSchema, loadConfig, sampleConfig } from '../shared/config/index.js';
import {
  type CommandIo,
  compiledEntry,
  messageOf,
  printJson,
  printLine,
  TwinError,
} from '../shared/core/index.js';
import type { Command } from './command.js';
import { edgeBrowse } from './edge-browse.js';
import { positiveNumber } from './options.js';

const edgeRun: Command = {
  name: 'edge run',
  summary: 'Run the edge component on this machine, outside Greengrass',
  options: [
    { flags: '--config <file>', description: 'its config, JSON or YAML', required: true },
    { flags: '--test', description: 'read every source once, print the values, send nothing' },
    {
      flags: '--test-timeout <s>',
      description: 'with --test: how long to wait for every source',
      default: 15,
      parse: positiveNumber('--test-timeout'),
    },
  ],
  examples: ['twinloop edge run --config edge.yaml', 'twinloop edge run --config edge.yaml --test'],
  run: async (args, io) => {
    const config = resolve(String(args.config));
    if (args.test === true)
      return await runTest(config, Number(args.testTimeout), io, args.json === true);
    // Problems of the config are told by this process: with `--json` as JSON.
    await loadConfig(edgeSchema, config, 'edge config');
    const exitCode = await runMain(config, io, args.json === true);
    if (args.json === true) printJson(io.stdout, { config, exitCode });
    return exitCode;
  },
};

/** Runs the very entry point that the recipe names, as Greengrass would. */
function runMain(config: string, io: CommandIo, quiet: boolean): Promise<number> {
  const child = spawn(
    process.execPath,
    [compiledEntry('edge-component/main'), '--config', config],
    // With `--json` stdout is for the result alone: what the component says goes to stderr (2).
    { stdio: ['ignore', quiet ? 2 : 'inherit', 'inherit', 'ipc'], env: io.env },
  );
  const stop = () => child.kill('SIGTERM');
  io.signal.addEventListener('abort', stop, { once: true });
  // Whoever asks this process to read the config again means the component.
  const reload = () => child.kill('SIGHUP');
  process.on('SIGHUP', reload);
  return new Promise((done, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      io.signal.removeEventListener('abort', stop);
      process.removeListener('SIGHUP', reload);
      done(code ?? 1);
    });
  });
}

const edgeConfig: Command = {
  name: 'edge config',
  summary: "Print a commented sample of the edge component's config (YAML)",
  run: async (args, io) => {
    if (args.json === true) printJson(io.stdout, EDGE_EXAMPLE);
    else io.stdout.write(sampleConfig(edgeSchema, EDGE_EXAMPLE, 'Config of the edge component.'));
    return 0;
  },
};

const edgeStatus: Command = {
  name: 'edge status',
  summary: 'Show how a running edge component is doing',
  options: [
    { flags: '--data <dir>', description: 'its data folder', default: '.' },
    { flags: '--url <url>', description: 'its status server; default: the one noted in --data' },
  ],
  run: async (args, io) => {
    const url = args.url === undefined ? await notedUrl(String(args.data)) : String(args.url);
    const status = await fetchStatus(url);
    if (args.json === true) printJson(io.stdout, status);
    else for (const line of describeStatus(status, Date.now())) printLine(io.stdout, line);
    return status.healthy ? 0 : 1;
  },
};

async function notedUrl(dataDir: string): Promise<string> {
  const path = join(dataDir, 'status.json');
  let note: { url?: string; error?: string };
  try {
    note = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new TwinError(
      'NOT_FOUND',
      `No edge component has run in ${dataDir} (there is no readable ${path}): name its data folder with --data or its status server with --url.`,
      { cause },
    );
  }
  if (note.url !== undefined) return note.url;
  throw new TwinError('NOT_FOUND', `The edge component in ${dataDir} did not start: ${note.error}`);
}

async function fetchStatus(url: string): Promise<EdgeStatus> {
  try {
    const response = await fetch(new URL('/status', url), { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.json()) as EdgeStatus;
  } catch (cause) {
    throw new TwinError(
      'NETWORK',
      `The edge component does not answer at ${url}: ${messageOf(cause)}. Is it running?`,
      { cause },
    );
  }
}

/** The commands of the edge component. */
export const edgeCommands: readonly Command[] = [edgeRun, edgeConfig, edgeBrowse, edgeStatus];
