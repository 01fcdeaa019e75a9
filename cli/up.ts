import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { loadConfig, parseConfig, type StackConfig, stackSchema } from '../shared/config/index.js';
import {
  type CommandIo,
  packageFile,
  printJson,
  printLine,
  systemClock,
  TwinError,
  writeFileAtomic,
} from '../shared/core/index.js';
import { catchUp, drain } from '../simulators/stack/drain.js';
import { watchMemory } from '../simulators/stack/memory.js';
import { type Stack, type StackEntries, startStack } from '../simulators/stack/stack.js';
import { type StackSummary, shortfalls, summarise } from '../simulators/stack/summary.js';
import type { Command } from './command.js';
import { port, positiveNumber, wholeNumber } from './options.js';
import { readingOptions, recordingOptionsOf } from './recording-options.js';

const DEFAULT_TWIN = 'shared/twins/web-line/twin.json';

interface UpArgs {
  config?: string;
  twin?: string;
  for?: number;
  replay?: string;
  from?: string;
  asset?: string;
  timeScale?: number;
  data?: string;
  port?: number;
  outage?: Outage;
  seed?: number;
  json?: boolean;
}

/** When the broker is cut off, seconds from the start. */
interface Outage {
  startS: number;
  lengthS: number;
}

function parseOutage(text: string): Outage {
  const match = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(text);
  const [startS, lengthS] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || !(lengthS > 0)) {
    throw new TwinError(
      'USAGE',
      `--outage is "${text}": expected START:LENGTH in seconds, such as 40:60.`,
    );
  }
  return { startS, lengthS };
}

/** `twinloop up`: the whole loop on this machine. */
export function upCommand(entries: StackEntries): Command {
  return {
    name: 'up',
    summary: 'Run the whole loop on this machine: machine, edge, SiteWise, calibration, page',
    options: [
      {
        flags: '--for <s>',
        description: 'stop after so many seconds of wall time, with a summary',
        parse: positiveNumber('--for'),
      },
      {
        flags: '--replay <file>',
        description: 'feed a recording instead of the simulated machine',
      },
      ...readingOptions,
      {
        flags: '--from <cdk.out>',
        description:
          'run on what `cdk synth` wrote, deployed here: gateway and worker have their roles’ permissions',
      },
      {
        flags: '--asset <id>',
        description: 'with --from: whose machine runs (default: the first of the fleet)',
      },
      {
        flags: '--time-scale <x>',
        description: 'seconds of the machine per second of wall time (default: 3600)',
        parse: positiveNumber('--time-scale'),
      },
      {
        flags: '--data <dir>',
        writes: 'folder',
        description: 'folder of everything that is stored (default: .twinloop)',
      },
      {
        flags: '--port <n>',
        description: 'port of the page; 0 = any free (default: 8080)',
        parse: port('--port'),
      },
      {
        flags: '--outage <start:length>',
        description: 'cut the broker off after so many seconds, for so many seconds, e.g. 40:60',
        parse: parseOutage,
      },
      { flags: '--twin <file>', description: 'twin definition (default: the web line)' },
      {
        flags: '--seed <n>',
        description: "seed of the simulated machine's noise (default: 1)",
        parse: wholeNumber('--seed', 0, 2 ** 31 - 1),
      },
      { flags: '--config <file>', description: 'stack config; options given here go before it' },
    ],
    examples: [
      'twinloop up',
      'twinloop up --for 120 --json',
      'twinloop up --from cdk.out --for 120',
      'twinloop up --replay recording.csv --twin my-machine/twin.json --time-scale 3600',
    ],
    run: (args, io) => up(args as UpArgs, entries, io),
  };
}

/** Longest wait for the machine's last values after it was halted, seconds. */
const DRAIN_S = 60;

