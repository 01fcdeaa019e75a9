import { rm } from 'node:fs/promises';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { buildApp, type Deployment } from '../../../cloud/build-app.js';
import { OPERATIONS } from '../../../cloud/permissions/operations.js';
import {
  deploymentSchema,
  fleetSchema,
  parseConfig,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';

const twin = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/p/speed', unit: 'rad/s' }],
  measured: [{ variable: 'flow', alias: '/p/flow' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});

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
    fleet: fleetSchema.parse({
      name: 'pumps',
      twins: { pump: './twin.json' },
      assets: Array.from({ length: assets }, (_, i) => ({
        id: `pump-${i + 1}`,
        twin: 'pump',
        aliasPrefix: `/plant/pump${i + 1}`,
      })),
      calibration: { assetsPerJob: 2 },
    }),
    twins: new Map([['pump', twin]]),
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
  Resource: unknown;
}

/** Every action that a role's inline policies allow. */
function actionsOf(template: Template, role: RegExp): string[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter((p) =>
    JSON.stringify(p.Properties.Roles).match(role),
  );
  expect(policies.length).toBeGreaterThan(0);
  const statements = policies.flatMap((p) => p.Properties.PolicyDocument.Statement as Statement[]);
  return [...new Set(statements.flatMap((s) => s.Action))].sort();
}

const sorted = (...lists: (readonly string[])[]) => [...new Set(lists.flat())].sort();

describe('policies', () => {
  test.each([
    ['worker', 'calibration', /JobRole/, Object.values(OPERATIONS.worker)],
    ['scheduler', 'calibration', /SchedulerRole/, Object.values(OPERATIONS.scheduler)],
    ['gateway', 'edge', /TokenExchangeRole/, Object.values(OPERATIONS.edge)],
    ['Grafana', 'monitoring', /GrafanaRole/, Object.values(OPERATIONS.grafana)],
    ['TwinMaker', 'monitoring', /TwinMakerRole/, Object.values(OPERATIONS.twinMaker)],
  ])('the %s may do what it declares and nothing more', (_name, stackName, role, declared) => {
    expect(actionsOf(stack(stackName), role)).toEqual(sorted(...declared));
  });

  test('no policy allows everything, and only lists go without a resource', () => {
    for (const template of stacks.values()) {
      for (const policy of Object.values(template.findResources('AWS::IAM::Policy'))) {
        for (const s of policy.Properties.PolicyDocument.Statement as Statement[]) {
          const actions = [s.Action].flat();
          for (const action of actions) expect(action).not.toMatch(/\*/);
          if (s.Resource === '*') {
            for (const action of actions) {
              expect([...OPERATIONS.grafana.siteWiseLists, 'ecr:GetAuthorizationToken']).toContain(
                action,
              );
            }
          }
        }
      }
      for (const role of Object.values(template.findResources('AWS::IAM::Role'))) {
        expect(JSON.stringify(role.Properties.ManagedPolicyArns ?? [])).not.toMatch(/FullAccess/);
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

  test('a trial leaves nothing behind', () => {
    const trial = synth(deployment({ retain: false }));
    for (const template of trial.values()) {
      for (const [id, resource] of Object.entries(template.toJSON().Resources as object)) {
        expect([id, (resource as { DeletionPolicy?: string }).DeletionPolicy]).not.toEqual([
          id,
          'Retain',
        ]);
      }
    }
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
    expect([...big.keys()].filter((k) => k.startsWith('twinloop-assets'))).toHaveLength(2);
  });

  test('other ways to compute synthesize as well', () => {
    for (const compute of [{ type: 'ec2-spot' }, { type: 'fargate-spot', privateNetwork: true }]) {
      expect(synth(deployment({ compute })).size).toBe(6);
    }
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
  ).toThrow(/timeoutMinutes.*at most schedule.everyMinutes/);
});
