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

/** The worker's container: what it works on is in its environment. */
const workerContainer = { entry: compiledEntry('cli'), args: ['worker', 'run', '--json'] };

/** The edge component as Greengrass is told of it, with the compiled code for its unpacked bundle. */
const edgeDeployment: EdgeDeployment = {
  recipe: packageFile('recipes/com.twinloop.Edge.yaml'),
  artifacts: { [`twinloop-edge-linux-${process.arch}`]: packageFile('dist') },
};

/** A command that calibrates, given what calibrates. */
async function withEngine(create: (engine: CalibrationEngine) => Command): Promise<Command> {
  return create((await import('../cloud/worker/calibration-engine.js')).calibrationEngine);
}

/** A noun of the command line: its commands are loaded when they are called. */
export interface Noun {
  noun: string;
  /** What help says of it; where the noun is a command itself, the command's own summary. */
  summary: string;
  load: () => Promise<readonly Command[]>;
}

/** Every noun, in the order of help. Nothing is loaded for help but this list. */
export const nouns: readonly Noun[] = [
  {
    noun: 'up',
    summary: 'Run the whole loop on this machine: machine, edge, SiteWise, calibration, page',
    load: async () => {
      const { upCommand } = await import('./up.js');
      const page = async ({ twin, status, outlook, reports, ...options }: PageOptions) => {
        const { startPage, verdictsIn } = await import('../cloud/page/index.js');
        const { openStore } = await import('../shared/store/index.js');
        const { createSiteWiseWriter } = await import('../shared/sitewise/index.js');
        // Whoever runs the loop may acknowledge what it alarms of.
        const writer = createSiteWiseWriter({ client: options.siteWise });
        const verdicts = verdictsIn(openStore(reports.store), reports.fleet, reports.asset);
        return startPage({
          ...options,
          writer,
          assets: [{ id: twin.name, twin, status, outlook, verdicts }],
        });
      };
      const entries = { edge: edgeDeployment, worker: workerJob, container: workerContainer };
      return [upCommand({ ...entries, page })];
    },
  },
  {
    noun: 'page',
    summary:
      'Serve the operator’s page for a deployed or local fleet; reads only, but for acknowledgements',
    load: async () => [(await import('./page.js')).pageCommand],
  },
  {
    noun: 'sitewise',
    summary: 'The stand-in for IoT SiteWise alone',
    load: async () => (await import('./sitewise.js')).siteWiseCommands,
  },
  {
    noun: 'new',
    summary: 'Make a first twin definition from an FMU and a recording, and try it',
    load: async () => [(await import('./new.js')).newCommand],
  },
  {
    noun: 'calibrate',
    summary: 'Calibrate a twin against a recording, or against what SiteWise has of an asset',
    load: async () => [(await import('./calibrate.js')).calibrateCommand],
  },
  {
    noun: 'fit',
    summary: 'Fit a twin’s constants, its start and its noise to a recording, and test the fit',
    load: async () => [(await import('./fit.js')).fitCommand],
  },
  {
    noun: 'backtest',
    summary: 'Test a twin’s predictions and bands on a recording of your own',
    load: async () => [(await import('./backtest.js')).backtestCommand],
  },
  {
    noun: 'twin',
    summary: 'Validate a twin definition',
    load: async () => [(await import('./twin.js')).twinCheckCommand],
  },
  {
    noun: 'sensors',
    summary: 'Rank existing and candidate sensors by what they tell about the parameters',
    load: async () => [(await import('./sensors.js')).sensorsCommand],
  },
  {
    noun: 'forecast',
    summary: 'Carry the calibrated parameters forward: when will a limit be passed?',
    load: async () => [(await import('./forecast.js')).forecastCommand],
  },
  {
    noun: 'plan',
    summary: 'Choose inputs and maintenance that reach the goal of `decisions` within its risk',
    load: async () => [(await import('./plan.js')).planCommand],
  },
  {
    noun: 'state',
    summary: 'The saved states of a twin: go back to one, or go on with a changed twin',
    load: async () => (await import('./state.js')).stateCommands,
  },
  {
    noun: 'store',
    summary: 'Back up states, reports and models, and bring them back',
    load: async () => (await import('./store.js')).storeCommands,
  },
  {
    noun: 'worker',
    summary: 'What a Batch job runs',
    load: async () => [await withEngine((await import('./worker.js')).createWorkerCommand)],
  },
  {
    noun: 'dashboard',
    summary: 'A Grafana dashboard of a twin: as JSON to import, or with alert rules as files',
    load: async () => [(await import('./dashboard.js')).dashboardCommand],
  },
  {
    noun: 'scene',
    summary: 'A TwinMaker scene of a twin and its glTF model, as files',
    load: async () => [(await import('./scene.js')).sceneCommand],
  },
  {
    noun: 'deploy',
    summary: 'Rehearse a deployment on this machine, from the templates',
    load: async () => {
      const { deployCommands } = await import('./deploy.js');
      return deployCommands(workerContainer);
    },
  },
  {
    noun: 'cost',
    summary: 'What a deployment costs a month, by service, and what a larger fleet would',
    load: async () => [(await import('./cost.js')).costCommand],
  },
  {
    noun: 'feed',
    summary: 'Feed a recording into SiteWise: backdated, in full batches, resumable',
    load: async () => [(await import('./feed.js')).feedCommand],
  },
  {
    noun: 'doctor',
    summary: 'Check a deployed or local system end to end; changes nothing',
    load: async () => [await withEngine((await import('./doctor.js')).createDoctorCommand)],
  },
  {
    noun: 'fmu',
    summary: 'Look at, check and run an FMU',
    load: async () => (await import('./fmu.js')).fmiCommands,
  },
  {
    noun: 'edge',
    summary: 'The edge component outside Greengrass',
    load: async () => (await import('./edge.js')).edgeCommands,
  },
  {
    noun: 'config',
    summary: 'Schemas and samples of every file that you write, and their validation',
    load: async () => (await import('./config.js')).configCommands,
  },
];

/** Every command, loaded. */
export async function loadCommands(): Promise<readonly Command[]> {
  return (await Promise.all(nouns.map(({ load }) => load()))).flat();
}
