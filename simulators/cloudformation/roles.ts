import { createHash } from 'node:crypto';
import type { Deployed, KeptResource } from './deploy.js';
import { isAllowed, type PolicyStatement } from './policies.js';

/** A role with what its policies say, and keys of its own. */
export interface Role {
  name: string;
  arn: string;
  statements: PolicyStatement[];
  accessKeyId: string;
  secretAccessKey: string;
  /** What it was refused, as `action on resource`; each once. */
  denied: Set<string>;
  allows(action: string, resource: string, context?: Record<string, string>): boolean;
}

interface Document {
  Statement?: PolicyStatement | PolicyStatement[];
}

const statementsIn = (document: unknown) => {
  const { Statement } = (document ?? {}) as Document;
  return Statement === undefined ? [] : [Statement].flat();
};

function all(deployed: Deployed, type: string): KeptResource[] {
  return Object.values(deployed.stacks).flatMap(({ resources }) =>
    Object.values(resources).filter((r) => r.type === type),
  );
}

/** Keys that follow from the name: the same in every process, and for loopback only. */
function keyOf(name: string, length: number): string {
  return createHash('sha256').update(`twinloop ${name}`).digest('hex').slice(0, length);
}

/** Every role of the templates, with the statements of its own and of attached policies. */
export function rolesOf(deployed: Deployed): Role[] {
  const policies = [
    ...all(deployed, 'AWS::IAM::Policy'),
    ...all(deployed, 'AWS::IAM::ManagedPolicy'),
  ];
  return all(deployed, 'AWS::IAM::Role').map((role) => {
    const inline = (role.properties.Policies ?? []) as { PolicyDocument: unknown }[];
    const managed = (role.properties.ManagedPolicyArns ?? []) as string[];
    const attached = policies.filter(
      (p) => ((p.properties.Roles ?? []) as string[]).includes(role.id) || managed.includes(p.id),
    );
    const statements = [
      ...inline.flatMap((p) => statementsIn(p.PolicyDocument)),
      ...attached.flatMap((p) => statementsIn(p.properties.PolicyDocument)),
    ];
    const denied = new Set<string>();
    return {
      name: role.id,
      arn: String(role.attributes.Arn),
      statements,
      accessKeyId: `ASIA${keyOf(role.id, 16).toUpperCase()}`,
      secretAccessKey: keyOf(`${role.id} secret`, 40),
      denied,
      allows(action, resource, context = {}) {
        const allowed = isAllowed(statements, { action, resource, context });
        if (!allowed) denied.add(`${action} on ${resource}`);
        return allowed;
      },
    };
  });
}

/** The key that a bucket's objects are encrypted with. */
export function bucketKeyOf(deployed: Deployed, bucket: string): string | undefined {
  const found = all(deployed, 'AWS::S3::Bucket').find((b) => b.id === bucket);
  const encryption = found?.properties.BucketEncryption as
    | {
        ServerSideEncryptionConfiguration?: {
          ServerSideEncryptionByDefault?: { KMSMasterKeyID?: string };
        }[];
      }
    | undefined;
  const [rule] = encryption?.ServerSideEncryptionConfiguration ?? [];
  return rule?.ServerSideEncryptionByDefault?.KMSMasterKeyID;
}

/** The ARN of the role that gateways get through AWS IoT. */
export function gatewayRoleOf(deployed: Deployed): string | undefined {
  const [alias] = all(deployed, 'AWS::IoT::RoleAlias');
  return alias === undefined ? undefined : String(alias.properties.RoleArn);
}

/** A job that a schedule submits. */
export interface ScheduledJob {
  /** e.g. `rate(20 minutes)` */
  schedule: string;
  enabled: boolean;
  scheduler: string;
  queue: string;
  definition: string;
  jobRole: string;
  environment: Record<string, string>;
  /** How many jobs of an array; 1: a plain job. */
  size: number;
}

/** The jobs that schedules of the templates submit to Batch. */
export function jobsOf(deployed: Deployed): ScheduledJob[] {
  const definitions = all(deployed, 'AWS::Batch::JobDefinition');
  return all(deployed, 'AWS::Scheduler::Schedule').flatMap(({ properties }) => {
    const target = properties.Target as { Arn?: string; RoleArn?: string; Input?: string };
    if (target.Arn?.endsWith(':batch:submitJob') !== true) return [];
    const input = JSON.parse(target.Input ?? '{}') as {
      JobQueue?: string;
      JobDefinition?: string;
      ArrayProperties?: { Size?: number };
    };
    const definition = definitions.find((d) => d.id === input.JobDefinition);
    const container = definition?.properties.ContainerProperties as
      | { Environment?: { Name: string; Value: string }[]; JobRoleArn?: string }
      | undefined;
    return [
      {
        schedule: String(properties.ScheduleExpression),
        enabled: properties.State !== 'DISABLED',
        scheduler: target.RoleArn ?? '',
        queue: input.JobQueue ?? '',
        definition: input.JobDefinition ?? '',
        jobRole: container?.JobRoleArn ?? '',
        environment: Object.fromEntries(
          (container?.Environment ?? []).map(({ Name, Value }) => [Name, Value]),
        ),
        size: input.ArrayProperties?.Size ?? 1,
      },
    ];
  });
}
