import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { buildApp, type Deployment, loadDeployment } from '../../../cloud/deploy/build-app.js';
import {
  ARTIFACT_PLACE,
  type BuiltComponent,
  loadComponent,
} from '../../../cloud/deploy/component-build.js';
import { writeFleetFolder } from '../../../cloud/deploy/fleet-folder.js';
import { OPERATIONS } from '../../../cloud/deploy/permissions/operations.js';
import {
  AssetsStack,
  assetsPerStack,
  ModelsStack,
} from '../../../cloud/deploy/stacks/assets-stack.js';
import { createViewFiles } from '../../../cloud/deploy/view-files.js';
import { fleetFromFile } from '../../../cloud/index.js';
import {
  deploymentSchema,
  fleetSchema,
  loadConfig,
  parseConfig,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';

const twin = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/p/speed', unit: 'rad/s' }],
  measured: [{ variable: 'flow', alias: '/p/flow' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
  layout: {
    components: [
      { id: 'shaft', kind: 'roller', x: 0, y: 0, drag: 'k' },
      { id: 'wheel', kind: 'roller', x: 1, y: 0 },
    ],
  },
});
const twins = new Map([['pump', twin]]);

function fleetOf(assets: number) {
  return fleetSchema.parse({
    name: 'pumps',
    twins: { pump: './twin.json' },
    assets: Array.from({ length: assets }, (_, i) => ({
      id: `pump-${i + 1}`,
      twin: 'pump',
      aliasPrefix: `/plant/pump${i + 1}`,
    })),
    calibration: { assetsPerJob: 2 },
  });
}
const views = await createViewFiles({ grafana: true, twinMaker: true }, fleetOf(3), twins);

function deployment(config: object = {}, assets = 3): Deployment {
  return {
    config: deploymentSchema.parse({
      fleet: 'fleet.json',
      edge: {
        coreDevice: 'gateway-1',
        component: { name: 'twinloop.Edge', version: '1.0.0' },
        artifactBucket: 'artifacts',
      },
      ...config,
    }),
    fleet: fleetOf(assets),
    twins,
    views,
    fmus: new Map([['pump', packageFile('shared/twins/web-line/web-line.fmu')]]),
  };
}

const outputs: string[] = [];
function synth(d: Deployment): Map<string, Template> {
  const app = buildApp(d, new App({ context: { 'aws:cdk:disable-asset-staging': true } }));
  const assembly = app.synth();
  outputs.push(assembly.directory);
  return new Map(assembly.stacks.map((s) => [s.stackName, Template.fromJSON(s.template)]));
}
afterAll(async () => {
  for (const directory of outputs) await rm(directory, { recursive: true, force: true });
});

const stacks = synth(deployment());
const stack = (name: string) => stacks.get(`twinloop-${name}`) as Template;

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource?: unknown;
  Principal?: unknown;
  Condition?: unknown;
}
/** A statement that allows something, and whom or what it hangs on. */
interface Grant {
  owner: string;
  type: string;
  statement: Statement;
}
interface Resource {
  Type: string;
  DeletionPolicy?: string;
  Properties: Record<string, unknown>;
}
const resourcesOf = (template: Template) =>
  Object.entries(template.toJSON().Resources as Record<string, Resource>);
/** A logical id without the hash that the library appends. */
const plain = (id: string) => id.replace(/[0-9A-F]{8}$/, '');

/** Documents of policies anywhere below a resource's properties, whatever they are called. */
function documentsIn(value: unknown): { Statement: Statement[] }[] {
  if (typeof value === 'string' && value.startsWith('{"Version"')) {
    return documentsIn(JSON.parse(value) as unknown);
  }
  if (typeof value !== 'object' || value === null) return [];
  if ('Fn::Join' in value) {
    // A document as text with references in it.
    const [glue, parts] = value['Fn::Join'] as [string, unknown[]];
    const text = parts.map((p) => (typeof p === 'string' ? p : 'REF')).join(glue);
    return text.startsWith('{"Version"') ? documentsIn(text) : [];
  }
  if (Array.isArray(value)) return value.flatMap(documentsIn);
  if ('Statement' in value && 'Version' in value) return [value as { Statement: Statement[] }];
  return Object.values(value).flatMap(documentsIn);
}

