import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeAssetCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
} from '@aws-sdk/client-iotsitewise';
import {
  GetEntityCommand,
  GetPropertyValueHistoryCommand,
  GetSceneCommand,
  GetWorkspaceCommand,
  ListEntitiesCommand,
  UpdateEntityCommand,
} from '@aws-sdk/client-iottwinmaker';
import { App } from 'aws-cdk-lib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildApp, loadDeployment } from '../../cloud/deploy/build-app.js';
import { compiledEntry, packageFile, systemClock } from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseWriter } from '../../shared/sitewise/index.js';
import { createFolderStore, openStore } from '../../shared/store/index.js';
import { deployLocally } from '../../simulators/cloudformation/index.js';
import { createTwinMakerClient } from '../../simulators/twinmaker/index.js';
import { outputOf } from '../support/child-output.js';
import { readings, withRehearsal } from '../support/rehearsal.js';

const WORKER = { entry: compiledEntry('cli'), args: ['worker', 'run', '--json'] };
const BUCKET = 'twinloop-data-bucket83908e77';

interface Template {
  // biome-ignore lint/suspicious/noExplicitAny: templates are changed at any place
  Resources: Record<string, any>;
}

let folder = '';
let assembly = '';
const folders: string[] = [];
async function newFolder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'twinloop-rehearsal-'));
  folders.push(made);
  return made;
}

beforeAll(async () => {
  folder = await newFolder();
  assembly = join(folder, 'cdk.out');
  const deployment = await loadDeployment(packageFile('cloud/deploy/deployment.json'));
  buildApp(deployment, new App({ outdir: assembly })).synth();
}, 120_000);
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true, force: true });
});

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const put of undo.splice(0).reverse()) await put();
});

/** Changes a template until the end of the test. */
async function change(stack: string, edit: (template: Template) => void): Promise<void> {
  const path = join(assembly, `twinloop-${stack}.template.json`);
  const before = await readFile(path, 'utf8');
  undo.push(() => writeFile(path, before));
  const template = JSON.parse(before) as Template;
  edit(template);
  await writeFile(path, JSON.stringify(template));
}

const found = (template: Template, type: string) =>
  Object.values(template.Resources).filter((r) => r.Type === type);

const { signal } = new AbortController();
const runJobs = (dataDir: string) => withRehearsal(dataDir, (r) => r.runJobs(WORKER, signal));

