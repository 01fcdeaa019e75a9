import { type CfnResource, type RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { BucketDeployment, Source } from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import { OPERATIONS } from '../permissions/operations.js';
import { acceptForCheckov, acknowledge, acknowledgeWildcards, bucketArn } from './acknowledge.js';

/** Puts local folders into a bucket during the deployment, each under a prefix of its own. */
export class BucketUploads extends Construct {
  readonly #bucket: Bucket;
  readonly #logGroup: LogGroup;
  readonly #role: Role;

  constructor(
    scope: Construct,
    id: string,
    props: { bucket: Bucket; key: IKey; removalPolicy: RemovalPolicy },
  ) {
    super(scope, id);
    this.#bucket = props.bucket;
    this.#logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.ONE_MONTH,
      encryptionKey: props.key,
      removalPolicy: props.removalPolicy,
    });
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Puts what the deployment brings into the bucket',
    });
    for (const statement of [
      new PolicyStatement({
        actions: [...OPERATIONS.uploads.bucket],
        resources: [props.bucket.bucketArn],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.uploads.key],
        resources: [props.key.keyArn],
      }),
      new PolicyStatement({
        actions: [...OPERATIONS.uploads.logs],
        resources: [this.#logGroup.logGroupArn],
      }),
    ]) {
      this.#role.addToPolicy(statement);
    }
  }

  /**
   * Uploads a folder; what was under the prefix before and is not in the folder is removed.
   *
   * @param prefix without a slash at its end
   * @param folder read now, also when it is removed before synthesis
   */
  add(prefix: string, folder: string): void {
    const id = prefix.replaceAll(/[^A-Za-z0-9]/g, '-');
    const archive = new Asset(this, `${id}-files`, { path: folder });
    this.#role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.uploads.source],
        resources: [archive.bucket.arnForObjects(archive.s3ObjectKey)],
      }),
    );
    this.#role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.uploads.objects],
        resources: [this.#bucket.arnForObjects(`${prefix}/*`)],
      }),
    );
    acknowledgeWildcards(this.#role, {
      [`${bucketArn()}/${prefix}/*`]: 'Objects under one prefix, named as in the folder.',
    });
    const deployment = new BucketDeployment(this, id, {
      sources: [Source.bucket(archive.bucket, archive.s3ObjectKey)],
      // The library's classes say `string | undefined` where its interface says `string?`.
      destinationBucket: this.#bucket as IBucket,
      destinationKeyPrefix: prefix,
      // The library would grant itself more than it needs.
      role: this.#role.withoutPolicyUpdates(),
      logGroup: this.#logGroup,
      outputObjectKeys: false,
      memoryLimit: 512,
      ephemeralStorageSize: Size.mebibytes(1024),
    });
    deployment.node.addDependency(this.#role.node.findChild('DefaultPolicy'));
    for (const child of Stack.of(this).node.children) {
      if (!child.node.id.startsWith('Custom::CDKBucketDeployment')) continue;
      acknowledge(child, {
        'AwsSolutions-L1': 'The function is the library’s, with the runtime that it was made for.',
      });
      const handler = child.node.defaultChild as CfnResource;
      acceptForCheckov(handler, {
        CKV_AWS_115: 'Runs during deployments only, one at a time.',
        CKV_AWS_116: 'CloudFormation waits for its answer and reports a failure.',
        CKV_AWS_117: 'Speaks to S3 and CloudFormation only, with a role for one bucket.',
        CKV_AWS_173: 'Its only variable is a path of the library’s.',
      });
      // The library names the role as a dependency although the function refers to it.
      handler.addMetadata('cfn-lint', { config: { ignore_checks: ['W3005'] } });
    }
  }
}
