import {
  type AssetPropertyValue,
  DescribeAssetCommand,
  DescribeAssetModelCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
  type Variant,
} from '@aws-sdk/client-iotsitewise';
import type { PropertyDefinitionResponse, Type } from '@aws-sdk/client-iottwinmaker';
import { messageOf } from '../../../shared/core/index.js';
import { ApiFault } from '../../sitewise/api/faults.js';

/** SiteWise as the role of a workspace sees it; undefined where nobody knows the role. */
export type SiteWiseAs = (role: string | undefined) => IoTSiteWiseClient | undefined;

/** By which an imported property is found in SiteWise; in its `configuration`. */
const PROPERTY_ID = 'sitewisePropertyId';
const TYPES: Readonly<Record<string, Type>> = {
  BOOLEAN: 'BOOLEAN',
  DOUBLE: 'DOUBLE',
  INTEGER: 'INTEGER',
  STRING: 'STRING',
};

/** A value as TwinMaker has it. */
function toDataValue(value: Variant | undefined) {
  const { doubleValue, integerValue, booleanValue, stringValue } = value ?? {};
  return { doubleValue, integerValue, booleanValue, stringValue };
}

function toTime({ timestamp }: AssetPropertyValue): string {
  const second = new Date(Number(timestamp?.timeInSeconds ?? 0) * 1000).toISOString().slice(0, 19);
  return `${second}.${String(timestamp?.offsetInNanos ?? 0).padStart(9, '0')}Z`;
}

/** What is asked of one property's history. */
export interface HistoryRequest {
  assetId: string;
  definition: PropertyDefinitionResponse;
  start: Date;
  end: Date;
  descending: boolean;
  maxResults: number;
  nextToken?: string | undefined;
}

/** Reads assets of SiteWise for components of type `com.amazon.iotsitewise.connector`. */
export class SiteWiseConnector {
  readonly #siteWiseAs: SiteWiseAs;

  constructor(siteWiseAs: SiteWiseAs) {
    this.#siteWiseAs = siteWiseAs;
  }

  async #as<T>(role: string | undefined, call: (client: IoTSiteWiseClient) => Promise<T>) {
    const client = this.#siteWiseAs(role);
    if (client === undefined) {
      throw new ApiFault(
        'ConnectorFailureException',
        `TwinMaker cannot act as ${role ?? 'no role'}: the workspace needs a role that exists.`,
      );
    }
    try {
      return await call(client);
    } catch (error) {
      throw new ApiFault(
        'ConnectorFailureException',
        `IoT SiteWise answered ${role ?? 'TwinMaker'}: ${messageOf(error)}`,
      );
    }
  }

  /**
   * The properties of an asset as definitions, by name. Attributes are values, all else is a time
   * series; names that no TwinMaker property may have are left out and named.
   *
   * @throws ApiFault `ConnectorFailureException`
   */
  async schemaOf(
    role: string | undefined,
    assetId: string,
    assetModelId: string,
  ): Promise<{ definitions: Record<string, PropertyDefinitionResponse>; leftOut: string[] }> {
    return this.#as(role, async (client) => {
      const asset = await client.send(new DescribeAssetCommand({ assetId }));
      const model = await client.send(new DescribeAssetModelCommand({ assetModelId }));
      if (asset.assetModelId !== model.assetModelId) {
        throw new Error(`The asset ${assetId} is not of the model ${assetModelId}.`);
      }
      const attributes = new Set(
        model.assetModelProperties?.filter((p) => p.type?.attribute !== undefined).map((p) => p.id),
      );
      const definitions: Record<string, PropertyDefinitionResponse> = {};
      const leftOut: string[] = [];
      for (const { id, name = '', dataType = '', unit } of asset.assetProperties ?? []) {
        const type = TYPES[dataType];
        if (!/^[a-zA-Z_\-0-9]+$/.test(name) || type === undefined || id === undefined) {
          leftOut.push(name);
          continue;
        }
        definitions[name] = {
          dataType: { type, ...(unit === undefined ? {} : { unitOfMeasure: unit }) },
          isTimeSeries: !attributes.has(id),
          isRequiredInEntity: false,
          isExternalId: false,
          isStoredExternally: true,
          isImported: true,
          isFinal: false,
          isInherited: false,
          configuration: { [PROPERTY_ID]: id },
        };
      }
      return { definitions, leftOut };
    });
  }

  /** One page of a property's history. @throws ApiFault `ConnectorFailureException` */
  async history(role: string | undefined, request: HistoryRequest) {
    const { definition, start, end, descending, ...rest } = request;
    const answer = await this.#as(role, (client) =>
      client.send(
        new GetAssetPropertyValueHistoryCommand({
          ...rest,
          propertyId: definition.configuration?.[PROPERTY_ID],
          startDate: start,
          endDate: end,
          timeOrdering: descending ? 'DESCENDING' : 'ASCENDING',
        }),
      ),
    );
    return {
      values: (answer.assetPropertyValueHistory ?? []).map((v) => ({
        time: toTime(v),
        value: toDataValue(v.value),
      })),
      nextToken: answer.nextToken,
    };
  }

  /** The newest value of an attribute; undefined where it has none. */
  async latest(role: string | undefined, assetId: string, definition: PropertyDefinitionResponse) {
    const { propertyValue } = await this.#as(role, (client) =>
      client.send(
        new GetAssetPropertyValueCommand({
          assetId,
          propertyId: definition.configuration?.[PROPERTY_ID],
        }),
      ),
    );
    return propertyValue === undefined ? undefined : toDataValue(propertyValue.value);
  }
}