describe('the example, deployed on this machine', () => {
  let dataDir = '';
  beforeAll(async () => {
    dataDir = await newFolder();
    const report = await deployLocally(assembly, { dataDir });
    expect(report.created.length).toBeGreaterThan(60);
    const values = await readings(3);
    await withRehearsal(dataDir, async (_, client) => {
      const writer = createSiteWiseWriter({ client, clock: systemClock });
      expect(await writer.write(values)).toMatchObject({ accepted: values.length });
    });
  }, 60_000);

  it('has models, assets with their aliases, and what was uploaded', async () => {
    await withRehearsal(dataDir, async (_, client) => {
      const asset = await client.send(new DescribeAssetCommand({ assetId: 'externalId:line1' }));
      expect(asset.assetStatus?.state).toBe('ACTIVE');
      expect(asset.assetProperties?.find((p) => p.name === 'Roller1_w')?.alias).toBe(
        '/line1/roller1/w',
      );
    });
    const store = createFolderStore(join(dataDir, 'buckets', BUCKET));
    expect(await store.list('')).toEqual(
      expect.arrayContaining([
        'dashboards/web-line.json',
        'fleet/fleet.json',
        'scene/web-line.glb',
      ]),
    );
  });

  it('is left alone by a second deployment of the same', async () => {
    const report = await deployLocally(assembly, { dataDir });
    expect(report).toMatchObject({ created: [], updated: [], replaced: [], deleted: [] });
    expect(report.unchanged).toBeGreaterThan(60);
  });

  it('runs its worker under exactly the permissions of its role', async () => {
    const [run, ...others] = await runJobs(dataDir);
    expect(others).toEqual([]);
    expect(run).toMatchObject({ exitCode: 0, denied: [], index: 0 });
    expect(JSON.parse(run?.stdout ?? '')).toMatchObject({ totals: { calibrated: 1, failed: 0 } });
    await withRehearsal(dataDir, async (rehearsal, client) => {
      const { propertyValue } = await client.send(
        new GetAssetPropertyValueCommand({ propertyAlias: '/line1/roller1/b_upper' }),
      );
      expect(propertyValue?.value?.doubleValue).toBeGreaterThan(0);
      // Who has another role gets no further than that.
      const role = rehearsal.roles.find((r) => r.name.includes('TokenExchange'));
      const gateway = createSiteWiseClient({
        ...rehearsal.siteWise,
        credentials: {
          accessKeyId: role?.accessKeyId ?? '',
          secretAccessKey: role?.secretAccessKey ?? '',
        },
        maxAttempts: 1,
      });
      await expect(
        gateway.send(
          new GetAssetPropertyValueHistoryCommand({ propertyAlias: '/line1/roller1/w' }),
        ),
      ).rejects.toMatchObject({ name: 'AccessDeniedException' });
      gateway.destroy();
    });
    const store = createFolderStore(join(dataDir, 'buckets', BUCKET));
    expect((await store.list('state/')).length).toBeGreaterThan(0);
  }, 60_000);

  it.each(['iotsitewise:BatchPutAssetPropertyValue', 's3:PutObject', 'kms:GenerateDataKey'])(
    'denies the worker %s where its policy does not have it',
    async (action) => {
      await change('calibration', (template) => {
        for (const { Properties } of found(template, 'AWS::IAM::Policy')) {
          if (!Properties.PolicyName.startsWith('JobRole')) continue;
          for (const statement of Properties.PolicyDocument.Statement) {
            statement.Action = [statement.Action].flat().filter((a: string) => a !== action);
          }
        }
      });
      const narrow = await newFolder();
      await deployLocally(assembly, { dataDir: narrow });
      const values = await readings(2);
      await withRehearsal(narrow, (_, client) =>
        createSiteWiseWriter({ client, clock: systemClock }).write(values),
      );
      const [run] = await runJobs(narrow);
      expect(run?.denied.join('\n')).toContain(`${action} on arn:aws:`);
      expect(run?.exitCode).not.toBe(0);
    },
    60_000,
  );

  it('starts no job that the scheduler may not submit', async () => {
    await change('calibration', (template) => {
      for (const { Properties } of found(template, 'AWS::IAM::Policy')) {
        if (!Properties.PolicyName.startsWith('SchedulerRole')) continue;
        const { Statement } = Properties.PolicyDocument;
        Statement.splice(0, 1);
      }
    });
    const narrow = await newFolder();
    await deployLocally(assembly, { dataDir: narrow });
    await expect(runJobs(narrow)).rejects.toThrow(/SchedulerRole.*batch:SubmitJob/);
  });

  it('shows its scene to who may see it: entity, document, model, and a value at every tag', async () => {
    await withRehearsal(dataDir, async ({ roles, twinMaker, s3 }) => {
      const viewer = roles.find((r) => r.name.includes('SceneViewer'));
      const credentials = {
        accessKeyId: viewer?.accessKeyId ?? '',
        secretAccessKey: viewer?.secretAccessKey ?? '',
      };
      const client = createTwinMakerClient({ ...twinMaker, credentials });
      const workspaceId = 'twinloop-example';
      const { s3Location } = await client.send(new GetWorkspaceCommand({ workspaceId }));
      expect(s3Location).toBe(`arn:aws:s3:::${BUCKET}`);
      const { entitySummaries = [] } = await client.send(new ListEntitiesCommand({ workspaceId }));
      expect(entitySummaries.map((e) => [e.entityId, e.status?.state])).toEqual([
        ['line1', 'ACTIVE'],
      ]);
      const entity = await client.send(new GetEntityCommand({ workspaceId, entityId: 'line1' }));
      expect(entity.components?.twin?.properties?.S4_Tension_N?.definition).toMatchObject({
        dataType: { type: 'DOUBLE', unitOfMeasure: 'N' },
        isTimeSeries: true,
      });
      const scene = await client.send(new GetSceneCommand({ workspaceId, sceneId: 'web-line' }));
      const location = scene.contentLocation ?? '';
      const store = openStore(location.slice(0, location.lastIndexOf('/')), {
        endpoint: s3.endpoint,
        region: twinMaker.region,
        credentials,
      });
      const text = (await store.get('web-line.json'))?.body ?? new Uint8Array();
      const document = JSON.parse(Buffer.from(text).toString());
      expect((await store.get('web-line.glb'))?.body.length).toBeGreaterThan(1000);
      const bound = new Set(
        [...JSON.stringify(document).matchAll(/"propertyName":"([^"]+)"/g)].map((m) => m[1] ?? ''),
      );
      expect(bound.size).toBeGreaterThan(10);
      for (const name of bound) {
        const { propertyValues } = await client.send(
          new GetPropertyValueHistoryCommand({
            workspaceId,
            entityId: 'line1',
            componentName: 'twin',
            selectedProperties: [name],
            startTime: new Date(Date.now() - 86_400_000).toISOString(),
            endTime: new Date().toISOString(),
          }),
        );
        expect(propertyValues?.[0]?.values?.length, name).toBeGreaterThan(0);
      }
      await expect(
        client.send(new UpdateEntityCommand({ workspaceId, entityId: 'line1', entityName: 'x' })),
      ).rejects.toMatchObject({ name: 'AccessDeniedException' });
      client.destroy();
    });
  });

  it('does not make an entity whose asset the workspace’s role may not read', async () => {
    await change('monitoring', (template) => {
      for (const { Properties } of found(template, 'AWS::IAM::Policy')) {
        if (!Properties.PolicyName.startsWith('TwinMakerRole')) continue;
        for (const statement of Properties.PolicyDocument.Statement) {
          statement.Action = [statement.Action]
            .flat()
            .filter((a: string) => a !== 'iotsitewise:DescribeAsset');
        }
      }
    });
    await expect(deployLocally(assembly, { dataDir: await newFolder() })).rejects.toThrow(
      /Entityline1 .*TwinMakerRole.* do not allow iotsitewise:DescribeAsset.*Everything was put back/,
    );
  });

  it('takes a folder over in which TwinMaker was only noted, and refuses one of a newer version', async () => {
    const older = await newFolder();
    await deployLocally(assembly, { dataDir: older });
    const path = join(older, 'deployment.json');
    const { version, ...deployed } = JSON.parse(await readFile(path, 'utf8'));
    expect(version).toBe(2);
    await rm(join(older, 'twinmaker'), { recursive: true });
    await writeFile(path, JSON.stringify(deployed));
    const report = await deployLocally(assembly, { dataDir: older });
    expect(report.created.length).toBe(3);
    expect(report.updated).toEqual([]);
    await writeFile(path, JSON.stringify({ ...deployed, version: 99 }));
    await expect(deployLocally(assembly, { dataDir: older })).rejects.toMatchObject({
      code: 'STATE_MISMATCH',
      message: expect.stringContaining('version 99'),
    });
  });

  it('keeps its values through an update, and through one that fails', async () => {
    const history = () =>
      withRehearsal(dataDir, async (_, client) => {
        const asset = await client.send(new DescribeAssetCommand({ assetId: 'externalId:line1' }));
        const { assetPropertyValueHistory } = await client.send(
          new GetAssetPropertyValueHistoryCommand({ propertyAlias: '/line1/roller1/w' }),
        );
        return {
          names: asset.assetProperties?.map((p) => p.name) ?? [],
          values: assetPropertyValueHistory?.map((v) => v.value?.doubleValue),
        };
      });
    const before = await history();
    expect(before.values).toHaveLength(3);
    const addProperty = (template: Template) => {
      const [model] = found(template, 'AWS::IoTSiteWise::AssetModel');
      model.Properties.AssetModelProperties.push({
        Name: 'added',
        ExternalId: 'p-added',
        LogicalId: 'p-added',
        DataType: 'DOUBLE',
        Type: { TypeName: 'Measurement' },
      });
    };
    await change('models', addProperty);
    await change('assets', (template) => {
      const [asset] = found(template, 'AWS::IoTSiteWise::Asset');
      asset.Properties.AssetProperties.push({ ExternalId: 'p-missing', Alias: '/line1/missing' });
    });
    await expect(deployLocally(assembly, { dataDir })).rejects.toThrow(
      /Assetline1 .*p-missing that its model has not\. Everything was put back/,
    );
    expect(await history()).toEqual(before);
    await undo.pop()?.();
    const report = await deployLocally(assembly, { dataDir });
    expect(report.updated).toEqual(['twinloop-models/Modelwebline']);
    expect(await history()).toEqual({ names: [...before.names, 'added'], values: before.values });
  });

  it('loses what the templates have no more, but for what is to be retained', async () => {
    for (const stack of ['assets', 'entities']) {
      await change(stack, (template) => {
        const { Resources } = template;
        for (const id of Object.keys(Resources)) delete Resources[id];
        delete (template as { Outputs?: unknown }).Outputs;
      });
    }
    const report = await deployLocally(assembly, { dataDir });
    expect(report.deleted.sort()).toEqual([
      'twinloop-assets/Assetline1',
      'twinloop-entities/Entityline1',
    ]);
    await withRehearsal(dataDir, (_, client) =>
      expect(
        client.send(new DescribeAssetCommand({ assetId: 'externalId:line1' })),
      ).rejects.toMatchObject({ name: 'ResourceNotFoundException' }),
    );
  });
});

