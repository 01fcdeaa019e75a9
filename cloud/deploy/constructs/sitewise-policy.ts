import type { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FLEET_TAG } from '../stacks/assets-stack.js';

/** Operations on a fleet's assets and the time series of their properties, and on no others. */
export function siteWiseStatements(
  stack: Stack,
  fleet: string,
  actions: readonly string[],
): PolicyStatement[] {
  const arn = (resource: string) =>
    stack.formatArn({ service: 'iotsitewise', resource, resourceName: '*' });
  const onSeries = actions.filter((a) => !/DescribeAsset|AssetModel/.test(a));
  return [
    new PolicyStatement({
      actions: [...actions],
      resources: [
        arn('asset'),
        ...(actions.some((a) => a.endsWith('AssetModel')) ? [arn('asset-model')] : []),
      ],
      conditions: { StringEquals: { [`aws:ResourceTag/${FLEET_TAG}`]: fleet } },
    }),
    ...(onSeries.length === 0
      ? []
      : [
          new PolicyStatement({
            actions: onSeries,
            resources: [arn('time-series')],
            conditions: { StringEquals: { 'iotsitewise:isAssociatedWithAssetProperty': 'true' } },
          }),
        ]),
  ];
}
