import { type CfnResource, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { OPERATIONS } from '../permissions/operations.js';

/** The library's construct behind `autoDeleteObjects`. */
const PROVIDER = 'Custom::S3AutoDeleteObjectsCustomResourceProvider';

/**
 * Has the function that empties a bucket at `cdk destroy` log into a group that goes with its
 * stack: the one that Lambda makes by itself would stay behind.
 *
 * @param stack with a bucket that has `autoDeleteObjects`
 */
export function confineBucketEmptier(stack: Stack): void {
  const provider = stack.node.findChild(PROVIDER);
  const role = provider.node.findChild('Role') as CfnResource;
  const handler = provider.node.findChild('Handler') as CfnResource;
  const log = new LogGroup(stack, 'EmptierLog', {
    retention: RetentionDays.ONE_WEEK,
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
  handler.addPropertyOverride('LoggingConfig', {
    LogGroup: stack.resolve(log.logGroupName) as unknown,
  });
}