describe('twinloop up --from', () => {
  async function up(args: readonly string[]) {
    const data = await newFolder();
    const child = spawn(
      process.execPath,
      [compiledEntry('cli'), 'up', '--data', data, '--port', '0', '--json', ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const { code, stdout, stderr } = await outputOf(child);
    return { code, stderr, result: JSON.parse(stdout), data };
  }

  it('runs the loop on what was deployed, gateway and worker with their roles', async () => {
    const { code, result, data } = await up(['--from', assembly, '--for', '12']);
    expect(result).toMatchObject({ lost: 0, duplicated: 0, unused: 0, denied: [] });
    expect(result.published).toBeGreaterThan(0);
    expect(result.steps).toBeGreaterThan(0);
    expect(Object.keys(result.parameters)).toHaveLength(9);
    expect(code).toBe(0);
    const store = createFolderStore(join(data, 'deployment', 'buckets', BUCKET));
    expect(await store.list('state/example/')).not.toEqual([]);
  }, 120_000);

  it('names what a role was refused, and ends with 1', async () => {
    await change('calibration', (template) => {
      for (const { Properties } of found(template, 'AWS::IAM::Policy')) {
        if (!Properties.PolicyName.startsWith('JobRole')) continue;
        for (const statement of Properties.PolicyDocument.Statement) {
          statement.Action = [statement.Action].flat().filter((a: string) => a !== 's3:PutObject');
        }
      }
    });
    const { code, stderr, result } = await up(['--from', assembly, '--for', '5']);
    expect(result.denied.join()).toMatch(/JobRole\w+: s3:PutObject on arn:aws:s3:::/);
    expect(result.unused).toBeGreaterThan(0);
    expect(stderr).toContain('DENIED');
    expect(code).toBe(1);
  }, 120_000);

  it.each([
    [['--from', 'nowhere'], 'FILE_NOT_FOUND', /nowhere/],
    [['--from', 'ASSEMBLY', '--asset', 'line9'], 'NOT_FOUND', /no asset line9: it has line1/],
    [['--from', 'ASSEMBLY', '--twin', 'twin.json'], 'USAGE', /leave --twin out/],
    [['--asset', 'line1'], 'USAGE', /--from/],
  ])(
    'refuses %s',
    async (args, code, message) => {
      const { code: exitCode, result } = await up(
        args.map((a) => (a === 'ASSEMBLY' ? assembly : a)),
      );
      expect(result.error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(exitCode).toBe(2);
    },
    60_000,
  );
});
