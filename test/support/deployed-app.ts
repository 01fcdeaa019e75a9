import { rm } from 'node:fs/promises';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll } from 'vitest';
import { buildApp, type Deployment } from '../../cloud/deploy/build-app.js';
import { ARTIFACT_PLACE, type BuiltComponent } from '../../cloud/deploy/component-build.js';
import { createViewFiles } from '../../cloud/deploy/view-files.js';
import { deploymentSchema, fleetSchema, twinSchema } from '../../shared/config/index.js';
import { packageFile } from '../../shared/core/index.js';

export const twin = twinSchema.parse({
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
export const twins = new Map([['pump', twin]]);

export function fleetOf(assets: number) {
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
export const views = await createViewFiles({ grafana: true, twinMaker: true }, fleetOf(3), twins);

export function deployment(config: object = {}, assets = 3): Deployment {
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
export function synth(d: Deployment): Map<string, Template> {
  const app = buildApp(d, new App({ context: { 'aws:cdk:disable-asset-staging': true } }));
  const assembly = app.synth();
  outputs.push(assembly.directory);
  return new Map(assembly.stacks.map((s) => [s.stackName, Template.fromJSON(s.template)]));
}
afterAll(async () => {
  for (const directory of outputs) await rm(directory, { recursive: true, force: true });
});

export const stacks = synth(deployment());
export const stack = (name: string) => stacks.get(`twinloop-${name}`) as Template;

export interface Statement {
  Effect: string;
  Action: string | string[];
  Resource?: unknown;
  Principal?: unknown;
  Condition?: unknown;
}
/** A statement that allows something, and whom or what it hangs on. */
export interface Grant {
  owner: string;
  type: string;
  statement: Statement;
}
export interface Resource {
  Type: string;
  DeletionPolicy?: string;
  Properties: Record<string, unknown>;
}
export const resourcesOf = (template: Template) =>
  Object.entries(template.toJSON().Resources as Record<string, Resource>);
/** A logical id without the hash that the library appends. */
export const plain = (id: string) => id.replace(/[0-9A-F]{8}$/, '');

/** Documents of policies anywhere below a resource's properties, whatever they are called. */
export function documentsIn(value: unknown): { Statement: Statement[] }[] {
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
export function grantsOf(templates: Iterable<Template>): Grant[] {
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

export const built: BuiltComponent = {
  name: 'com.twinloop.Edge',
  version: '1.2.3',
  recipe: `ComponentName: com.twinloop.Edge\nUri: ${ARTIFACT_PLACE}edge.zip\n`,
  artifacts: packageFile('recipes'),
};
export const edgeBuiltHere = { edge: { component: { build: './greengrass-build' } } };
export const variants = new Map([
  ['as it comes', stacks],
  ['a trial', synth(deployment({ retain: false }))],
  ['on Spot instances', synth(deployment({ compute: { type: 'ec2-spot' } }))],
  [
    'on Fargate Spot in a private network',
    synth(deployment({ compute: { type: 'fargate-spot', privateNetwork: true } })),
  ],
  [
    'in an organization’s network, with its key and chat',
    synth(
      deployment({
        keyArn: 'arn:aws:kms:us-east-1:123456789012:key/12345678-90ab-cdef-1234-567890abcdef',
        compute: {
          network: {
            vpcId: 'vpc-0a1b2c3d',
            subnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'],
            securityGroupIds: ['sg-0a1b2c3d'],
          },
        },
        alarms: {
          slack: { workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' },
          teams: {
            teamId: '12345678-1234-4321-8765-123456789012',
            tenantId: '12345678-1234-4321-8765-123456789013',
            channelId: '19%3Aabcdef%40thread.tacv2',
          },
        },
      }),
    ),
  ],
  ['with a component built here', synth({ ...deployment(edgeBuiltHere), component: built })],
]);
export const variant = (name: string, stackName: string) =>
  variants.get(name)?.get(`twinloop-${stackName}`) as Template;
