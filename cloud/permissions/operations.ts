import { S3_STORE_OPERATIONS } from '../../shared/storage/index.js';

/**
 * What each part asks of AWS. Policies are generated from these lists and nothing else; a test
 * holds the synthesized policies against them.
 */
export const OPERATIONS = {
  worker: {
    siteWise: [
      'iotsitewise:BatchGetAssetPropertyValueHistory',
      'iotsitewise:BatchPutAssetPropertyValue',
      'iotsitewise:DescribeAsset',
      'iotsitewise:DescribeTimeSeries',
    ],
    objects: [...S3_STORE_OPERATIONS.read, ...S3_STORE_OPERATIONS.write],
    bucket: [...S3_STORE_OPERATIONS.list],
    key: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
  scheduler: {
    batch: ['batch:SubmitJob'],
    deadLetters: ['sqs:SendMessage'],
  },
  edge: {
    siteWise: ['iotsitewise:BatchPutAssetPropertyValue'],
    artifacts: [...S3_STORE_OPERATIONS.read],
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
      'iotsitewise:ListAssetModels',
      'iotsitewise:ListAssets',
      'iotsitewise:ListTimeSeries',
    ],
    twinMaker: [
      'iottwinmaker:GetEntity',
      'iottwinmaker:GetPropertyValueHistory',
      'iottwinmaker:GetScene',
      'iottwinmaker:GetWorkspace',
      'iottwinmaker:ListEntities',
      'iottwinmaker:ListScenes',
    ],
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
    bucket: ['s3:GetBucketLocation', ...S3_STORE_OPERATIONS.list],
    key: ['kms:Decrypt'],
  },
} as const;
