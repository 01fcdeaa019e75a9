import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateAssetCommand, CreateAssetModelCommand } from '@aws-sdk/client-iotsitewise';
import { writeFleetFolder } from '../../cloud/deploy/fleet-folder.js';
import type { RunReport } from '../../cloud/index.js';
import { fleetSchema, withAliasPrefix } from '../../shared/config/index.js';
import {
  compiledEntry,
  createRng,
  packageFile,
  type StreamTqv,
  secondsToNs,
  systemClock,
} from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseWriter } from '../../shared/sitewise/index.js';
import { createFolderStore, type ObjectStore } from '../../shared/store/index.js';
import { createTwinModel, loadTwin } from '../../shared/twin/index.js';
import { type SiteWise, startSiteWise } from '../../simulators/sitewise/index.js';

/** A fleet of web lines with readings in a stand-in for SiteWise, and its store in a folder. */
export interface TestFleet {
  siteWise: SiteWise;
  store: ObjectStore;
  assets: readonly string[];
  /** Adds the next readings: as many samples of each asset. */
  produce(samples: number): Promise<void>;
  /** Starts a worker process, as Batch does. */
  start(index: number, env?: NodeJS.ProcessEnv, args?: readonly string[]): WorkerProcess;
  close(): Promise<void>;
}

/** A worker that runs as a process of its own. */
export interface WorkerProcess {
  child: ChildProcess;
  /** What it ended with. */
  ended: Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    stdout: string;
    stderr: string;
  }>;
}

/** What a fleet is made of. */
export interface TestFleetOptions {
  assets: number;
  /** Samples of each asset at the start. */
  samples: number;
  /** Samples that `produce` is to add; they end at `endS`. */
  later?: number;
  /** Time of the newest sample, epoch seconds; default: now. */
  endS?: number;
  /** Seconds between samples; default 60. */
  intervalS?: number;
  calibration?: Record<string, unknown>;
  /** Readings of a model's inputs that differ from the twin definition's, by asset. */
  inputs?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The worker's program; default: the compiled one. */
  program?: string;
  /** Root file system in which the worker runs, as scripts/image.mjs assembles it. */
  root?: string | undefined;
}

const TWIN = 'shared/twins/web-line/twin.json';

/**
 * Starts a stand-in, fills it with readings of web lines whose bearings wear, and puts the fleet
 * into a store. The same options give the same readings.
 */