/** Everything that the templates allow, but for who may assume a role. */
function grantsOf(templates: Iterable<Template>): Grant[] {
  return [...templates].flatMap((template) =>
    resourcesOf(template).flatMap(([id, { Type, Properties = {} }]) => {
      const { AssumeRolePolicyDocument, ...rest } = Properties;
      const roles = rest.Roles as { Ref: string }[] | undefined;
      return documentsIn(rest)
        .flatMap((d) => d.Statement)
        .filter((s) => s.Effect === 'Allow')
        .map((statement) => ({
          owner: plain(roles?.[0]?.Ref ?? id),
          type: Type,
          statement,
        }));
    }),
  );
}

/** What every role and every policy of a resource is to allow; what is not here must not be. */
const DECLARED: Record<string, readonly string[]> = {
  JobRole: Object.values(OPERATIONS.worker).flat(),
  ExecutionRole: Object.values(OPERATIONS.launcher).flat(),
  FlowLogRole: OPERATIONS.flowLog.logs,
  FailedJobsLogPolicy: OPERATIONS.failedJobs.logs,
  SchedulerRole: Object.values(OPERATIONS.scheduler).flat(),
  UploadsRole: Object.values(OPERATIONS.uploads).flat(),
  TokenExchangeRole: Object.values(OPERATIONS.edge).flat(),
  GatewayPolicy: ['iot:AssumeRoleWithCertificate'],
  GrafanaRole: Object.values(OPERATIONS.grafana).flat(),
  TwinMakerRole: Object.values(OPERATIONS.twinMaker).flat(),
  SceneViewerRole: Object.values(OPERATIONS.sceneViewer).flat(),
  CustomS3AutoDeleteObjectsCustomResourceProviderRole: OPERATIONS.emptier.logs,
  // The account's administrators; without it a key could be lost for good.
  Key: ['kms:*'],
  // The library's function that empties the bucket of a trial.
  BucketPolicy: ['s3:DeleteObject*', 's3:GetBucket*', 's3:List*', 's3:PutBucketPolicy'],
};
const WITHOUT_RESOURCE: readonly string[] = [
  ...OPERATIONS.grafana.siteWiseLists,
  ...OPERATIONS.launcher.login,
];
/** Documented for these neither `aws:SourceAccount` nor `aws:SourceArn` when they assume a role. */
const TRUSTED_AS_THEY_ARE = [
  'lambda.amazonaws.com',
  'credentials.iot.amazonaws.com',
  'ec2.amazonaws.com',
];

const built: BuiltComponent = {
  name: 'com.twinloop.Edge',
  version: '1.2.3',
  recipe: `ComponentName: com.twinloop.Edge\nUri: ${ARTIFACT_PLACE}edge.zip\n`,
  artifacts: packageFile('recipes'),
};
const edgeBuiltHere = { edge: { component: { build: './greengrass-build' } } };
const variants = new Map([
  ['as it comes', stacks],
  ['a trial', synth(deployment({ retain: false }))],
  ['on Spot instances', synth(deployment({ compute: { type: 'ec2-spot' } }))],
  [
    'on Fargate Spot in a private network',
    synth(deployment({ compute: { type: 'fargate-spot', privateNetwork: true } })),
  ],
  ['with a component built here', synth({ ...deployment(edgeBuiltHere), component: built })],
]);
const variant = (name: string, stackName: string) =>
  variants.get(name)?.get(`twinloop-${stackName}`) as Template;

