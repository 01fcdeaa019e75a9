import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { CfnWorkspace as GrafanaWorkspace } from 'aws-cdk-lib/aws-grafana';
import { ArnPrincipal, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnScene, CfnWorkspace as TwinMakerWorkspace } from 'aws-cdk-lib/aws-iottwinmaker';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { DeploymentConfig, FleetConfig } from '../../../shared/config/index.js';
import { METRICS_NAMESPACE } from '../../worker/emf.js';
import {
  acknowledgeWildcards,
  bucketArn,
  bucketWildcards,
  SITEWISE_WILDCARDS,
} from '../constructs/acknowledge.js';
import { ChatChannels } from '../constructs/chat-channels.js';
import { siteWiseStatements } from '../constructs/sitewise-policy.js';
import { OPERATIONS } from '../permissions/operations.js';
import { SCENE_PREFIX } from '../view-files.js';
import type { CalibrationStack } from './calibration-stack.js';
import type { DataStack } from './data-stack.js';

/** CloudWatch searches return at most so many series; a bigger fleet is watched by its maximum. */
const SEARCH_PERIOD_S = 300;

/** What the worker measures of a fleet. */
interface FleetMetrics {
  /** Of whole runs. */
  ofRun(metricName: string, statistic: string): Metric;
  /** The largest of all assets. */
  worst(metricName: string): MathExpression;
}

function fleetMetrics({ schedule }: DeploymentConfig, fleet: FleetConfig): FleetMetrics {
  const period = Duration.minutes(Math.max(5, schedule.everyMinutes));
  return {
    ofRun: (metricName, statistic) =>
      new Metric({
        namespace: METRICS_NAMESPACE,
        metricName,
        dimensionsMap: { Fleet: fleet.name },
        statistic,
        period,
      }),
    worst: (metricName) =>
      new MathExpression({
        expression: `SELECT MAX(${metricName}) FROM SCHEMA("${METRICS_NAMESPACE}", Asset, Fleet) WHERE Fleet = '${fleet.name}'`,
        usingMetrics: {},
        period: Duration.seconds(SEARCH_PERIOD_S),
        label: `${metricName}, worst asset`,
      }),
  };
}

