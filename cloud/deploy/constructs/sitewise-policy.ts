import type { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FLEET_TAG } from '../stacks/assets-stack.js';

/**
 * Operations on a fleet's assets, by their tag. SiteWise knows no tags of time series: those operations are
 * allowed on every time series that belongs to a property of some asset, other fleets' among them.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiotsitewise.html
 */
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
