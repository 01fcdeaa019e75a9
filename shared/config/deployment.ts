import { z } from 'zod';

/**
 * Least and most memory of a Fargate job.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
 */
function fargateMemoryMiB(vcpu: number): [number, number] {
  return vcpu < 1 ? [1024, 4096] : [2048 * vcpu, vcpu === 4 ? 30_720 : 8192 * vcpu];
}

/** What the CDK app deploys: one file, `deployment.json`. */
export const deploymentSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and -')
      .max(20)
      .default('twinloop')
      .describe('Begins the names of all stacks.'),
    fleet: z.string().min(1).describe('Path of the fleet file, relative to this file.'),
    retain: z
      .boolean()
      .default(true)
      .describe(
        'Whether bucket, key and logs outlive `cdk destroy`; false for trials: the bucket is emptied and all is removed.',
      ),
    tags: z
      .record(z.string().min(1).max(128), z.string().max(256))
      .default({})
      .describe('Put on every resource that takes tags, beside `project`.'),
    permissionsBoundary: z
      .string()
      .regex(
        /^arn:aws[\w-]*:iam::\d{12}:policy\/.+$/,
        'expected the ARN of a policy, such as arn:aws:iam::123456789012:policy/boundary',
      )
      .optional()
      .describe('Managed policy that bounds every role, where an organization demands one.'),
    keyArn: z
      .string()
      .regex(
        /^arn:aws[\w-]*:kms:[\w-]+:\d{12}:key\/[\w-]+$/,
        'expected the ARN of a key, such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-…',
      )
      .optional()
      .describe(
        'KMS key that encrypts everything, instead of one of the deployment’s own; the output KeyPolicy says what its policy must allow.',
      ),
    schedule: z
      .strictObject({
        everyMinutes: z
          .int()
          .min(2)
          .max(1440)
          .default(20)
          .describe('Minutes between calibrations.'),
        enabled: z.boolean().default(true).describe('Whether the schedule runs.'),
      })
      .prefault({}),
    compute: z
      .strictObject({
        type: z
          .enum(['fargate', 'fargate-spot', 'ec2', 'ec2-spot'])
          .default('fargate')
          .describe('Where jobs run; EC2 scales down to nothing between runs.'),
        vcpu: z
          .union([z.literal(0.5), z.literal(1), z.literal(2), z.literal(4)])
          .default(1)
          .describe('Of one job; the FMU runs in as many processes.'),
        memoryMiB: z
          .int()
          .min(1024)
          .max(30_720)
          .default(2048)
          .describe('Of one job; Fargate takes 2 to 8 GiB per vCPU, 1 to 4 for half of one.'),
        maxVcpus: z.int().min(1).max(10_000).default(16).describe('Of all jobs at a time.'),
        attempts: z
          .int()
          .min(1)
          .max(10)
          .default(3)
          .describe('Starts of a job before it has failed.'),
        timeoutMinutes: z
          .int()
          .min(1)
          .max(1440)
          .default(15)
          .describe('A job is stopped after this; less than the time between two runs.'),
        privateNetwork: z
          .boolean()
          .default(false)
          .describe('Private subnets with a NAT gateway (about 33 USD a month) instead of public.'),
        network: z
          .strictObject({
            vpcId: z.string().regex(/^vpc-[0-9a-f]+$/, 'expected an id such as vpc-0a1b2c3d'),
            subnetIds: z
              .array(
                z.string().regex(/^subnet-[0-9a-f]+$/, 'expected an id such as subnet-0a1b2c3d'),
              )
              .min(1)
              .max(16)
              .describe('Where jobs run; they must reach S3, SiteWise, ECR and CloudWatch Logs.'),
            securityGroupIds: z
              .array(z.string().regex(/^sg-[0-9a-f]+$/, 'expected an id such as sg-0a1b2c3d'))
              .min(1)
              .max(5)
              .optional()
              .describe('Of the jobs; default: one that lets nothing in and anything out.'),
            publicIp: z
              .boolean()
              .default(false)
              .describe('Whether jobs on Fargate get a public address, as public subnets need.'),
          })
          .optional()
          .describe('A network that is there, instead of one of the deployment’s own.'),
      })
      .prefault({}),
    logRetentionDays: z
      .union([z.literal(7), z.literal(30), z.literal(90), z.literal(365)])
      .default(30)
      .describe('How long logs are kept.'),
    alarms: z
      .strictObject({
        email: z.string().optional().describe('Address that alarms are sent to.'),
        webhook: z
          .string()
          .regex(/^https:\/\/\S+$/, 'expected an https:// address')
          .optional()
          .describe(
            'Address that alarms are posted to as SNS messages; it has to confirm the subscription.',
          ),
        slack: z
          .strictObject({
            workspaceId: z.string().regex(/^T[0-9A-Z]+$/, 'expected an id such as T0123ABCD'),
            channelId: z.string().regex(/^[A-Z0-9]+$/, 'expected an id such as C0123ABCD'),
          })
          .optional()
          .describe(
            'Slack channel that alarms are posted to; its workspace is authorized in AWS Chatbot’s console once.',
          ),
        teams: z
          .strictObject({
            teamId: z.uuid(),
            tenantId: z.uuid(),
            channelId: z
              .string()
              .regex(/^19(:|%3A)\S+$/i, 'expected an id such as 19%3A…%40thread.tacv2'),
          })
          .optional()
          .describe(
            'Teams channel that alarms are posted to; its team is authorized in AWS Chatbot’s console once.',
          ),
        runbook: z
          .string()
          .regex(/^https?:\/\/\S+$/, 'expected an http:// or https:// address')
          .optional()
          .describe(
            'Where docs/how-to/alarms.md can be read: each alarm then links to its section there.',
          ),
        staleDataMinutes: z.int().min(1).default(60).describe('Data older than this are stale.'),
        nisAbove: z
          .number()
          .positive()
          .default(20)
          .describe('Mean NIS of a run above which model and machine disagree.'),
      })
      .prefault({}),
    grafana: z.boolean().default(true).describe('Whether there is a Managed Grafana workspace.'),
    twinMaker: z.boolean().default(true).describe('Whether there is a TwinMaker workspace.'),
    edge: z
      .strictObject({
        thingGroup: z.string().min(1).default('twinloop-gateways'),
        component: z
          .union([
            z.strictObject({
              build: z
                .string()
                .min(1)
                .describe('What `npm run build:component` made: uploaded and made a version of.'),
            }),
            z.strictObject({
              name: z.string().min(1),
              version: z.string().regex(/^\d+\.\d+\.\d+$/, 'expected a version like 1.2.3'),
            }),
          ])
          .optional()
          .describe(
            'The component that the deployment puts on the gateways: built here, or one that was published.',
          ),
        coreDevice: z
          .string()
          .min(1)
          .optional()
          .describe('Thing name of the Greengrass core that is a SiteWise gateway.'),
        artifactBucket: z
          .string()
          .min(3)
          .optional()
          .describe('Bucket that a component named by version was published to.'),
      })
      .optional()
      .describe('The gateways; left out, nothing is set up for them.'),
  })
  .superRefine((d, context) => {
    const { compute } = d;
    if (compute.timeoutMinutes >= d.schedule.everyMinutes) {
      context.addIssue({
        code: 'custom',
        path: ['compute', 'timeoutMinutes'],
        message: `expected less than schedule.everyMinutes (${d.schedule.everyMinutes}), so that runs don't pile up`,
      });
    }
    if (compute.network !== undefined && compute.privateNetwork) {
      context.addIssue({
        code: 'custom',
        path: ['compute', 'privateNetwork'],
        message: 'expected false beside compute.network: nothing is made that could be private',
      });
    }
    const [least, most] = fargateMemoryMiB(compute.vcpu);
    if (
      compute.type.startsWith('fargate') &&
      (compute.memoryMiB < least || compute.memoryMiB > most || compute.memoryMiB % 1024 !== 0)
    ) {
      context.addIssue({
        code: 'custom',
        path: ['compute', 'memoryMiB'],
        message: `expected whole GiB from ${least} to ${most} MiB, as Fargate offers them with ${compute.vcpu} vCPU`,
      });
    }
  });

export type DeploymentConfig = z.output<typeof deploymentSchema>;
