import { readFileSync } from 'node:fs';
import { ArnFormat, Duration, Fn, RemovalPolicy, Size, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Action,
  EcsEc2ContainerDefinition,
  EcsFargateContainerDefinition,
  EcsJobDefinition,
  FargateComputeEnvironment,
  HostVolume,
  JobQueue,
  LinuxParameters,
  ManagedEc2EcsComputeEnvironment,
  Reason,
  RetryStrategy,
} from 'aws-cdk-lib/aws-batch';
import {
  FlowLogDestination,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  Subnet,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  ContainerImage,
  CpuArchitecture,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnResourcePolicy, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type DeploymentConfig, type FleetConfig, jobCount } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import {
  acknowledge,
  acknowledgeWildcards,
  bucketWildcards,
  SITEWISE_WILDCARDS,
} from '../constructs/acknowledge.js';
import { siteWiseStatements } from '../constructs/sitewise-policy.js';
import { OPERATIONS } from '../permissions/operations.js';
import type { DataStack } from './data-stack.js';

const RETENTION: Record<DeploymentConfig['logRetentionDays'], RetentionDays> = {
  7: RetentionDays.ONE_WEEK,
  30: RetentionDays.ONE_MONTH,
  90: RetentionDays.THREE_MONTHS,
  365: RetentionDays.ONE_YEAR,
};

/** What the worker writes in the store: a prefix that is missing here is denied to it. */
const WORKER_PREFIXES = ['state', 'reports', 'latest', 'versions', 'quarantine'] as const;

