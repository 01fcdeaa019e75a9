import { silentLogger, systemClock } from '../../shared/core/index.js';
import { whyNotOffered } from './api/not-offered.js';
import { OPERATIONS, type OperationName } from './api/schema.js';
import { NO_QUOTAS, Throttle } from './http/quotas.js';
import { Account } from './resources/account.js';
import { allHandlers } from './resources/index.js';

/** How far an implemented operation goes, where it does not go all the way. */
const REMARKS: Partial<Record<OperationName, string>> = {
  BatchGetAssetPropertyAggregates: 'computed when asked for, up to 4000 a page',
  BatchGetAssetPropertyValueHistory:
    'entries one after the other, up to 20,000 values or 4 MB a page',
  BatchPutAssetPropertyValue:
    'values to attributes, measurements and free aliases; not STRUCT, JSON',
  CreateAsset: 'from asset models, as the service has it: not from components or interfaces',
  CreateAssetModel: 'all property types; formulas of the documented subset',
  CreateAssetModelCompositeModel:
    'inline, or of a component model, with those that it has itself; 50 in a model',
  CreateBulkImportJob:
    'CSV and Parquet (columns named as those of CSV) from buckets that are folders (`--buckets`); all values into the one tier; not MP4, annotations, data sets',
  CreateComputationModel:
    'kept and described; results are an ordinary measurement, written by whoever detects',
  CreateGateway: 'kept and described; nothing is deployed',
  DeleteAssetModel: 'without If-Match conditions',
  DescribeAssetModel: 'one version, the newest',
  DescribeComputationModel: 'one version, the newest',
  DescribeComputationModelExecutionSummary: 'always empty: no model is trained',
  DescribeDefaultEncryptionConfiguration: 'always the default',
  DescribeLoggingOptions: 'what was put',
  ExecuteAction:
    'checked and kept; what would train or run a model ends as FAILED and says that nothing ran',
  ExecuteQuery:
    'SELECT with JOIN, WHERE, GROUP BY, HAVING, ORDER BY; of functions COUNT, SUM, AVG, MIN, MAX, CONCAT',
  GetAssetPropertyAggregates: 'computed when asked for, up to 2500 a page',
  GetInterpolatedAssetPropertyValues: 'linear and last observation carried forward',
  ListAssetModels: 'one version, the newest',
  PutLoggingOptions: 'kept; nothing is logged by it',
  PutAssetModelInterfaceRelationship:
    'properties by override, name or made anew, hierarchies by name; what answers to nothing is refused by name',
  PutStorageConfiguration:
    'hot, warm and cold tier as the service takes them; the values are in one store: a warm tier is that they are kept for longer, and nothing is exported to the cold tier’s bucket (the log says so)',
  UpdateAssetProperty:
    'notifications go to a broker of one’s own (`--notifications`), of values that are written; not of transforms and metrics, which are computed when read',
  UpdateAssetModel:
    'without If-Match conditions; data types cannot change; an interface that is applied keeps its properties',
  UpdateGatewayCapabilityConfiguration: 'kept as text; nothing is deployed',
};

/** An operation of the API and what the stand-in makes of it. */
export interface OperationSupport {
  name: OperationName;
  plane: string;
  implemented: boolean;
  remark: string;
}

/** Every operation of the API, in the order of their names. */
export function listOperations(): OperationSupport[] {
  const account = new Account({
    clock: systemClock,
    logger: silentLogger,
    activationMs: 0,
    accountId: '000000000000',
    region: 'local',
  });
  const handlers = allHandlers(account, new Throttle(NO_QUOTAS, () => 0), () => {});
  return [...OPERATIONS.values()].map(({ name, plane }) => {
    const implemented = handlers[name] !== undefined;
    return {
      name,
      plane,
      implemented,
      remark: implemented ? (REMARKS[name] ?? '') : whyNotOffered({ name }),
    };
  });
}

/** The table of all operations, as the docs have it. */
export function operationsTable(): string {
  const operations = listOperations();
  const offered = operations.filter((o) => o.implemented).length;
  const lines = operations.map(
    (o) => `| ${o.name} | ${o.plane} | ${o.implemented ? 'yes' : '–'} | ${o.remark} |`,
  );
  return `# Operations

Of the API's ${operations.length} operations the stand-in offers ${offered}. The others answer
\`NotImplementedException\` with status 501, after the signature was checked, with the reason that
stands beside them.

| operation | plane | offered | remark |
| --- | --- | --- | --- |
${lines.join('\n')}
`;
}
