import { rmSync } from 'node:fs';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CorsRule,
  HttpMethods,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { DeploymentConfig } from '../../../shared/config/index.js';
import { acknowledge } from '../constructs/acknowledge.js';
import { BucketUploads } from '../constructs/bucket-uploads.js';
import { confineBucketEmptier } from '../constructs/emptied-bucket.js';
import { type FleetFiles, writeFleetFolder, writeFolder } from '../fleet-folder.js';
import type { ViewFiles } from '../view-files.js';

/** Where state, reports, fleet, dashboards and scenes are kept: a bucket and its key. */
export class DataStack extends Stack {
  readonly key: Key;
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
    this.key = new Key(this, 'Key', {
      description: 'Encrypts what Twinloop keeps',
      enableKeyRotation: true,
      removalPolicy,
      ...(retain ? {} : { pendingWindow: Duration.days(7) }),
    });
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
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
    acknowledge(this.bucket, {
      'AwsSolutions-S1':
        'Access logs would need a second bucket; few roles write here, and their calls are in CloudTrail.',
    });
    if (!retain) confineBucketEmptier(this);
    this.uploads = new BucketUploads(this, 'Uploads', {
      bucket: this.bucket,
      key: this.key,
      removalPolicy,
    });
    this.#upload('fleet', writeFleetFolder(props.files));
    for (const [prefix, files] of props.files.views) this.#upload(prefix, writeFolder(files));
    new CfnOutput(this, 'Store', { value: `s3://${this.bucket.bucketName}` });
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
