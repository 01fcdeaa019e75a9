/**
 * Lengths, ranges, patterns and list maxima of the members that the implemented operations take.
 * The SDK's schemas do not carry them; they are from the API reference and the service's quotas.
 *
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_Operations.html
 */
import * as sdk from '@aws-sdk/client-iotsitewise';

/** What a value must satisfy beyond its type. */
export interface Limit {
  /** Shortest text or list, or least number. */
  min?: number;
  /** Longest text or list, or greatest number. */
  max?: number;
  /** The whole text must match. */
  pattern?: RegExp;
  values?: readonly string[];
}

const oneOf = (values: Record<string, string>): Limit => ({ values: Object.values(values) });

const UUID_SOURCE =
  '(?!00000000-0000-0000-0000-000000000000)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const EXTERNAL_ID_SOURCE = '[a-zA-Z0-9_][a-zA-Z_\\-0-9.:]*[a-zA-Z0-9_]+';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it forbids
const PRINTABLE = /^[^\u0000-\u001F\u007F]+$/;

const restrictedName: Limit = { min: 1, max: 256, pattern: /^[a-zA-Z0-9 _\-#$*!@.]+$/ };
const restrictedDescription: Limit = { min: 1, max: 2048, pattern: /^[a-zA-Z0-9 _\-#$*!@]+$/ };
const variableName: Limit = { min: 1, max: 64, pattern: /^[a-z][a-z0-9_]*$/ };
/** `${name}`, as configurations of computation models name variables. */
const variableReference: Limit = { min: 4, max: 67, pattern: /^\$\{[a-z][a-z0-9_]*\}$/ };
const uuid: Limit = { min: 36, max: 36, pattern: new RegExp(`^${UUID_SOURCE}$`) };
/** A UUID or `externalId:<id>`, as control operations take. */
const customId: Limit = {
  min: 13,
  max: 139,
  pattern: new RegExp(`^(?:${UUID_SOURCE}|externalId:${EXTERNAL_ID_SOURCE})$`),
};
const externalId: Limit = { min: 2, max: 128, pattern: new RegExp(`^${EXTERNAL_ID_SOURCE}$`) };
const name: Limit = { min: 1, max: 256, pattern: PRINTABLE };
const description: Limit = { min: 1, max: 2048, pattern: PRINTABLE };
const dataAlias: Limit = { min: 1, max: 2048, pattern: PRINTABLE };
const alias: Limit = { min: 1, max: 2048, pattern: PRINTABLE };
const entryId: Limit = { min: 1, max: 64, pattern: /^[a-zA-Z0-9_-]+$/ };
const timeInSeconds: Limit = { min: 1, max: 9_223_372_036_854_774 };
const offsetInNanos: Limit = { min: 0, max: 999_999_999 };
const interval: Limit = { min: 1, max: 320_000_000 };
const pageSize: Limit = { min: 1, max: 250 };
const anyPageSize: Limit = { min: 1 };
const workspaceName: Limit = { min: 1, max: 64, pattern: /^[a-zA-Z0-9_-]+$/ };
const etag: Limit = { pattern: /^[\w-]{43}$/ };
const thingName: Limit = { min: 1, max: 128, pattern: /^[a-zA-Z0-9:_-]+$/ };
const arn: Limit = {
  min: 1,
  max: 1600,
  pattern: /^arn:aws(-cn|-us-gov)?:[a-zA-Z0-9-:/_.]+$/,
};

/** By member name, wherever it occurs and nothing below says otherwise. */
const MEMBER_LIMITS: Readonly<Record<string, Limit>> = {
  actionDefinitionId: uuid,
  actionId: uuid,
  actionType: name,
  aggregateTypes: { min: 1 },
  alias,
  aliasPrefix: alias,
  assetCompositeModelId: customId,
  assetDescription: description,
  assetExternalId: externalId,
  assetId: customId,
  assetModelCompositeModelDescription: description,
  assetModelCompositeModelExternalId: externalId,
  assetModelCompositeModelId: customId,
  assetModelCompositeModelName: name,
  assetModelCompositeModelType: name,
  assetModelDescription: description,
  assetModelExternalId: externalId,
  assetModelId: customId,
  assetModelName: name,
  assetModelPropertyId: customId,
  assetModelType: oneOf(sdk.AssetModelType),
  assetModelTypes: {},
  assetModelVersion: { pattern: /^(LATEST|ACTIVE|\d+)$/ },
  assetName: name,
  bucket: { min: 3, max: 63 },
  capabilityConfiguration: { min: 1, max: 10_000_000 },
  capabilityNamespace: { min: 1, max: 512, pattern: /^[a-zA-Z]+:[a-zA-Z]+:[0-9]+$/ },
  childAssetId: customId,
  childAssetModelId: customId,
  clientToken: { min: 36, max: 64, pattern: /^\S{36,64}$/ },
  composedAssetModelId: customId,
  computationModelDescription: restrictedDescription,
  computationModelId: uuid,
  computationModelName: restrictedName,
  computationModelType: oneOf(sdk.ComputationModelType),
  computationModelVersion: { pattern: /^(LATEST|ACTIVE|[1-9]\d{0,9})$/ },
  computeLocation: oneOf(sdk.ComputeLocation),
  coreDeviceOperatingSystem: oneOf(sdk.CoreDeviceOperatingSystem),
  coreDeviceThingName: thingName,
  dataType: oneOf(sdk.PropertyDataType),
  dataTypeSpec: name,
  defaultValue: { pattern: PRINTABLE },
  description,
  disassociatedDataStorage: oneOf(sdk.DisassociatedDataStorageState),
  encryptionType: oneOf(sdk.EncryptionType),
  endTimeInSeconds: timeInSeconds,
  endTimeOffsetInNanos: offsetInNanos,
  entryId,
  executionId: uuid,
  expression: { min: 0, max: 1024 },
  externalId,
  gatewayId: uuid,
  gatewayName: name,
  gatewayVersion: { min: 1, max: 1024, pattern: /^[0-9]+$/ },
  groupArn: arn,
  hierarchyId: customId,
  id: uuid,
  ifMatch: etag,
  ifNoneMatch: { pattern: /^\*$/ },
  inputProperties: variableReference,
  interfaceAssetModelId: customId,
  interfaceAssetModelPropertyId: customId,
  intervalInSeconds: interval,
  intervalWindowInSeconds: interval,
  iotCoreThingName: thingName,
  jobId: uuid,
  jobName: { min: 1, max: 256, pattern: /^[\p{L}\p{N}\p{Zs}._:/-]+$/u },
  jobRoleArn: arn,
  kmsKeyId: { min: 1, max: 2048 },
  level: oneOf(sdk.LoggingLevel),
  matchForVersionType: oneOf(sdk.AssetModelVersionType),
  maxResults: pageSize,
  name,
  nextToken: { min: 1, max: 4096, pattern: /^[A-Za-z0-9+/=]+$/ },
  offset: { min: 2, max: 25 },
  offsetInNanos,
  parentAssetModelCompositeModelId: customId,
  propertyAlias: dataAlias,
  propertyId: customId,
  propertyNotificationState: oneOf(sdk.PropertyNotificationState),
  propertyUnit: name,
  qualities: { min: 1, max: 1 },
  quality: oneOf(sdk.Quality),
  queryStatement: { min: 1, max: 10_000 },
  resolution: { min: 2, max: 3, pattern: /^(1m|15m|1h|1d)$/ },
  resolveToResourceId: uuid,
  resolveToResourceType: oneOf(sdk.ResolveToResourceType),
  resourceArn: { min: 1, max: 1011 },
  resultProperty: variableReference,
  roleArn: arn,
  s3ResourceArn: arn,
  startTimeInSeconds: timeInSeconds,
  startTimeOffsetInNanos: offsetInNanos,
  storageType: oneOf(sdk.StorageType),
  tagKeys: { min: 0, max: 200 },
  tags: { min: 1, max: 50 },
  targetResourceId: uuid,
  targetResourceType: oneOf(sdk.TargetResourceType),
  timeInSeconds,
  timeOrdering: oneOf(sdk.TimeOrdering),
  timeSeriesType: oneOf(sdk.ListTimeSeriesType),
  traversalDirection: oneOf(sdk.TraversalDirection),
  traversalType: oneOf(sdk.TraversalType),
  unit: name,
  valueType: oneOf(sdk.RawValueType),
  warmTier: oneOf(sdk.WarmTierState),
  workspaceName,
};

/** Requests of the data plane take UUIDs only. */
const DATA_IDS = { assetId: uuid, propertyId: uuid };
/** And so do the bindings of computation models. */
const BOUND_IDS = { ...DATA_IDS, assetModelId: uuid };

/** By structure and member, where a name means something of its own there. */
const STRUCTURE_LIMITS: Readonly<Record<string, Readonly<Record<string, Limit>>>> = {
  ActionPayload: { stringValue: { pattern: PRINTABLE } },
  AssetBindingValueFilter: BOUND_IDS,
  AssetModelBindingValueFilter: BOUND_IDS,
  AssetModelPropertyBindingValue: BOUND_IDS,
  AssetModelPropertyBindingValueFilter: BOUND_IDS,
  AssetPropertyBindingValue: BOUND_IDS,
  AssetPropertyBindingValueFilter: BOUND_IDS,
  BatchGetAssetPropertyAggregatesEntry: DATA_IDS,
  BatchGetAssetPropertyAggregatesRequest: { entries: { max: 16 }, maxResults: anyPageSize },
  BatchGetAssetPropertyValueEntry: DATA_IDS,
  BatchGetAssetPropertyValueHistoryEntry: DATA_IDS,
  BatchGetAssetPropertyValueHistoryRequest: { entries: { max: 16 }, maxResults: anyPageSize },
  BatchGetAssetPropertyValueRequest: { entries: { max: 128 } },
  BatchPutAssetPropertyValueRequest: { entries: { max: 10 } },
  CreateAssetModelCompositeModelRequest: { assetModelCompositeModelId: uuid },
  CreateAssetModelRequest: { assetModelId: uuid },
  CreateAssetRequest: { assetId: uuid },
  ExecuteQueryRequest: { nextToken: { min: 1, max: 4096 }, maxResults: anyPageSize },
  ExpressionVariable: { name: variableName },
  GetAssetPropertyAggregatesRequest: { ...DATA_IDS, maxResults: anyPageSize },
  GetAssetPropertyValueHistoryRequest: { ...DATA_IDS, maxResults: anyPageSize },
  GetAssetPropertyValueRequest: DATA_IDS,
  GetInterpolatedAssetPropertyValuesRequest: {
    ...DATA_IDS,
    maxResults: anyPageSize,
    type: { min: 1, max: 256 },
  },
  ListAssetModelPropertiesRequest: { filter: oneOf(sdk.ListAssetModelPropertiesFilter) },
  ListAssetPropertiesRequest: { filter: oneOf(sdk.ListAssetPropertiesFilter) },
  ListAssetsRequest: { filter: oneOf(sdk.ListAssetsFilter) },
  ListBulkImportJobsRequest: { filter: oneOf(sdk.ListBulkImportJobsFilter) },
  ResolveTo: BOUND_IDS,
  TargetResource: BOUND_IDS,
  PutAssetPropertyValueEntry: { ...DATA_IDS, propertyValues: { min: 1, max: 10 } },
  TumblingWindow: { interval: { min: 2, max: 23 } },
  UpdateAssetModelRequest: { assetModelExternalId: externalId },
  VariableValue: {
    propertyId: { min: 1, max: 256, pattern: PRINTABLE },
    hierarchyId: { min: 1, max: 256, pattern: PRINTABLE },
  },
};

/** The items of a list, by the list's member name. */
const ITEM_LIMITS: Readonly<Record<string, Limit>> = {
  aggregateTypes: oneOf(sdk.AggregateType),
  columnNames: oneOf(sdk.ColumnName),
  assetModelTypes: oneOf(sdk.AssetModelType),
  qualities: oneOf(sdk.Quality),
  tagKeys: { min: 1, max: 128 },
};

/** The keys and values of maps, by the map's member name. */
const MAP_LIMITS: Readonly<Record<string, { key: Limit; value?: Limit }>> = {
  computationModelDataBinding: { key: variableName },
  tags: { key: { min: 1, max: 128 }, value: { min: 0, max: 256 } },
};

/** The limits of one API. */
export interface ApiLimits {
  /** Of a structure's member. */
  of(structure: string, member: string): Limit | undefined;
  /** Of the items of a list, by the list's member name. */
  ofItem(list: string): Limit | undefined;
  /** Of the keys and values of a map, by the map's member name. */
  ofMap(map: string): { key?: Limit | undefined; value?: Limit | undefined } | undefined;
}

/** The limits of IoT SiteWise. */
export const SITEWISE_LIMITS: ApiLimits = {
  of: (structure, member) => STRUCTURE_LIMITS[structure]?.[member] ?? MEMBER_LIMITS[member],
  ofItem: (list) => ITEM_LIMITS[list],
  ofMap: (map) => MAP_LIMITS[map],
};