export async function startTestFleet(options: TestFleetOptions): Promise<TestFleet> {
  const intervalS = options.intervalS ?? 60;
  const endS = options.endS ?? Math.floor(Date.now() / 1000);
  const directory = await mkdtemp(join(tmpdir(), 'twinloop-test-fleet-'));
  const twin = await loadTwin(packageFile(TWIN));
  const ids = Array.from({ length: options.assets }, (_, i) => `line-${i + 1}`);
  const fleet = fleetSchema.parse({
    name: 'lines',
    twins: { 'web-line': './twin.json' },
    assets: ids.map((id) => ({ id, twin: 'web-line', aliasPrefix: `/${id}` })),
    calibration: { settleS: 0, ...options.calibration },
  });
  // An input follows its stream only where the definition gives it no value.
  const followed = new Set(Object.values(options.inputs ?? {}).flatMap(Object.keys));
  const definition = {
    ...twin.definition,
    inputs: twin.definition.inputs.map(({ value, ...input }) =>
      followed.has(input.variable) || value === undefined ? input : { ...input, value },
    ),
  };
  const files = writeFleetFolder({
    fleet,
    twins: new Map([['web-line', definition]]),
    fmus: new Map([['web-line', twin.fmuPath]]),
  });
  await cp(files, join(directory, 'fleet'), { recursive: true });
  // The image's user is not the one that runs the tests.
  if (options.root !== undefined) {
    await chmod(directory, 0o777);
    await chmod(join(directory, 'fleet'), 0o755);
  }
  await rm(files, { recursive: true });
  const siteWise = await startSiteWise({ activationMs: 0 });
  const client = createSiteWiseClient({ ...siteWise });

  const { assetModelId } = await client.send(
    new CreateAssetModelCommand({ assetModelName: 'Web line' }),
  );
  const create = (id: string) =>
    client.send(new CreateAssetCommand({ assetName: id, assetExternalId: id, assetModelId }));
  for (const id of ids) await create(id);
  const rng = createRng(7);
  const writer = createSiteWiseWriter({ client, clock: systemClock });
  const planned = options.samples + (options.later ?? 0);
  let made = 0;
  const produce = async (samples: number) => {
    const model = await createTwinModel(twin);
    const values: StreamTqv[] = [];
    try {
      const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? Number.NaN);
      for (let k = 0; k < samples; k++, made++) {
        const wear = Float64Array.from(twin.definition.parameters, (p) =>
          p.variable === 'b9' ? 2e-4 + 5e-5 * made : 2e-4,
        );
        const [outputs] = await model.evaluate([wear], inputs);
        if (outputs === undefined || outputs instanceof Error) throw outputs ?? new Error('no run');
        const timeNs = secondsToNs(endS - (planned - 1 - made) * intervalS);
        for (const id of ids) {
          const own = withAliasPrefix(twin.definition, `/${id}`);
          own.inputs.forEach(({ alias, variable }, i) => {
            const value = options.inputs?.[id]?.[variable] ?? (inputs[i] as number);
            values.push({ alias: alias as string, timeNs, quality: 'GOOD', value });
          });
          own.measured.forEach(({ alias, noiseStd }, i) => {
            const value = (outputs[i] as number) + (noiseStd ?? 0) * rng.normal();
            values.push({ alias, timeNs, quality: 'GOOD', value });
          });
        }
      }
    } finally {
      await model.close();
    }
    const written = await writer.write(values);
    if (written.accepted !== values.length) throw new Error('The stand-in refused readings.');
  };
  await produce(options.samples);

  const running = new Set<ChildProcess>();
  return {
    siteWise,
    store: createFolderStore(directory),
    assets: ids,
    produce,
    start(index, env = {}, args = []) {
      const [command, ...first] =
        options.root === undefined
          ? [process.execPath, options.program ?? compiledEntry('cloud/worker/main')]
          : [packageFile('scripts/run-in-root.sh'), options.root];
      const child = spawn(command as string, [...first, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env.PATH,
          AWS_BATCH_JOB_ARRAY_INDEX: String(index),
          AWS_ACCESS_KEY_ID: siteWise.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: siteWise.credentials.secretAccessKey,
          AWS_REGION: siteWise.region,
          TWINLOOP_SITEWISE_ENDPOINT: siteWise.endpoint,
          TWINLOOP_STORE: directory,
          TWINLOOP_VOLUMES: directory,
          ...env,
        },
      });
      running.add(child);
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const ended = new Promise<Awaited<WorkerProcess['ended']>>((resolve) => {
        child.once('close', (code, signal) => {
          running.delete(child);
          resolve({ code, signal, stdout, stderr });
        });
      });
      return { child, ended };
    },
    async close() {
      for (const child of running) child.kill('SIGKILL');
      client.destroy();
      await siteWise.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Builds the folder that the worker's image runs. @returns the program in it */
export async function buildWorkerImage(folder: string): Promise<string> {
  await promisify(execFile)(process.execPath, [
    packageFile('scripts/build-worker.mjs'),
    '--output',
    folder,
  ]);
  return join(folder, 'cloud/worker/main.js');
}

/** The reports of the runs so far, oldest first. */
export async function reportsOf({ store }: TestFleet): Promise<RunReport[]> {
  const reports: RunReport[] = [];
  for (const key of await store.list('reports/')) {
    const found = await store.get(key);
    reports.push(JSON.parse(new TextDecoder().decode(found?.body)) as RunReport);
  }
  return reports;
}
