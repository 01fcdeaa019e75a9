import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { stacks, variant, variants } from '../../support/deployed-app.js';

describe('what an organization brings along', () => {
  const here = 'in an organization’s network, with its key and chat';
  const KEY = 'arn:aws:kms:us-east-1:123456789012:key/12345678-90ab-cdef-1234-567890abcdef';

  test('its network is used, and none is made', () => {
    const template = variant(here, 'calibration');
    for (const type of ['VPC', 'Subnet', 'NatGateway', 'SecurityGroup', 'FlowLog']) {
      template.resourceCountIs(`AWS::EC2::${type}`, 0);
    }
    template.hasResourceProperties('AWS::Batch::ComputeEnvironment', {
      ComputeResources: {
        Subnets: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'],
        SecurityGroupIds: ['sg-0a1b2c3d'],
      },
    });
    template.hasResourceProperties('AWS::Batch::JobDefinition', {
      ContainerProperties: { NetworkConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
  });

  test('its key encrypts all that ours did, and what its policy must allow is told', () => {
    const made = [...(variants.get(here)?.values() ?? [])];
    for (const template of made) template.resourceCountIs('AWS::KMS::Key', 0);
    const text = JSON.stringify(made.map((t) => t.toJSON()));
    const ours = JSON.stringify([...stacks.values()].map((t) => t.toJSON()));
    const keyOf = (all: string) =>
      [...all.matchAll(/"(KMSMasterKeyID|KmsKeyId|KmsMasterKeyId)":/g)].length;
    expect(keyOf(text)).toBe(keyOf(ours) - 1); // the flow log of a network that is not made
    expect(text).not.toMatch(/"KMSMasterKeyID":(?!"arn:aws:kms)/);
    expect(text).toContain(`"KMSMasterKeyID":"${KEY}"`);
    const outputs = JSON.stringify(variant(here, 'data').findOutputs('KeyPolicy'));
    for (const word of [
      'logs.',
      'cloudwatch.amazonaws.com',
      'kms:GenerateDataKey',
      'aws:SourceAccount',
    ]) {
      expect(outputs).toContain(word);
    }
  });

  test('its chat channels are told of alarms, by a role that allows nothing', () => {
    const template = variant(here, 'monitoring');
    const [topic = ''] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const type of ['SlackChannelConfiguration', 'MicrosoftTeamsChannelConfiguration']) {
      template.hasResourceProperties(`AWS::Chatbot::${type}`, {
        SnsTopicArns: [{ Ref: topic }],
        GuardrailPolicies: [Match.anyValue()],
      });
    }
    const roles = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(roles).not.toContain('ChannelRole');
  });
});
