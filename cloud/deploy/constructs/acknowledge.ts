import { CfnResource, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts findings of checks on one construct, each with its reason. */
export function acknowledge(
  construct: IConstruct,
  reasons: Readonly<Record<string, string>>,
): void {
  for (const [id, reason] of Object.entries(reasons)) {
    Validations.of(construct).acknowledge({ id, reason });
  }
}

/** Accepts findings of checkov on a construct's own resource, each with its reason, in the template. */
export function acceptForCheckov(
  construct: IConstruct,
  reasons: Readonly<Record<string, string>>,
): void {
  const resource = CfnResource.isCfnResource(construct) ? construct : construct.node.defaultChild;
  (resource as CfnResource).addMetadata('checkov', {
    skip: Object.entries(reasons).map(([id, comment]) => ({ id, comment })),
  });
}

/** Accepts wildcards in a role's policies: each resource by itself, as cdk-nag names it. */
export function acknowledgeWildcards(
  role: IConstruct,
  reasons: Readonly<Record<string, string>>,
): void {
  for (const [resource, reason] of Object.entries(reasons)) {
    acknowledge(role, { [`AwsSolutions-IAM5[Resource::${resource}]`]: reason });
  }
}

const HERE = '<AWS::Region>:<AWS::AccountId>';

/** The wildcards of `siteWiseStatements`. */
export const SITEWISE_WILDCARDS: Readonly<Record<string, string>> = {
  [`arn:<AWS::Partition>:iotsitewise:${HERE}:asset/*`]:
    'Assets have generated ids; the tag of the fleet is a condition.',
  [`arn:<AWS::Partition>:iotsitewise:${HERE}:asset-model/*`]:
    'Models have generated ids; the tag of the fleet is a condition.',
  [`arn:<AWS::Partition>:iotsitewise:${HERE}:time-series/*`]:
    'Time series have generated ids; only those of asset properties, by a condition.',
};

/** The data stack's bucket as cdk-nag names it: what follows from its path in the stack. */
const BUCKET_ID = 'Bucket83908E77';

/** The ARN of the data stack's bucket as cdk-nag names it, in that stack and in others. */
export function bucketArn(dataStack?: string): string {
  return dataStack === undefined
    ? `<${BUCKET_ID}.Arn>`
    : `${dataStack}:ExportsOutputFnGetAtt${BUCKET_ID}Arn063C8555`;
}

/** Objects under prefixes of the data stack's bucket, as cdk-nag names them in other stacks. */
export function bucketWildcards(
  dataStack: string,
  prefixes: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    prefixes.map((p) => [
      `${bucketArn(dataStack)}/${p}/*`,
      'Objects under one prefix; their names are not known.',
    ]),
  );
}
