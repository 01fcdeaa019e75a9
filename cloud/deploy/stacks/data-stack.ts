import { rmSync } from 'node:fs';
import { ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CorsRule,
  HttpMethods,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { DeploymentConfig } from '../../../shared/config/index.js';
import { acceptForCheckov, acknowledge } from '../constructs/acknowledge.js';
import { BucketUploads } from '../constructs/bucket-uploads.js';
import { confineBucketEmptier } from '../constructs/emptied-bucket.js';
import { type FleetFiles, writeFleetFolder, writeFolder } from '../fleet-folder.js';
import { OPERATIONS } from '../permissions/operations.js';
import { DASHBOARD_PREFIX, type ViewFiles } from '../view-files.js';

/** Where state, reports, fleet, dashboards and scenes are kept: a bucket and its key. */
export class DataStack extends Stack {
  readonly key: IKey;
  readonly bucket: Bucket;
  /** Puts files of this deployment into the bucket. */
  readonly uploads: BucketUploads;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { config: DeploymentConfig; files: FleetFiles & { views: ViewFiles } },
  ) {
    super(scope, id, props);
    const { retain } = props.config;
    const removalPolicy = retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const { keyArn } = props.config;
    if (keyArn === undefined) {
      const key = new Key(this, 'Key', {
        description: 'Encrypts what Twinloop keeps',
        enableKeyRotation: true,
        removalPolicy,
        ...(retain ? {} : { pendingWindow: Duration.days(7) }),
      });
      for (const statement of this.#ofServices()) key.addToResourcePolicy(statement);
      this.key = key as IKey;
    } else {
      this.key = Key.fromKeyArn(this, 'Key', keyArn);
      // Its policy is its owner's to change: what has to be in it is told.
      new CfnOutput(this, 'KeyPolicy', {
        description: 'What the policy of the key must allow, beside the account’s own IAM policies',
        value: this.toJsonString(this.#ofServices().map((s) => s.toStatementJson() as unknown)),
      });
    }
    const accessLog = new Bucket(this, 'AccessLog', {
      // The service that writes access logs cannot use the bucket's key policy alone.
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        { expiration: Duration.days(90), noncurrentVersionExpiration: Duration.days(1) },
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy,
      autoDeleteObjects: !retain,
    });
    const itself = 'This is the bucket of access logs: logging its own would never end.';
    acknowledge(accessLog, { 'AwsSolutions-S1': itself });
    acceptForCheckov(accessLog, { CKV_AWS_18: itself });
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: accessLog as IBucket,
      serverAccessLogsPrefix: 'store/',
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        { noncurrentVersionExpiration: Duration.days(30), noncurrentVersionsToRetain: 20 },
        { prefix: 'reports/', expiration: Duration.days(90) },
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      // Browsers that show a scene in Grafana fetch it from here.
      cors: props.config.grafana && props.config.twinMaker ? [sceneCors(this)] : [],
      removalPolicy,
      autoDeleteObjects: !retain,
    });
    if (!retain) confineBucketEmptier(this, this.key);
    this.uploads = new BucketUploads(this, 'Uploads', {
      bucket: this.bucket,
      key: this.key,
      removalPolicy,
    });
    this.#upload('fleet', writeFleetFolder(props.files));
    for (const [prefix, files] of props.files.views) this.#upload(prefix, writeFolder(files));
    new CfnOutput(this, 'Store', { value: `s3://${this.bucket.bucketName}` });
    if (props.config.grafana) {
      const dashboards = this.bucket.s3UrlForObject(DASHBOARD_PREFIX);
      new CfnOutput(this, 'Dashboards', { value: dashboards });
    }
  }

  /** Lets services use the key for what they keep for this account: logs, and alarms on their way. */
  #ofServices(): PolicyStatement[] {
    return [
      new PolicyStatement({
        principals: [new ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
        actions: [...OPERATIONS.logEncryption.key],
        resources: ['*'],
        conditions: {
          ArnLike: {
            'kms:EncryptionContext:aws:logs:arn': this.formatArn({
              service: 'logs',
              resource: 'log-group',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: [...OPERATIONS.alarms.key],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    ];
  }

  /** Takes a temporary folder into the deployment, and removes it. */
  #upload(prefix: string, folder: string): void {
    try {
      this.uploads.add(prefix, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Lets pages of Grafana workspaces in this region read; they still need the rights to. */
function sceneCors(stack: Stack): CorsRule {
  return {
    allowedMethods: [HttpMethods.GET, HttpMethods.HEAD],
    allowedOrigins: [`https://*.grafana-workspace.${stack.region}.amazonaws.com`],
    allowedHeaders: ['*'],
    exposedHeaders: ['ETag'],
    maxAge: 3000,
  };
}
