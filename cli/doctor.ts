import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { connectSiteWise, connectStore } from '../cloud/connections.js';
import type { Check } from '../cloud/operations/doctor/check.js';
import type { Freshness } from '../cloud/operations/doctor/check-asset.js';
import { diagnose } from '../cloud/operations/doctor/diagnose.js';
import { readLocalSystem } from '../cloud/operations/doctor/local-system.js';
import { type CalibrationEngine, openFleet } from '../cloud/worker/index.js';
import { deploymentSchema, loadConfig } from '../shared/config/index.js';
import {
  type CommandIo,
  printJson,
  printLine,
  systemClock,
  TwinError,
} from '../shared/core/index.js';
import { createSiteWiseClient } from '../shared/sitewise/index.js';
import type { Command } from './command.js';
import { fleetOptions, positiveNumber } from './options.js';

/** How old readings and results may be where nothing else is said. */
const DEFAULT_FRESHNESS: Freshness = { dataS: 3_600, resultsS: 3_600 };
/** The local stack reads each second and calibrates each ten. */
const LOCAL_FRESHNESS: Freshness = { dataS: 60, resultsS: 120 };
/** Runs that may be missed before results count as old. */
const RUNS_MISSED = 3;

interface DoctorArgs {
  data?: string;
  config?: string;
  fleet?: string;
  twin?: string;
  asset?: string[];
  store?: string;
  endpoint?: string;
  region?: string;
  edgeStatus?: string;
  fresh?: number;
  calibrated?: number;
  problems?: boolean;
  json?: boolean;
}

/** What `twinloop doctor --json` prints. */
export interface Diagnosis {
  /** Whether nothing has failed; warnings don't count. */
  healthy: boolean;
  counts: Record<Check['status'], number>;
  checks: Check[];
}

const MARKS: Record<Check['status'], string> = { ok: '✔', warning: '!', failed: '✖' };

function printDiagnosis({ checks, counts }: Diagnosis, onlyProblems: boolean, io: CommandIo) {
  for (const { area, subject, status, found, remedy } of checks) {
    if (onlyProblems && status === 'ok') continue;
    printLine(io.stdout, `${MARKS[status]} ${area.padEnd(11)}${subject}: ${found}`);
    if (remedy !== undefined) printLine(io.stdout, `    → ${remedy}`);
  }
  printLine(io.stdout, `${counts.ok} well, ${counts.warning} to look at, ${counts.failed} failed`);
}

async function freshnessOf(args: DoctorArgs): Promise<Freshness> {
  let freshness = args.data === undefined ? DEFAULT_FRESHNESS : LOCAL_FRESHNESS;
  if (args.config !== undefined) {
    const config = await loadConfig(deploymentSchema, args.config, 'deployment');
    const dataS = config.alarms.staleDataMinutes * 60;
    freshness = { dataS, resultsS: dataS + RUNS_MISSED * config.schedule.everyMinutes * 60 };
  }
  return {
    dataS: args.fresh ?? freshness.dataS,
    resultsS: args.calibrated ?? freshness.resultsS,
  };
}

/** The data folder of `twinloop up` in the folder that a command is called in. */
const LOCAL_FOLDER = '.twinloop';

/** Arguments that name no system, completed by the stack that has run here, where one has. */
export function withLocalSystem<
  A extends Pick<DoctorArgs, 'data' | 'store' | 'fleet' | 'twin' | 'endpoint' | 'region'>,
>(args: A, { env, stderr }: Pick<CommandIo, 'env' | 'stderr'>): A {
  const named = [args.data, args.store, args.fleet, args.twin, args.endpoint, args.region];
  const byEnv = [env.TWINLOOP_STORE, env.TWINLOOP_SITEWISE_ENDPOINT];
  if (named.some((v) => v !== undefined) || byEnv.some((v) => v !== undefined && v !== '')) {
    return args;
  }
  if (!existsSync(join(LOCAL_FOLDER, 'system.json'))) return args;
  printLine(stderr, `No system is named: taking the local stack of ${LOCAL_FOLDER}.`);
  return { ...args, data: LOCAL_FOLDER };
}