/** The schedule, the queue and the jobs that calibrate a fleet. */
export class CalibrationStack extends Stack {
  readonly deadLetters: Queue;
  readonly logGroup: LogGroup;
  readonly queue: JobQueue;
  readonly jobRole: Role;
  readonly #key: IKey;
  /** Notices jobs that have failed for good; an alarm watches it. */
  readonly failedJobs: CfnRule;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { config: DeploymentConfig; fleet: FleetConfig; data: DataStack },
  ) {
    super(scope, id, props);
    const { config, fleet, data } = props;
    const { compute } = config;
    this.#key = data.key;
    this.logGroup = this.log('Log', config);
    const ec2 = compute.type.startsWith('ec2');
    const common = { ...this.place(config), spot: compute.type.endsWith('-spot') };
    const environment = ec2
      ? new ManagedEc2EcsComputeEnvironment(this, 'Compute', {
          ...common,
          minvCpus: 0,
          maxvCpus: compute.maxVcpus,
        })
      : new FargateComputeEnvironment(this, 'Compute', { ...common, maxvCpus: compute.maxVcpus });
    if (ec2) {
      acknowledge(environment, {
        'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role]':
          'The policy that AWS keeps for the agent on container instances.',
      });
    }
    this.queue = new JobQueue(this, 'Queue', {
      computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
    });

    this.jobRole = new Role(this, 'JobRole', {
      assumedBy: this.ownService('ecs-tasks.amazonaws.com'),
      description: 'What a calibration job may do',
    });
    for (const statement of [
      ...siteWiseStatements(this, fleet.name, OPERATIONS.worker.siteWise),
      new PolicyStatement({
        actions: [...OPERATIONS.worker.objects],
        resources: WORKER_PREFIXES.map((p) => data.bucket.arnForObjects(`${p}/*`)),
      }),
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [data.bucket.arnForObjects('fleet/*')],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.worker.bucket],
        resources: [data.bucket.bucketArn],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.worker.key],
        resources: [data.key.keyArn],
      }),
    ]) {
      this.jobRole.addToPolicy(statement);
    }
    acknowledgeWildcards(this.jobRole, {
      ...SITEWISE_WILDCARDS,
      ...bucketWildcards(data.stackName, [...WORKER_PREFIXES, 'fleet']),
    });

    const image = new DockerImageAsset(this, 'Image', {
      directory: packageFile('.'),
      file: 'cloud/worker/Dockerfile',
      platform: Platform.LINUX_AMD64,
      // As Docker does by itself; here it keeps what is no part of the image from changing its tag.
      exclude: readFileSync(packageFile('cloud/worker/Dockerfile.dockerignore'), 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    });
    const executionRole = this.executionRole(image);
    const container = {
      image: ContainerImage.fromDockerImageAsset(image),
      cpu: compute.vcpu,
      memory: Size.mebibytes(compute.memoryMiB),
      environment: {
        TWINLOOP_STORE: `s3://${data.bucket.bucketName}`,
        TWINLOOP_METRICS: 'emf',
      },
      jobRole: this.jobRole,
      // The library would grant itself the same without the condition on who may assume it.
      executionRole: executionRole.withoutPolicyUpdates(),
      logging: LogDriver.awsLogs({ logGroup: this.logGroup, streamPrefix: 'worker' }),
      readonlyRootFilesystem: true,
      user: 'node',
    };
    const definition = new EcsJobDefinition(this, 'Job', {
      container: ec2
        ? new EcsEc2ContainerDefinition(this, 'Container', {
            ...container,
            privileged: false,
            linuxParameters: new LinuxParameters(this, 'Linux', { initProcessEnabled: true }),
            volumes: [new HostVolume({ name: 'tmp', containerPath: '/tmp', readonly: false })],
          })
        : new EcsFargateContainerDefinition(this, 'Container', {
            ...container,
            assignPublicIp: compute.network?.publicIp ?? !compute.privateNetwork,
            fargateCpuArchitecture: CpuArchitecture.X86_64,
            fargateOperatingSystemFamily: OperatingSystemFamily.LINUX,
            volumes: [new HostVolume({ name: 'tmp', containerPath: '/tmp', readonly: false })],
          }),
      retryAttempts: compute.attempts,
      retryStrategies: [
        RetryStrategy.of(Action.RETRY, Reason.SPOT_INSTANCE_RECLAIMED),
        RetryStrategy.of(Action.RETRY, Reason.CANNOT_PULL_CONTAINER),
        // Code 2: somebody has to mend something; trying again is no use.
        RetryStrategy.of(Action.EXIT, Reason.custom({ onExitCode: '2' })),
        RetryStrategy.of(Action.RETRY, Reason.NON_ZERO_EXIT_CODE),
      ],
      timeout: Duration.minutes(compute.timeoutMinutes),
    });

    definition.node.addDependency(executionRole.node.findChild('DefaultPolicy'));
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: data.key,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(this.deadLetters, { 'AwsSolutions-SQS3': 'This is the dead-letter queue.' });
    this.schedule(config, fleet, definition);
    this.failedJobs = this.recordFailures(config);
  }

  /** Jobs that fail, however they do (also killed by the host or by their timeout), as log lines. */
  private recordFailures(config: DeploymentConfig): CfnRule {
    const log = this.log('FailedJobs', config);
    // Unlike the group's attribute, EventBridge wants its ARN without `:*`.
    const arn = this.formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: log.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const policy = new CfnResourcePolicy(this, 'FailedJobsLogPolicy', {
      policyName: `${config.name}-failed-jobs`,
      policyDocument: this.toJsonString({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: [...OPERATIONS.failedJobs.logs],
            Resource: log.logGroupArn,
            Condition: { StringEquals: { 'aws:SourceAccount': this.account } },
          },
        ],
      }),
    });
    const rule = new CfnRule(this, 'FailedJobsRule', {
      description: 'Calibration jobs that have failed for good',
      eventPattern: {
        source: ['aws.batch'],
        'detail-type': ['Batch Job State Change'],
        detail: { status: ['FAILED'], jobQueue: [this.queue.jobQueueArn] },
      },
      targets: [{ id: 'log', arn }],
    });
    rule.addResourceDependency(policy);
    return rule;
  }

  private log(id: string, config: DeploymentConfig): LogGroup {
    return new LogGroup(this, id, {
      encryptionKey: this.#key,
      retention: RETENTION[config.logRetentionDays],
      removalPolicy: config.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  private executionRole(image: DockerImageAsset): Role {
    const role = new Role(this, 'ExecutionRole', {
      assumedBy: this.ownService('ecs-tasks.amazonaws.com'),
      description: 'Fetches the image of calibration jobs and writes their logs',
    });
    const { launcher } = OPERATIONS;
    for (const [actions, resource] of [
      [launcher.image, image.repository.repositoryArn],
      [launcher.login, '*'],
      [launcher.logs, this.logGroup.logGroupArn],
    ] as const) {
      role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [resource] }));
    }
    acknowledgeWildcards(role, { '*': 'ecr:GetAuthorizationToken takes no resource.' });
    return role;
  }

  /** A service, acting for this account and no other. */
  private ownService(service: string): ServicePrincipal {
    return new ServicePrincipal(service, {
      conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
    });
  }

  /** Where jobs run: a network that is there, or one made for them. */
  private place(config: DeploymentConfig) {
    const { network, privateNetwork } = config.compute;
    const vpc =
      network === undefined
        ? this.network(config)
        : Vpc.fromVpcAttributes(this, 'Vpc', {
            vpcId: network.vpcId,
            // Batch is told subnets alone; which zones they are in is not asked.
            availabilityZones: [Fn.select(0, Fn.getAzs())],
          });
    const given = network?.securityGroupIds?.map((id) =>
      SecurityGroup.fromSecurityGroupId(this, `Jobs-${id}`, id, { mutable: false }),
    );
    const own = () =>
      new SecurityGroup(this, 'Jobs', {
        vpc,
        description: 'Calibration jobs: nothing in, anything out',
        allowAllOutbound: true,
      });
    return {
      vpc,
      securityGroups: given ?? [own()],
      vpcSubnets:
        network === undefined
          ? { subnetType: privateNetwork ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PUBLIC }
          : { subnets: network.subnetIds.map((id) => this.subnet(id)) },
    };
  }

  private subnet(id: string): ISubnet {
    const subnet = Subnet.fromSubnetId(this, `In-${id}`, id);
    acknowledge(subnet, {
      'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId':
        'Batch is told the subnet alone; its routes are its owner’s.',
    });
    return subnet;
  }

  private network(config: DeploymentConfig): IVpc {
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: config.compute.privateNetwork ? 1 : 0,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        ...(config.compute.privateNetwork
          ? [{ name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 22 }]
          : []),
      ],
      restrictDefaultSecurityGroup: false,
    });
    const flowLog = this.log('FlowLog', config);
    const role = new Role(this, 'FlowLogRole', {
      assumedBy: this.ownService('vpc-flow-logs.amazonaws.com'),
      description: 'Writes the flow log of the network',
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.flowLog.logs],
        resources: [flowLog.logGroupArn],
      }),
    );
    vpc.addFlowLog('Flow', {
      destination: FlowLogDestination.toCloudWatchLogs(flowLog, role.withoutPolicyUpdates()),
    });
    // As in `BucketUploads`: the library's classes don't quite fit its interfaces.
    return vpc as IVpc;
  }

  private schedule(config: DeploymentConfig, fleet: FleetConfig, job: EcsJobDefinition): void {
    const { everyMinutes } = config.schedule;
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: this.ownService('scheduler.amazonaws.com'),
      description: 'Submits calibration jobs',
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.scheduler.batch],
        resources: [this.queue.jobQueueArn, job.jobDefinitionArn],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.scheduler.deadLetters],
        resources: [this.deadLetters.queueArn],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.scheduler.key],
        resources: [this.#key.keyArn],
      }),
    );
    const size = jobCount(fleet);
    new CfnSchedule(this, 'Schedule', {
      description: `Calibrates the fleet ${fleet.name}`,
      scheduleExpression: `rate(${everyMinutes} minutes)`,
      state: config.schedule.enabled ? 'ENABLED' : 'DISABLED',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: 'arn:aws:scheduler:::aws-sdk:batch:submitJob',
        roleArn: role.roleArn,
        input: this.toJsonString({
          JobName: `${fleet.name}-calibration`,
          JobQueue: this.queue.jobQueueArn,
          JobDefinition: job.jobDefinitionArn,
          // Batch arrays have 2 to 10000 jobs; one share is a plain job.
          ...(size > 1 ? { ArrayProperties: { Size: size } } : {}),
        }),
        deadLetterConfig: { arn: this.deadLetters.queueArn },
        retryPolicy: {
          // Later, the next run is due anyway.
          maximumEventAgeInSeconds: everyMinutes * 60,
          maximumRetryAttempts: 3,
        },
      },
    });
  }
}