/** Who sees that something is wrong, and where one looks. */
export class MonitoringStack extends Stack {
  /** Id of TwinMaker's workspace, and name of Grafana's. */
  readonly workspaceId: string;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      config: DeploymentConfig;
      fleet: FleetConfig;
      data: DataStack;
      calibration: CalibrationStack;
      /** Twins that have a scene. */
      scenes: readonly string[];
    },
  ) {
    super(scope, id, props);
    const { config, fleet } = props;
    this.workspaceId = `${config.name}-${fleet.name}`;
    const topic = this.topic(config, fleet, props.data);
    const metrics = fleetMetrics(config, fleet);
    this.alarms(config, topic, metrics, props.calibration);
    this.dashboard(config, fleet, metrics);
    if (config.twinMaker) this.twinMaker(fleet, props.data, props.scenes);
    if (config.grafana) this.grafana(config, fleet, props.data);
  }

  /** Where alarms go, and who hears of them. */
  private topic(config: DeploymentConfig, fleet: FleetConfig, data: DataStack): Topic {
    const topic = new Topic(this, 'Alarms', { enforceSSL: true, masterKey: data.key });
    if (config.alarms.email !== undefined) {
      topic.addSubscription(new EmailSubscription(config.alarms.email));
    }
    if (config.alarms.webhook !== undefined) {
      topic.addSubscription(new UrlSubscription(config.alarms.webhook));
    }
    if (config.alarms.slack !== undefined || config.alarms.teams !== undefined) {
      new ChatChannels(this, 'Chat', {
        name: `${config.name}-${fleet.name}`,
        topic: topic as ITopic,
        alarms: config.alarms,
      });
    }
    return topic;
  }

  private alarms(
    config: DeploymentConfig,
    topic: Topic,
    { ofRun, worst }: FleetMetrics,
    calibration: CalibrationStack,
  ): void {
    const describe = (name: string, description: string) =>
      config.alarms.runbook === undefined
        ? `${description}. What to do: docs/how-to/alarms.md, ${name}.`
        : `${description}. What to do: ${config.alarms.runbook}#${name.toLowerCase()}`;
    /** Says so where a metric lies above its threshold for some periods; nothing where it is missing. */
    const above = (
      name: string,
      metric: Metric | MathExpression,
      threshold: number,
      description: string,
      periods = 1,
    ) => {
      new Alarm(this, name, {
        metric,
        threshold,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluationPeriods: periods,
        alarmDescription: describe(name, description),
        treatMissingData: TreatMissingData.NOT_BREACHING,
      }).addAlarmAction(new SnsAction(topic));
    };
    above(
      'DeadLetters',
      new Metric({
        namespace: 'AWS/SQS',
        metricName: 'ApproximateNumberOfMessagesVisible',
        dimensionsMap: { QueueName: calibration.deadLetters.queueName },
        statistic: 'Maximum',
        period: Duration.minutes(5),
      }),
      0,
      'Calibration jobs could not be submitted',
    );
    above(
      'FailedJobs',
      new Metric({
        namespace: 'AWS/Events',
        metricName: 'TriggeredRules',
        dimensionsMap: { RuleName: calibration.failedJobs.ref },
        statistic: 'Sum',
        period: Duration.minutes(5),
      }),
      0,
      'A calibration job failed for good or ran out of time: see the log of failed jobs',
    );
    above(
      'Failed',
      ofRun('AssetsFailed', 'Maximum'),
      0,
      'Assets could not be calibrated: see the run’s report in the store',
    );
    const { staleDataMinutes, nisAbove } = config.alarms;
    above('Stale', worst('DataAge'), staleDataMinutes * 60, 'An asset sends no new data', 3);
    above('Nis', worst('MeanNis'), nisAbove, 'Model and machine disagree on an asset', 3);
    // Nothing at all is the worst fault: no run reported for three periods.
    new Alarm(this, 'Silent', {
      metric: ofRun('RunSeconds', 'SampleCount'),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      alarmDescription: describe('Silent', 'No calibration has run'),
      treatMissingData: config.schedule.enabled
        ? TreatMissingData.BREACHING
        : TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(topic));
  }

  private dashboard(
    config: DeploymentConfig,
    fleet: FleetConfig,
    { ofRun, worst }: FleetMetrics,
  ): void {
    new Dashboard(this, 'Dashboard', {
      dashboardName: `${config.name}-${fleet.name}`,
      widgets: [
        [
          new GraphWidget({
            title: 'Assets',
            left: [ofRun('AssetsCalibrated', 'Sum'), ofRun('AssetsFailed', 'Sum')],
            width: 12,
          }),
          new GraphWidget({
            title: 'Run time, s',
            left: [ofRun('RunSeconds', 'Maximum')],
            width: 12,
          }),
        ],
        [
          new GraphWidget({ title: 'Age of data, s', left: [worst('DataAge')], width: 12 }),
          new GraphWidget({ title: 'Mean NIS', left: [worst('MeanNis')], width: 12 }),
        ],
      ],
    });
  }

  private twinMaker(fleet: FleetConfig, data: DataStack, scenes: readonly string[]): void {
    const role = new Role(this, 'TwinMakerRole', {
      assumedBy: new ServicePrincipal('iottwinmaker.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
      description: 'What TwinMaker reads',
    });
    for (const statement of [
      ...siteWiseStatements(this, fleet.name, OPERATIONS.twinMaker.siteWise),
      new PolicyStatement({
        actions: [...OPERATIONS.twinMaker.objects],
        resources: [data.bucket.arnForObjects(`${SCENE_PREFIX}/*`)],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.twinMaker.mark],
        resources: [data.bucket.arnForObjects('DO_NOT_DELETE_WORKSPACE_*')],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.twinMaker.bucket],
        resources: [data.bucket.bucketArn],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.twinMaker.key],
        resources: [data.key.keyArn],
      }),
    ]) {
      role.addToPolicy(statement);
    }
    acknowledgeWildcards(role, {
      ...SITEWISE_WILDCARDS,
      ...bucketWildcards(data.stackName, [SCENE_PREFIX]),
      [`${bucketArn(data.stackName)}/DO_NOT_DELETE_WORKSPACE_*`]:
        'TwinMaker names its mark in the bucket.',
    });
    const workspace = new TwinMakerWorkspace(this, 'TwinMaker', {
      workspaceId: this.workspaceId,
      role: role.roleArn,
      s3Location: data.bucket.bucketArn,
    });
    // The policy is not part of the role's ARN: without it the workspace can't be made.
    workspace.node.addDependency(role.node.findChild('DefaultPolicy'));
    for (const sceneId of scenes) {
      new CfnScene(this, `Scene-${sceneId}`, {
        workspaceId: workspace.workspaceId,
        sceneId,
        contentLocation: data.bucket.s3UrlForObject(`${SCENE_PREFIX}/${sceneId}.json`),
      }).addResourceDependency(workspace);
    }
  }

  private grafana(config: DeploymentConfig, fleet: FleetConfig, data: DataStack): void {
    const role = new Role(this, 'GrafanaRole', {
      assumedBy: new ServicePrincipal('grafana.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
      description: 'What dashboards read',
    });
    for (const statement of siteWiseStatements(this, fleet.name, OPERATIONS.grafana.siteWise)) {
      role.addToPolicy(statement);
    }
    role.addToPolicy(
      new PolicyStatement({ actions: [...OPERATIONS.grafana.siteWiseLists], resources: ['*'] }),
    );
    if (config.twinMaker) this.sceneViewer(role, data);
    acknowledgeWildcards(role, {
      ...SITEWISE_WILDCARDS,
      '*': 'The lists of SiteWise take no resource.',
    });
    const workspace = new GrafanaWorkspace(this, 'Grafana', {
      name: this.workspaceId,
      accountAccessType: 'CURRENT_ACCOUNT',
      authenticationProviders: ['AWS_SSO'],
      permissionType: 'CUSTOMER_MANAGED',
      // TwinMaker's plugin is installed by hand: CloudFormation does not know it here.
      dataSources: ['SITEWISE'],
      roleArn: role.roleArn,
      pluginAdminEnabled: true,
    });
    new CfnOutput(this, 'GrafanaUrl', { value: workspace.attrEndpoint });
  }

  /** What TwinMaker's data source in Grafana assumes, and hands on to browsers that show a scene. */
  private sceneViewer(grafanaRole: Role, data: DataStack): void {
    const viewer = new Role(this, 'SceneViewerRole', {
      assumedBy: new ArnPrincipal(grafanaRole.roleArn),
      description: 'What the viewer of scenes reads',
    });
    grafanaRole.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.grafana.viewer],
        resources: [viewer.roleArn],
      }),
    );
    const workspace = this.formatArn({
      service: 'iottwinmaker',
      resource: 'workspace',
      resourceName: this.workspaceId,
    });
    for (const statement of [
      new PolicyStatement({
        actions: [...OPERATIONS.sceneViewer.twinMaker],
        resources: [workspace, `${workspace}/*`],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.sceneViewer.objects],
        resources: [data.bucket.arnForObjects(`${SCENE_PREFIX}/*`)],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.sceneViewer.key],
        resources: [data.key.keyArn],
      }),
    ]) {
      viewer.addToPolicy(statement);
    }
    acknowledgeWildcards(viewer, {
      ...bucketWildcards(data.stackName, [SCENE_PREFIX]),
      [`arn:<AWS::Partition>:iottwinmaker:<AWS::Region>:<AWS::AccountId>:workspace/${this.workspaceId}/*`]:
        'Entities and scenes of the one workspace; read only.',
    });
    new CfnOutput(this, 'SceneViewerRoleArn', { value: viewer.roleArn });
  }
}