/** The far ends that options name: a local stack's by its data folder, or each by itself. */
export async function connectSystem(
  args: Pick<
    DoctorArgs,
    'data' | 'store' | 'fleet' | 'twin' | 'endpoint' | 'region' | 'edgeStatus'
  >,
  io: Pick<CommandIo, 'env'>,
) {
  if (args.data === undefined) {
    const location = args.store ?? io.env.TWINLOOP_STORE;
    return {
      store:
        location === undefined || location === ''
          ? undefined
          : connectStore(location, args, io.env),
      client: connectSiteWise(args, io.env),
      fleet: args.fleet,
      edgeUrl: args.edgeStatus,
    };
  }
  const named = (['fleet', 'twin', 'store', 'endpoint', 'region'] as const).filter(
    (name) => args[name] !== undefined,
  );
  if (named.length > 0) {
    throw new TwinError(
      'USAGE',
      `--data tells where everything of a local stack is: leave out ${named.map((n) => `--${n}`).join(', ')}.`,
    );
  }
  const local = await readLocalSystem(args.data);
  const { endpoint, region, ca, credentials } = local;
  return {
    store: connectStore(local.store, {}, io.env),
    client: createSiteWiseClient({ endpoint, region, ca, credentials }),
    fleet: local.fleet,
    edgeUrl: args.edgeStatus ?? local.edgeUrl,
  };
}

/** `twinloop doctor`: is everything well, from the sensor to the result? */
export function createDoctorCommand(engine: CalibrationEngine): Command {
  return {
    name: 'doctor',
    summary: 'Check a deployed or local system end to end; changes nothing',
    options: [
      {
        flags: '--data <dir>',
        description: `a local stack: the data folder of \`twinloop up\`; default: ${LOCAL_FOLDER}, where nothing else is named`,
      },
      ...fleetOptions,
      { flags: '--edge-status <url>', description: 'status server of an edge component' },
      {
        flags: '--config <file>',
        description: 'deployment file: how old data and results may be follows from it',
      },
      {
        flags: '--fresh <s>',
        description: `how old readings may be (default: ${DEFAULT_FRESHNESS.dataS}, with --data ${LOCAL_FRESHNESS.dataS})`,
        parse: positiveNumber('--fresh'),
      },
      {
        flags: '--calibrated <s>',
        description: `how old results may be (default: ${DEFAULT_FRESHNESS.resultsS}, with --data ${LOCAL_FRESHNESS.resultsS})`,
        parse: positiveNumber('--calibrated'),
      },
      { flags: '--problems', description: 'print only what is not well' },
    ],
    examples: [
      'twinloop doctor --data .twinloop',
      'twinloop doctor --store s3://my-bucket --config deployment.json',
      'twinloop doctor --twin twin.json --asset line1 --store ./state --endpoint http://127.0.0.1:8444',
    ],
    async run(received, io) {
      const args = withLocalSystem(received as DoctorArgs, io);
      const freshness = await freshnessOf(args);
      const { store, client, fleet, edgeUrl } = await connectSystem(args, io);
      try {
        const source = await openFleet({ ...args, fleet }, store);
        try {
          const checks = await diagnose(
            {
              source,
              client,
              store,
              engine,
              edgeUrl,
              only: args.twin === undefined ? args.asset : undefined,
              freshness,
              clock: systemClock,
              logger: io.logger,
            },
            io.signal,
          );
          const counts = { ok: 0, warning: 0, failed: 0 };
          for (const { status } of checks) counts[status]++;
          const diagnosis: Diagnosis = { healthy: counts.failed === 0, counts, checks };
          if (args.json === true) printJson(io.stdout, diagnosis);
          else printDiagnosis(diagnosis, args.problems === true, io);
          return diagnosis.healthy ? 0 : 1;
        } finally {
          await source.close();
        }
      } finally {
        client.destroy();
      }
    },
  };
}
