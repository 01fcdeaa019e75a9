import {
  BatchGetAssetPropertyValueHistoryCommand,
  BatchPutAssetPropertyValueCommand,
  DescribeTimeSeriesCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { messageOf, TwinError } from '../../../shared/core/index.js';
import { toTwinError } from '../../../shared/sitewise/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import { latestKey, stateKey } from '../../worker/index.js';
import { type Check, failed, ok, warning } from './check.js';

const POLICY = 'The role’s policy is generated from cloud/deploy/permissions: deploy again.';

/** The asset that the probes ask for. */
export interface ProbedAsset {
  fleet: string;
  assetId: string;
  alias: string;
}

/** One operation that a worker uses, asked for in a way that changes nothing. */
interface Probe {
  operation: string;
  /** Rejects when it is not allowed. */
  ask(): Promise<unknown>;
}

/** A second after 1970: no value of that age is ever stored, but asking for it needs permission. */
const TOO_OLD = { timeInSeconds: 1, offsetInNanos: 0 };
/** No object has this ETag: a write on this condition is never carried out. */
const NO_ETAG = '"00000000000000000000000000000000"';

function siteWiseProbes(client: IoTSiteWiseClient, { alias }: ProbedAsset): Probe[] {
  const entryError = (errors: readonly { errorCode?: string | undefined }[] | undefined) => {
    const denied = errors?.find((e) => e.errorCode === 'AccessDeniedException');
    if (denied !== undefined) throw toTwinError({ name: denied.errorCode, message: '' }, 'Denied');
  };
  return [
    {
      operation: 'iotsitewise:DescribeTimeSeries',
      ask: () => client.send(new DescribeTimeSeriesCommand({ alias })),
    },
    {
      operation: 'iotsitewise:BatchGetAssetPropertyValueHistory',
      ask: async () => {
        const { errorEntries } = await client.send(
          new BatchGetAssetPropertyValueHistoryCommand({
            entries: [{ entryId: '0', propertyAlias: alias, endDate: new Date(1000) }],
          }),
        );
        entryError(errorEntries);
      },
    },
    {
      operation: 'iotsitewise:BatchPutAssetPropertyValue',
      ask: async () => {
        const { errorEntries } = await client.send(
          new BatchPutAssetPropertyValueCommand({
            entries: [
              {
                entryId: '0',
                propertyAlias: alias,
                propertyValues: [{ value: { doubleValue: 0 }, timestamp: TOO_OLD }],
              },
            ],
          }),
        );
        entryError(errorEntries?.flatMap((e) => e.errors ?? []));
      },
    },
  ];
}

function storeProbes(store: ObjectStore, { fleet, assetId }: ProbedAsset): Probe[] {
  const never = async (key: string) => {
    try {
      await store.put(key, new Uint8Array(), { ifMatch: NO_ETAG });
    } catch (error) {
      if (!(error instanceof TwinError) || error.code !== 'CONFLICT') throw error;
    }
  };
  return [
    {
      operation: 'list the store (s3:ListBucket)',
      ask: () => store.list(latestKey(fleet, assetId)),
    },
    {
      operation: 'read from the store (s3:GetObject)',
      ask: () => store.get(stateKey(fleet, assetId)),
    },
    {
      operation: 'write to the store (s3:PutObject)',
      ask: async () => {
        await never(stateKey(fleet, assetId));
        await never(latestKey(fleet, assetId));
      },
    },
  ];
}

/** Asks for each operation of a worker without changing anything. */
export async function checkPermissions(
  client: IoTSiteWiseClient,
  store: ObjectStore | undefined,
  asset: ProbedAsset,
): Promise<Check[]> {
  const probes = [
    ...siteWiseProbes(client, asset),
    ...(store === undefined ? [] : storeProbes(store, asset)),
  ];
  const checks: Check[] = [];
  for (const { operation, ask } of probes) {
    try {
      await ask();
      checks.push(ok('permission', operation, 'allowed'));
    } catch (error) {
      const fault = toTwinError(error, operation);
      if (fault.code === 'ACCESS_DENIED') {
        checks.push(failed('permission', operation, messageOf(fault), POLICY));
      } else if (fault.code === 'NOT_FOUND' && operation.startsWith('iotsitewise:')) {
        checks.push(ok('permission', operation, 'allowed (the stream is not there)'));
      } else {
        checks.push(
          warning('permission', operation, messageOf(fault), 'Not known: look again later.'),
        );
      }
    }
  }
  return checks;
}