describe.each([...variants])('policies, %s', (_name, made) => {
  const templates = [...made.values()];
  const grants = grantsOf(templates);

  test('allow nothing that is not declared', () => {
    for (const { owner, statement } of grants) {
      for (const action of [statement.Action].flat()) {
        expect([owner, DECLARED[owner] ?? 'nobody declared it']).toEqual([
          owner,
          expect.arrayContaining([action]),
        ]);
      }
    }
  });

  test('allow all that the parts use', () => {
    const has = (owner: string) =>
      new Set(grants.filter((g) => g.owner === owner).flatMap((g) => g.statement.Action));
    for (const owner of [
      'JobRole',
      'ExecutionRole',
      'SchedulerRole',
      'UploadsRole',
      'GrafanaRole',
      'TwinMakerRole',
      'SceneViewerRole',
    ]) {
      expect([owner, [...has(owner)].sort()]).toEqual([
        owner,
        [...new Set(DECLARED[owner])].sort(),
      ]);
    }
  });

  test('have no wildcard for an action, and one for a resource only where there is no other way', () => {
    for (const { owner, type, statement } of grants) {
      const actions = [statement.Action].flat();
      if (type !== 'AWS::KMS::Key' && owner !== 'BucketPolicy') {
        for (const action of actions)
          expect([owner, action]).not.toEqual([owner, expect.stringContaining('*')]);
      }
      if (statement.Resource === '*' && type !== 'AWS::KMS::Key') {
        for (const action of actions) expect(WITHOUT_RESOURCE).toContain(action);
      }
      if (type === 'AWS::S3::BucketPolicy') {
        expect(JSON.stringify(statement.Principal)).toContain('S3AutoDeleteObjects');
      }
    }
  });

  test('let services assume roles for this account only', () => {
    for (const template of templates) {
      for (const [id, { Type, Properties }] of resourcesOf(template)) {
        if (Type !== 'AWS::IAM::Role') continue;
        const trust = Properties.AssumeRolePolicyDocument as { Statement: Statement[] };
        for (const { Principal, Condition } of trust.Statement) {
          const { Service, AWS } = Principal as { Service?: string; AWS?: unknown };
          if (Service === undefined) {
            // Grafana's role, which only Grafana assumes, and no other identity.
            expect([id, JSON.stringify(AWS)]).toEqual([id, expect.stringMatching(/"GrafanaRole/)]);
            continue;
          }
          if (TRUSTED_AS_THEY_ARE.some((s) => JSON.stringify(Service).includes(s))) continue;
          expect([id, Condition]).toEqual([
            id,
            { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          ]);
        }
        // The agent on container instances; AWS keeps its policy.
        const managed = JSON.stringify(Properties.ManagedPolicyArns ?? []);
        expect([id, managed.replaceAll('AmazonEC2ContainerServiceforEC2Role', '')]).toEqual([
          id,
          expect.not.stringMatching(/service-role\/[A-Za-z]|FullAccess|Administrator/),
        ]);
      }
    }
  });
});

describe('what matters', () => {
  test('the bucket is private, versioned, encrypted, kept', () => {
    stack('data').hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: Match.objectLike({
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      }),
    });
  });

  test('a trial leaves nothing behind: all is removed, the bucket is emptied, every log has its group', () => {
    for (const template of variants.get('a trial')?.values() ?? []) {
      for (const [id, { Type, DeletionPolicy, Properties }] of resourcesOf(template)) {
        expect([id, DeletionPolicy]).not.toEqual([id, 'Retain']);
        // Lambda makes a group of its own where none is named, and that one stays.
        if (Type === 'AWS::Lambda::Function') {
          expect([id, Properties.LoggingConfig]).toEqual([
            id,
            { LogGroup: { Ref: expect.any(String) } },
          ]);
        }
      }
    }
    variant('a trial', 'data').resourceCountIs('Custom::S3AutoDeleteObjects', 1);
    stack('data').resourceCountIs('Custom::S3AutoDeleteObjects', 0);
  });

  test('what is retained is what was said: bucket, key and logs', () => {
    const retained = [...stacks.values()]
      .flatMap(resourcesOf)
      .filter(([, r]) => r.DeletionPolicy === 'Retain')
      .map(([, r]) => r.Type);
    expect(new Set(retained)).toEqual(
      new Set(['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::Logs::LogGroup']),
    );
  });

  test('the fleet is uploaded as the worker reads it', async () => {
    const folder = writeFleetFolder(deployment());
    try {
      const source = await fleetFromFile(join(folder, 'fleet.json'));
      expect(source.fleet.assets).toHaveLength(3);
      const { fmu: _, ...expected } = twin;
      expect((await source.twin('pump')).definition).toMatchObject(expected);
      stack('data').hasResourceProperties('Custom::CDKBucketDeployment', {
        DestinationBucketKeyPrefix: 'fleet',
        Prune: true,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('scenes and dashboards are uploaded, and TwinMaker finds them', () => {
    for (const prefix of ['scene', 'dashboards']) {
      stack('data').hasResourceProperties('Custom::CDKBucketDeployment', {
        DestinationBucketKeyPrefix: prefix,
      });
    }
    expect([...(views.get('scene')?.keys() ?? [])]).toEqual(['pump.json', 'pump.glb']);
    expect([...(views.get('dashboards')?.keys() ?? [])]).toEqual(['pump.json']);
    const scenes = stack('monitoring').findResources('AWS::IoTTwinMaker::Scene');
    expect(JSON.stringify(scenes)).toContain('/scene/pump.json');
    const without = synth(deployment({ twinMaker: false, grafana: false }));
    for (const template of without.values()) {
      expect(JSON.stringify(template.toJSON())).not.toMatch(/TwinMaker|AWS::Grafana/);
    }
  });

  test('every asset has an entity with the SiteWise component bound to it', () => {
    const entities = Object.values(stack('entities').findResources('AWS::IoTTwinMaker::Entity'));
    expect(entities.map((e) => e.Properties.EntityId)).toEqual(['pump-1', 'pump-2', 'pump-3']);
    const exported = JSON.stringify(stack('assets').toJSON().Outputs);
    for (const [i, { Properties }] of entities.entries()) {
      const { twin: component } = Properties.Components;
      expect(component.ComponentTypeId).toBe('com.amazon.iotsitewise.connector');
      const id = component.Properties.sitewiseAssetId.Value.StringValue['Fn::ImportValue'];
      expect(id).toContain(`Assetpump${i + 1}`);
      expect(exported).toContain(id);
      expect(component.Properties.sitewiseAssetModelId.Value.StringValue).toHaveProperty([
        'Fn::ImportValue',
      ]);
    }
  });

  test('a stack of assets stays below what CloudFormation takes', async () => {
    const path = packageFile('shared/twins/web-line/twin.json');
    const line = await loadConfig(twinSchema, path, 'twin');
    const { assets } = fleetOf(1);
    const lines = new Map([['pump', line]]);
    const count = assetsPerStack(lines, assets);
    const fleet = fleetOf(count);
    const app = new App();
    const { models } = new ModelsStack(app, 'models', { fleet, twins: lines });
    const full = new AssetsStack(app, 'assets', {
      fleet,
      twins: lines,
      models,
      assets: fleet.assets,
    });
    const size = JSON.stringify(Template.fromStack(full).toJSON()).length;
    expect(size).toBeLessThan(1_000_000);
    expect(size).toBeGreaterThan(600_000);
  });

  test('a component that was built here is uploaded, made a version of and deployed', () => {
    const { name, version } = built;
    variant('with a component built here', 'data').hasResourceProperties(
      'Custom::CDKBucketDeployment',
      {
        DestinationBucketKeyPrefix: `components/${name}/${version}`,
      },
    );
    const edge = variant('with a component built here', 'edge');
    const [component] = Object.values(edge.findResources('AWS::GreengrassV2::ComponentVersion'));
    expect(JSON.stringify(component)).toMatch(/components\/com.twinloop.Edge\/1.2.3\/edge.zip/);
    edge.hasResourceProperties('AWS::GreengrassV2::Deployment', {
      Components: { [name]: { ComponentVersion: version } },
    });
  });

  test('jobs that could not be submitted, or failed, and data that are stale raise an alarm', () => {
    const alarms = Object.keys(stack('monitoring').findResources('AWS::CloudWatch::Alarm'));
    for (const name of ['DeadLetters', 'FailedJobs', 'Failed', 'Stale', 'Nis', 'Silent']) {
      expect(alarms.map(plain)).toContain(name);
    }
    stack('calibration').hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({ detail: Match.objectLike({ status: ['FAILED'] }) }),
    });
  });

  test('a submission that waits for longer than the time between runs is given up', () => {
    stack('calibration').hasResourceProperties('AWS::Scheduler::Schedule', {
      Target: Match.objectLike({
        RetryPolicy: { MaximumEventAgeInSeconds: 20 * 60, MaximumRetryAttempts: 3 },
        DeadLetterConfig: Match.anyValue(),
      }),
    });
  });

  test('every stream of every asset has its alias', () => {
    const assets = Object.values(stack('assets').findResources('AWS::IoTSiteWise::Asset'));
    expect(assets).toHaveLength(3);
    const aliases = assets.flatMap((a) =>
      (a.Properties.AssetProperties as { Alias: string }[]).map((p) => p.Alias),
    );
    expect(aliases).toHaveLength(3 * twinStreams(twin).length);
    expect(new Set(aliases).size).toBe(aliases.length);
    expect(aliases).toContain('/plant/pump2/k_lower');
  });

  test('jobs run without rights to spare, end in time, and are tried again when it helps', () => {
    stack('calibration').hasResourceProperties('AWS::Batch::JobDefinition', {
      ContainerProperties: Match.objectLike({ ReadonlyRootFilesystem: true, User: 'node' }),
      Timeout: { AttemptDurationSeconds: 900 },
      RetryStrategy: Match.objectLike({ Attempts: 3 }),
    });
  });

  test('a fleet of two shares is an array of two jobs; a small one is a plain job', () => {
    const input = (s: Map<string, Template>) =>
      JSON.stringify(
        s.get('twinloop-calibration')?.findResources('AWS::Scheduler::Schedule') ?? {},
      );
    expect(input(stacks)).toContain('\\"ArrayProperties\\":{\\"Size\\":2}');
    expect(input(synth(deployment({}, 1)))).not.toContain('ArrayProperties');
  });

  test('a big fleet is spread over several stacks', () => {
    const big = synth(deployment({}, 401));
    expect([...big.keys()].filter((k) => k.startsWith('twinloop-assets'))).toHaveLength(3);
  });

  test.each([
    ['on Spot instances', 'SPOT'],
    ['on Fargate Spot in a private network', 'FARGATE_SPOT'],
    ['as it comes', 'FARGATE'],
  ])('jobs run %s', (name, type) => {
    variant(name, 'calibration').hasResourceProperties('AWS::Batch::ComputeEnvironment', {
      ComputeResources: Match.objectLike({ Type: type }),
    });
  });

  test('the template of each stack is as it was reviewed', () => {
    for (const [name, template] of stacks) {
      const text = JSON.stringify(template.toJSON(), null, 2)
        // The image's tag follows from the sources.
        .replaceAll(/[0-9a-f]{64}/g, '<digest>');
      expect(text).toMatchSnapshot(name);
    }
  });
});

test('a component that was not built, or not for all platforms, is refused with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-component-'));
  try {
    await expect(loadComponent(folder)).rejects.toThrow(/recipe.yaml.*npm run build:component/);
    await mkdir(join(folder, 'recipes'));
    await mkdir(join(folder, 'artifacts', built.name, built.version), { recursive: true });
    const recipe = `ComponentVersion: ${built.version}\n${built.recipe}`;
    await writeFile(join(folder, 'recipes/recipe.yaml'), recipe);
    await expect(loadComponent(folder)).rejects.toThrow(/lacks edge.zip/);
    await writeFile(join(folder, 'artifacts', built.name, built.version, 'edge.zip'), '');
    expect(await loadComponent(folder)).toMatchObject({ name: built.name, version: built.version });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a run that could outlast its job is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-deployment-'));
  try {
    const fleet = { name: 'f', twins: { t: './t.json' }, assets: [{ id: 'a1', twin: 't' }] };
    await writeFile(join(folder, 'fleet.json'), JSON.stringify(fleet));
    const path = join(folder, 'deployment.json');
    await writeFile(
      path,
      JSON.stringify({ fleet: './fleet.json', compute: { timeoutMinutes: 10 } }),
    );
    await expect(loadDeployment(path)).rejects.toThrow(/maxRunS: found 600: expected at most 540/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a wrong deployment names every problem', () => {
  expect(() =>
    parseConfig(
      deploymentSchema,
      { fleet: '', schedule: { everyMinutes: 5 }, compute: { type: 'lambda' }, colour: 1 },
      'deployment.json',
    ),
  ).toThrow(/4 problems|3 problems/);
  expect(() =>
    parseConfig(deploymentSchema, { fleet: 'f', schedule: { everyMinutes: 5 } }, 'deployment.json'),
  ).toThrow(/timeoutMinutes.*less than schedule.everyMinutes/);
  expect(() =>
    parseConfig(deploymentSchema, { fleet: 'f', compute: { memoryMiB: 1024 } }, 'deployment.json'),
  ).toThrow(/memoryMiB.*2048 to 8192 MiB/);
});
