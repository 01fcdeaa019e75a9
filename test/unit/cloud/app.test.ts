import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { writeFleetFolder } from '../../../cloud/deploy/fleet-folder.js';
import {
  AssetsStack,
  assetsPerStack,
  ModelsStack,
} from '../../../cloud/deploy/stacks/assets-stack.js';
import { fleetFromFile } from '../../../cloud/index.js';
import {
  deploymentSchema,
  forecastStreams,
  loadConfig,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import { ALARM_CODES } from '../../../shared/twin/index.js';

import {
  built,
  deployment,
  fleetOf,
  plain,
  resourcesOf,
  stack,
  stacks,
  synth,
  twin,
  variant,
  variants,
  views,
} from '../../support/deployed-app.js';
import { INVENTORY } from '../../support/deployed-inventory.js';

describe('what matters', () => {
  test.each(Object.entries(INVENTORY))(
    '%s holds these resources and no others',
    (name, expected) => {
      const found: Record<string, number> = {};
      for (const [, { Type }] of resourcesOf(stack(name))) found[Type] = (found[Type] ?? 0) + 1;
      expect(found).toEqual(expected);
    },
  );

  test('no template names an account or a Region, so one config serves several', () => {
    const made = [...variants].filter(([name]) => !name.includes('organization'));
    expect(made.length).toBeGreaterThan(3);
    for (const [name, templates] of made) {
      const text = JSON.stringify([...templates.values()].map((t) => t.toJSON()));
      const accounts = text.match(/(?<![\da-f])\d{12}(?![\da-f])/g) ?? [];
      const regions = text.match(/\b(?:af|ap|ca|eu|il|me|mx|sa|us)-(?:[a-z]+)-\d\b/g) ?? [];
      expect([name, accounts, regions]).toEqual([name, [], []]);
    }
  });

  test('there are no other stacks', () => {
    expect([...stacks.keys()].sort()).toEqual(
      Object.keys(INVENTORY)
        .map((name) => `twinloop-${name}`)
        .sort(),
    );
  });

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

  test('logs, queue and topic are encrypted with the key of the deployment, and the bucket’s use is logged', () => {
    for (const template of stacks.values()) {
      for (const [id, { Type, Properties }] of resourcesOf(template)) {
        const named = {
          'AWS::Logs::LogGroup': Properties?.KmsKeyId,
          'AWS::SQS::Queue': Properties?.KmsMasterKeyId,
          'AWS::SNS::Topic': Properties?.KmsMasterKeyId,
        }[Type];
        if (['AWS::Logs::LogGroup', 'AWS::SQS::Queue', 'AWS::SNS::Topic'].includes(Type)) {
          expect([id, JSON.stringify(named)]).toEqual([id, expect.stringContaining('Key')]);
        }
      }
    }
    stack('data').hasResourceProperties('AWS::S3::Bucket', {
      LoggingConfiguration: { LogFilePrefix: 'store/', DestinationBucketName: Match.anyValue() },
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
    variant('a trial', 'data').resourceCountIs('Custom::S3AutoDeleteObjects', 2);
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
    expect([...(views.get('dashboards')?.keys() ?? [])]).toEqual(['pump.json', '_fleet.json']);
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
    const models = new ModelsStack(app, 'models', { fleet, twins: lines });
    const full = new AssetsStack(app, 'assets', {
      fleet,
      twins: lines,
      models: models.models,
      assets: fleet.assets,
    });
    const size = JSON.stringify(Template.fromStack(full).toJSON()).length;
    expect(size).toBeLessThan(1_000_000);
    expect(size).toBeGreaterThan(600_000);
    // SiteWise takes 200 properties a model and 200 a composite model: the forecast has its own.
    const [model] = Object.values(
      Template.fromStack(models).findResources('AWS::IoTSiteWise::AssetModel'),
    );
    const [forecast] = model?.Properties.AssetModelCompositeModels ?? [];
    expect(model?.Properties.AssetModelProperties.length).toBeLessThanOrEqual(200);
    expect(forecast.CompositeModelProperties).toHaveLength(forecastStreams(line).length);
  }, 180_000);

  test('a twin of more streams than SiteWise takes properties is told of before it is deployed', async () => {
    const path = packageFile('shared/twins/web-line/twin.json');
    const line = await loadConfig(twinSchema, path, 'twin');
    const [sensor] = line.virtualSensors;
    const many = Array.from({ length: 201 }, (_, i) => ({ ...sensor!, alias: `/many/${i}` }));
    const warnings = (twin: typeof line) => {
      const models = new ModelsStack(new App(), 'models', {
        fleet: fleetOf(1),
        twins: new Map([['line', twin]]),
      });
      return Annotations.fromStack(models).findWarning('*', Match.stringLikeRegexp('properties'));
    };
    expect(warnings(line)).toEqual([]);
    const [told] = warnings({ ...line, virtualSensors: many });
    expect(told?.entry.data).toMatch(/line has \d{3,} streams, and SiteWise takes 200 properties/);
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

  test('every alarm says where to read what to do, and there it stands', async () => {
    const page = await readFile(packageFile('docs/how-to/alarms.md'), 'utf8');
    const sections = [...page.matchAll(/^## (\w+)$/gm)].map((m) => m[1]);
    // Those of the twin itself have theirs below.
    expect([...page.matchAll(/^### (\S+)$/gm)].map((m) => m[1])).toEqual([...ALARM_CODES]);
    const linked = synth(deployment({ alarms: { runbook: 'https://wiki.example/alarms' } }));
    const alarmsOf = (template: Template | undefined) =>
      Object.entries(template?.findResources('AWS::CloudWatch::Alarm') ?? {});
    expect(
      alarmsOf(stack('monitoring'))
        .map(([id]) => plain(id))
        .sort(),
    ).toEqual(sections.sort());
    for (const [id, { Properties }] of alarmsOf(linked.get('twinloop-monitoring'))) {
      expect(Properties.AlarmDescription).toContain(
        `https://wiki.example/alarms#${plain(id).toLowerCase()}`,
      );
    }
  });

  test('an organization’s boundary is on every role, its tags on what takes them, and alarms go to its webhook', () => {
    const permissionsBoundary = 'arn:aws:iam::123456789012:policy/boundary';
    const made = synth(
      deployment({
        permissionsBoundary,
        tags: { 'cost-centre': '4711' },
        alarms: { webhook: 'https://example.com/hook' },
      }),
    );
    let roles = 0;
    for (const template of made.values()) {
      for (const [id, { Type, Properties }] of resourcesOf(template)) {
        if (Type === 'AWS::IAM::Role') {
          roles++;
          expect([id, Properties.PermissionsBoundary]).toEqual([id, permissionsBoundary]);
        }
        if (['AWS::S3::Bucket', 'AWS::IoTSiteWise::Asset', 'AWS::IAM::Role'].includes(Type)) {
          expect(Properties.Tags).toContainEqual({ Key: 'cost-centre', Value: '4711' });
        }
      }
    }
    expect(roles).toBeGreaterThan(7);
    made.get('twinloop-monitoring')?.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'https',
      Endpoint: 'https://example.com/hook',
    });
    expect(() => deploymentSchema.parse({ fleet: 'f', permissionsBoundary: 'boundary' })).toThrow(
      /ARN of a policy/,
    );
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
});