async function up(args: UpArgs, entries: StackEntries, io: CommandIo): Promise<number> {
  const { from, asset } = args;
  if (from !== undefined && args.twin !== undefined) {
    throw new TwinError('USAGE', 'The twin is the deployed fleet’s: leave --twin out with --from.');
  }
  if (from === undefined && asset !== undefined) {
    throw new TwinError('USAGE', '--asset chooses from a deployed fleet: name one with --from.');
  }
  const config = await resolveConfig(args);
  const unclaim = await claimData(config, from);
  const say = (text: string) => printLine(args.json === true ? io.stderr : io.stdout, text);
  say('Starting the loop …');
  const memory = watchMemory();
  const stack = await startStack({
    config,
    entries,
    logger: io.logger,
    ...(from === undefined ? {} : { deployed: { from, ...(asset && { asset }) } }),
  }).catch(async (error: unknown) => {
    await memory.close();
    await unclaim();
    throw error;
  });
  let summary: StackSummary | undefined;
  try {
    announce(stack, config, say);
    await runToTheEnd(stack, args, say, io.signal);
    // Who reads JSON is told how far it came, too.
    if (!io.signal.aborted || args.json === true) summary = await summarise(stack, memory.peakMb());
  } finally {
    await stack.close();
    await memory.close();
  }
  const interrupted = io.signal.aborted;
  if (interrupted) say('Stopped. The next start goes on from here.');
  if (args.json === true) {
    printJson(io.stdout, { ...summary, ...(interrupted ? { interrupted } : {}) });
  } else if (!interrupted && summary !== undefined) printSummary(summary, say);
  // What was under way when it was stopped comes with the next start.
  const missing = interrupted || summary === undefined ? [] : shortfalls(summary);
  for (const text of missing) printLine(io.stderr, text);
  return missing.length === 0 ? 0 : 1;
}

