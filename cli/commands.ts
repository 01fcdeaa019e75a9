import type { CalibrationEngine } from '../cloud/worker/engine.js';
import { compiledEntry, packageFile } from '../shared/core/index.js';
import type {
  EdgeDeployment,
  JobDefinition,
  PageOptions,
  WorkerPlace,
} from '../simulators/index.js';
import type { Command } from './command.js';

/** The worker as Batch would start the container: by this very program. */
function workerJob(where: WorkerPlace): JobDefinition {
  return {
    entry: compiledEntry('cli'),
    args: [
      ...['worker', 'run', '--json', '--fleet', where.fleetPath, '--store', where.stateDir],
      ...['--endpoint', where.endpoint, '--time-map', where.timeMapPath],
    ],
    env: {
      AWS_REGION: where.region,
      AWS_ACCESS_KEY_ID: where.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: where.credentials.secretAccessKey,
      NODE_EXTRA_CA_CERTS: where.caFile,
    },
  };
}

/** The edge component as Greengrass is told of it, with the compiled code for its unpacked bundle. */
const edgeDeployment: EdgeDeployment = {
  recipe: packageFile('recipes/com.twinloop.Edge.yaml'),
  artifacts: { [`twinloop-edge-linux-${process.arch}`]: packageFile('dist') },
};

/** A command that calibrates, given what calibrates. */
async function withEngine(create: (engine: CalibrationEngine) => Command): Promise<Command> {
  return create((await import('../cloud/worker/calibration-engine.js')).calibrationEngine);
}

/**
 * The parts of Twinloop and the nouns that their commands begin with. A part is loaded when it is
 * called: a worker need not wait for the page, nor a gateway for the simulators.
 */
const parts: readonly { nouns: readonly string[]; load: () => Promise<readonly Command[]> }[] = [
  {
    nouns: ['up'],
    load: async () => {
      const { upCommand } = await import('./up.js');
      const page = async ({ twin, status, ...options }: PageOptions) => {
        const { startPage } = await import('../cloud/page/index.js');
        return startPage({ ...options, assets: [{ id: twin.name, twin, status }] });
      };
      return [upCommand({ edge: edgeDeployment, worker: workerJob, page })];
    },
  },
  { nouns: ['page'], load: async () => [(await import('./page.js')).pageCommand] },
  { nouns: ['sitewise'], load: async () => (await import('./sitewise.js')).siteWiseCommands },
  { nouns: ['new'], load: async () => [(await import('./new.js')).newCommand] },
  { nouns: ['calibrate'], load: async () => [(await import('./calibrate.js')).calibrateCommand] },
  { nouns: ['fit'], load: async () => [(await import('./fit.js')).fitCommand] },
  { nouns: ['backtest'], load: async () => [(await import('./backtest.js')).backtestCommand] },
  { nouns: ['twin'], load: async () => [(await import('./twin.js')).twinCheckCommand] },
  { nouns: ['sensors'], load: async () => [(await import('./sensors.js')).sensorsCommand] },
  { nouns: ['forecast'], load: async () => [(await import('./forecast.js')).forecastCommand] },
  { nouns: ['state'], load: async () => (await import('./state.js')).stateCommands },
  {
    nouns: ['worker'],
    load: async () => [await withEngine((await import('./worker.js')).createWorkerCommand)],
  },
  { nouns: ['dashboard'], load: async () => [(await import('./dashboard.js')).dashboardCommand] },
  { nouns: ['scene'], load: async () => [(await import('./scene.js')).sceneCommand] },
  { nouns: ['cost'], load: async () => [(await import('./cost.js')).costCommand] },
  { nouns: ['feed'], load: async () => [(await import('./feed.js')).feedCommand] },
  {
    nouns: ['doctor'],
    load: async () => [await withEngine((await import('./doctor.js')).createDoctorCommand)],
  },
  { nouns: ['fmu'], load: async () => (await import('./fmu.js')).fmiCommands },
  { nouns: ['edge'], load: async () => (await import('./edge.js')).edgeCommands },
  { nouns: ['config'], load: async () => (await import('./config.js')).configCommands },
];

/** The commands of the part that is called; all of them where help is asked for. */
export async function loadCommands(argv: readonly string[]): Promise<readonly Command[]> {
  const called = parts.filter((part) => argv.some((word) => part.nouns.includes(word)));
  const loaded = await Promise.all((called.length === 0 ? parts : called).map((p) => p.load()));
  return loaded.flat();
}

/** What help says of the nouns that are no command themselves. */
export const groups: Readonly<Record<string, string>> = {
  sitewise: 'The stand-in for IoT SiteWise alone',
  twin: 'Validate a twin definition',
  state: 'The saved states of a twin, and how to go back to one',
  worker: 'What a Batch job runs',
  fmu: 'Look at, check and run an FMU',
  edge: 'The edge component outside Greengrass',
  config: 'Schemas and samples of every file that you write, and their validation',
};
