import { type CfnResource, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { OPERATIONS } from '../permissions/operations.js';
import { acceptForCheckov } from './acknowledge.js';

/** The library's construct behind `autoDeleteObjects`. */
const PROVIDER = 'Custom::S3AutoDeleteObjectsCustomResourceProvider';

/**
 * Has the function that empties a bucket at `cdk destroy` log into a group that goes with its
 * stack: the one that Lambda makes by itself would stay behind.
 *
 * @param stack with a bucket that has `autoDeleteObjects`
 * @param key encrypts the log
 */
export function confineBucketEmptier(stack: Stack, key: IKey): void {
  const provider = stack.node.findChild(PROVIDER);
  const role = provider.node.findChild('Role') as CfnResource;
  const handler = provider.node.findChild('Handler') as CfnResource;
  const log = new LogGroup(stack, 'EmptierLog', {
    retention: RetentionDays.ONE_WEEK,
    encryptionKey: key,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  role.addPropertyDeletionOverride('ManagedPolicyArns');
  role.addPropertyOverride('Policies', [
    {
      PolicyName: 'log',
      PolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: [...OPERATIONS.emptier.logs],
            Resource: stack.resolve(log.logGroupArn) as unknown,
          },
        ],
      },
    },
  ]);
  acceptForCheckov(handler, {
    CKV_AWS_115: 'Runs when a trial is removed, once.',
    CKV_AWS_116: 'CloudFormation waits for its answer and reports a failure.',
    CKV_AWS_117: 'Speaks to S3 and CloudFormation only; a policy of the bucket lets it.',
  });
  // The library names the role as a dependency although the function refers to it.
  handler.addMetadata('cfn-lint', { config: { ignore_checks: ['W3005'] } });
  handler.addPropertyOverride('LoggingConfig', {
    LogGroup: stack.resolve(log.logGroupName) as unknown,
  });
}
