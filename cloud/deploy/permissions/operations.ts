import { S3_STORE_OPERATIONS } from '../../../shared/store/index.js';

/**
 * What each part asks of AWS. Policies are generated from these lists and nothing else; a test
 * holds the synthesized policies against them.
 */
export const OPERATIONS = {
  worker: {
    siteWise: [
      // An input that is sent on change has its last value perhaps before all history.
      'iotsitewise:BatchGetAssetPropertyValue',
      'iotsitewise:BatchGetAssetPropertyValueHistory',
      'iotsitewise:BatchPutAssetPropertyValue',
      'iotsitewise:DescribeAsset',
      'iotsitewise:DescribeTimeSeries',
    ],
    objects: [...S3_STORE_OPERATIONS.read, ...S3_STORE_OPERATIONS.write],
    bucket: [...S3_STORE_OPERATIONS.list],
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
  /** Starts a job: fetches its image and writes its log. */
  launcher: {
    image: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
    // Takes no resource.
    login: ['ecr:GetAuthorizationToken'],
    logs: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  },
  /** Records who speaks to whom in the network of the jobs. */
  flowLog: {
    logs: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
  },
  /** Puts fleet, twins and FMUs into the bucket during the deployment. */
  uploads: {
    source: [...S3_STORE_OPERATIONS.read],
    objects: [...S3_STORE_OPERATIONS.write, ...S3_STORE_OPERATIONS.delete],
    bucket: [...S3_STORE_OPERATIONS.list],
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
    logs: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  },
  /** Empties the bucket of a trial when its stack is removed; the bucket's policy lets it. */
  emptier: {
    logs: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  },
  /** EventBridge, writing down which jobs have failed. */
  failedJobs: {
    logs: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  },
  /** CloudWatch Logs, encrypting this account's logs. */
  logEncryption: {
    key: [
      'kms:Decrypt',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:GenerateDataKey',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
    ],
  },
  /** CloudWatch, sending alarms to an encrypted topic. */
  alarms: {
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
  scheduler: {
    batch: ['batch:SubmitJob'],
    deadLetters: ['sqs:SendMessage'],
    // The queue is encrypted.
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
  edge: {
    siteWise: ['iotsitewise:BatchPutAssetPropertyValue'],
    artifacts: [...S3_STORE_OPERATIONS.read],
    // Only where artifacts lie in the encrypted bucket.
    key: ['kms:Decrypt'],
    logs: [
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'logs:DescribeLogStreams',
      'logs:PutLogEvents',
    ],
  },
  grafana: {
    siteWise: [
      'iotsitewise:BatchGetAssetPropertyAggregates',
      'iotsitewise:BatchGetAssetPropertyValue',
      'iotsitewise:BatchGetAssetPropertyValueHistory',
      'iotsitewise:DescribeAsset',
      'iotsitewise:DescribeAssetModel',
      'iotsitewise:DescribeAssetProperty',
      'iotsitewise:DescribeTimeSeries',
      'iotsitewise:GetInterpolatedAssetPropertyValues',
    ],
    // These take no resource.
    siteWiseLists: [
      // Alarms on the charts.
      'iotsitewise:ExecuteQuery',
      'iotsitewise:ListAssetModels',
      'iotsitewise:ListAssets',
      'iotsitewise:ListTimeSeries',
    ],
    viewer: ['sts:AssumeRole'],
  },
  /** TwinMaker's data source in Grafana, and the browsers that it lends its rights to. */
  sceneViewer: {
    twinMaker: [
      'iottwinmaker:GetEntity',
      'iottwinmaker:GetPropertyValueHistory',
      'iottwinmaker:GetScene',
      'iottwinmaker:GetWorkspace',
      'iottwinmaker:ListEntities',
      'iottwinmaker:ListScenes',
    ],
    objects: [...S3_STORE_OPERATIONS.read],
    key: ['kms:Decrypt'],
  },
  twinMaker: {
    siteWise: [
      'iotsitewise:BatchGetAssetPropertyValueHistory',
      'iotsitewise:DescribeAsset',
      'iotsitewise:DescribeAssetModel',
      'iotsitewise:GetAssetPropertyValue',
      'iotsitewise:GetAssetPropertyValueHistory',
    ],
    objects: [...S3_STORE_OPERATIONS.read],
    // TwinMaker marks the bucket as its own, and takes the mark away with the workspace.
    mark: [...S3_STORE_OPERATIONS.write, ...S3_STORE_OPERATIONS.delete],
    bucket: ['s3:GetBucketLocation', ...S3_STORE_OPERATIONS.list],
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
} as const;