/** Lets the loop run as long as was asked for, and come to its end; a stop signal ends either at once. */
async function runToTheEnd(
  stack: Stack,
  args: UpArgs,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await runUntil(stack, args, say, signal);
    stack.gateway.faults.refuse = false;
    if (signal.aborted) return;
    say('Stopping the machine and waiting for its last values …');
    await drain(stack, DRAIN_S, signal);
    await catchUp(stack, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The config file with the options on top and paths made absolute. */
async function resolveConfig(args: UpArgs): Promise<StackConfig & { twin: string }> {
  const file =
    args.config === undefined
      ? parseConfig(stackSchema, {}, 'the defaults')
      : await loadConfig(stackSchema, args.config, 'stack config');
  const base = args.config === undefined ? process.cwd() : dirname(resolve(args.config));
  const replayCsv =
    args.replay === undefined
      ? file.replay && resolve(base, file.replay.csv)
      : resolve(args.replay);
  const twin =
    args.twin === undefined
      ? file.twin === undefined
        ? packageFile(DEFAULT_TWIN)
        : resolve(base, file.twin)
      : resolve(args.twin);
  const { replay, ...rest } = file;
  return {
    ...rest,
    twin,
    data:
      args.data === undefined
        ? dataFolder(file.data, base, replayCsv, args.from)
        : resolve(args.data),
    timeScale: args.timeScale ?? file.timeScale,
    seed: args.seed ?? file.seed,
    ports: { ...file.ports, monitor: args.port ?? file.ports.monitor },
    ...(replayCsv === undefined
      ? {}
      : {
          replay: {
            ...(replay ?? { columns: {} }),
            ...recordingOptionsOf({ ...args }),
            csv: replayCsv,
          },
        }),
  };
}

/**
 * Recordings and deployments get folders of their own, so that they do not mix with the simulated
 * machine.
 */
function dataFolder(
  data: string,
  base: string,
  replayCsv: string | undefined,
  from: string | undefined,
): string {
  const folder = resolve(base, data);
  if (replayCsv === undefined && from === undefined) return folder;
  const what = [replayCsv, from && resolve(from)].filter((path) => path !== undefined).join(' ');
  const name = createHash('sha256').update(what).digest('hex').slice(0, 8);
  return join(`${folder}-${from === undefined ? 'replay' : 'deployed'}`, name);
}

/**
 * A data folder belongs to one machine: another twin or recording would mix with its values.
 *
 * @returns gives the folder back, where it was claimed just now, after a start that failed: what was not
 *   there before is not there afterwards
 */
async function claimData(
  config: StackConfig & { twin: string },
  from: string | undefined,
): Promise<() => Promise<void>> {
  const path = join(config.data, 'machine.json');
  const twin = from === undefined ? config.twin : resolve(from);
  const machine = { twin, replay: config.replay?.csv ?? null };
  if (existsSync(path)) {
    const owner = JSON.parse(await readFile(path, 'utf8')) as typeof machine;
    if (owner.twin !== machine.twin || owner.replay !== machine.replay) {
      throw new TwinError(
        'STATE_MISMATCH',
        `The data folder ${config.data} belongs to ${owner.replay ?? owner.twin}, not to ${machine.replay ?? machine.twin}: name another folder with --data.`,
      );
    }
    return async () => {};
  }
  const made = missingFolders(config.data);
  await writeFileAtomic(path, `${JSON.stringify(machine, null, 2)}\n`);
  return async () => {
    await rm(path, { force: true });
    const [data, ...above] = made;
    if (data === undefined) return;
    // Nothing but this start has written into it.
    await rm(data, { recursive: true, force: true });
    for (const folder of above) if ((await readdir(folder)).length === 0) await rmdir(folder);
  };
}

/** A folder and those above it that are not there, the innermost first. */
function missingFolders(folder: string): string[] {
  return existsSync(folder) ? [] : [folder, ...missingFolders(dirname(folder))];
}

function announce(stack: Stack, config: StackConfig, say: (text: string) => void): void {
  const { endpoints, twin } = stack;
  const hours = config.timeScale / 3600;
  say('');
  say(`  The page        ${endpoints.monitor}`);
  say(`  Machine         ${twin.definition.name} over OPC UA, ${endpoints.opcua}`);
  say(`  Gateway         ${endpoints.mqtt}`);
  say(`  SiteWise        ${endpoints.sitewise}`);
  if (endpoints.twinmaker !== undefined) say(`  TwinMaker       ${endpoints.twinmaker}`);
  say(`  Data            ${config.data}`);
  say(`  Time            one second here is ${Number(hours.toPrecision(3))} h of the machine`);
  say('');
  say('Open the page. Ctrl-C stops everything; the next start goes on where this one ended.');
}

/** Waits for the time to be over, or for Ctrl-C, and tells of calibrations meanwhile. */
async function runUntil(
  stack: Stack,
  { for: seconds, outage }: UpArgs,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const startMs = Date.now();
  const endMs = seconds === undefined ? Number.POSITIVE_INFINITY : startMs + seconds * 1000;
  let told = 0;
  while (!signal.aborted && Date.now() < endMs) {
    await systemClock.sleep(Math.min(500, Math.max(1, endMs - Date.now())), signal);
    if (outage !== undefined) {
      const s = (Date.now() - startMs) / 1000 - outage.startS;
      const away = s >= 0 && s < outage.lengthS;
      if (away !== stack.gateway.faults.refuse) {
        stack.gateway.faults.refuse = away;
        say(away ? 'The broker is cut off.' : 'The broker is back.');
      }
    }
    const { calibrations } = stack;
    if (calibrations.calibrations > told) {
      told = calibrations.calibrations;
      const last = calibrations.recent().at(-1);
      say(
        `Calibration ${told}: ${last?.steps ?? 0} samples in ${((last?.durationMs ?? 0) / 1000).toFixed(1)} s`,
      );
    }
  }
}

function printSummary(summary: StackSummary, say: (text: string) => void): void {
  say('');
  say(
    `Published ${summary.published}, stored ${summary.stored}, lost ${summary.lost}, duplicated ${summary.duplicated}, unused ${summary.unused} values; ${summary.calibrations} calibrations of ${summary.steps} samples.`,
  );
  for (const [name, e] of Object.entries(summary.parameters)) {
    const truth = e.truth === undefined ? '' : `   truth ${e.truth.toPrecision(4)}`;
    say(
      `  ${name.padEnd(12)} ${e.mean.toPrecision(4)}   95 %: ${e.lower95.toPrecision(4)} … ${e.upper95.toPrecision(4)}${truth}`,
    );
  }
}
