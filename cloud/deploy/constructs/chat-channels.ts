import { Stack } from 'aws-cdk-lib';
import {
  CfnMicrosoftTeamsChannelConfiguration,
  CfnSlackChannelConfiguration,
} from 'aws-cdk-lib/aws-chatbot';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../../shared/config/index.js';

/** No command in the channel goes beyond this, whatever its role is given later. */
const GUARDRAIL = 'iam::aws:policy/CloudWatchReadOnlyAccess';

/**
 * Posts alarms to channels of Slack and Teams by Amazon Q Developer in chat applications (AWS
 * Chatbot). The workspace or tenant has to be authorized in its console once before.
 */
export class ChatChannels extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: {
      name: string;
      topic: ITopic;
      alarms: Pick<DeploymentConfig['alarms'], 'slack' | 'teams'>;
    },
  ) {
    super(scope, id);
    const { slack, teams } = props.alarms;
    const { account, partition } = Stack.of(this);
    const role = new Role(this, 'ChannelRole', {
      assumedBy: new ServicePrincipal('chatbot.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
      description: 'Of chat channels, which are only told: it allows nothing',
    });
    const common = {
      configurationName: `${props.name}-alarms`,
      iamRoleArn: role.roleArn,
      guardrailPolicies: [`arn:${partition}:${GUARDRAIL}`],
      snsTopicArns: [props.topic.topicArn],
      loggingLevel: 'ERROR',
    };
    if (slack !== undefined) {
      new CfnSlackChannelConfiguration(this, 'Slack', {
        ...common,
        slackWorkspaceId: slack.workspaceId,
        slackChannelId: slack.channelId,
      });
    }
    if (teams !== undefined) {
      new CfnMicrosoftTeamsChannelConfiguration(this, 'Teams', {
        ...common,
        configurationName: `${props.name}-alarms-teams`,
        teamId: teams.teamId,
        teamsTenantId: teams.tenantId,
        teamsChannelId: teams.channelId,
      });
    }
  }
}
