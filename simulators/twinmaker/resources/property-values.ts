import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { ApiFault } from '../../sitewise/api/faults.js';
import { decodeToken, encodeToken } from '../../sitewise/api/pagination.js';
import { invalid, missing, refuseMembers, type TwinMakerHandlers } from '../api.js';
import { ASSET_ID } from './component-types.js';
import type { Components } from './components.js';
import type { SiteWiseConnector } from './connector.js';
import { requireEntity } from './entity-records.js';
import type { ComponentProperty, TwinMakerAccount } from './records.js';

/** Values of a property in one answer unless asked otherwise. */
const DEFAULT_RESULTS = 100;

/** A component that is asked for values. */
interface Source {
  entityId: string;
  componentName: string;
  readsSiteWise: boolean;
  assetId: string;
  properties: Record<string, ComponentProperty>;
}

interface Place {
  workspaceId?: string | undefined;
  entityId?: string | undefined;
  componentName?: string | undefined;
  componentTypeId?: string | undefined;
}

function timeOf(name: string, text: string | undefined, date: Date | undefined): Date {
  if (text === undefined) {
    if (date === undefined) throw invalid(`The request must have ${name}, as ISO 8601 text.`);
    return date;
  }
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalid(`${name} is ${text}: expected a time as ISO 8601 has it.`);
  return new Date(ms);
}

/** Operations on values of properties; time series come from SiteWise. */
export function propertyValueHandlers(
  account: TwinMakerAccount,
  components: Components,
  connector: SiteWiseConnector,
): TwinMakerHandlers {
  function workspaceOf(id = '') {
    const found = account.workspaces.get(id);
    if (found === undefined) throw missing(`The workspace ${id}`);
    return found;
  }
  /** The components that a request names: one of an entity, or all of a type. */
  function sourcesOf({
    workspaceId = '',
    entityId,
    componentName,
    componentTypeId,
  }: Place): Source[] {
    const toSource = (
      id: string,
      name: string,
      component: Parameters<Components['propertiesOf']>[1],
    ): Source => {
      const properties = components.propertiesOf(workspaceId, component);
      return {
        entityId: id,
        componentName: name,
        readsSiteWise: components.readsSiteWise(workspaceId, component),
        assetId: properties[ASSET_ID]?.value?.stringValue ?? '',
        properties,
      };
    };
    if (entityId !== undefined) {
      const entity = requireEntity(account, workspaceId, entityId);
      const component = entity.components[componentName ?? ''];
      if (componentName === undefined) throw invalid('With an entityId goes a componentName.');
      if (component === undefined) {
        throw missing(`The component ${componentName} of entity ${entityId}`);
      }
      return [toSource(entityId, componentName, component)];
    }
    if (componentTypeId === undefined) {
      throw invalid('The request must name an entityId and componentName, or a componentTypeId.');
    }
    return [...account.entities.values()]
      .filter((e) => e.workspaceId === workspaceId)
      .flatMap((e) =>
        Object.entries(e.components)
          .filter(([, c]) => c.typeId === componentTypeId)
          .map(([name, c]) => toSource(e.id, name, c)),
      );
  }
  function definitionIn({ entityId, componentName, properties }: Source, name: string) {
    const definition = properties[name]?.definition;
    if (definition === undefined) {
      throw invalid(
        `The component ${componentName} of entity ${entityId} has no property ${name}.`,
      );
    }
    return definition;
  }
  const requireSiteWise = (source: Source, name: string) => {
    if (source.readsSiteWise) return;
    throw new ApiFault(
      'ConnectorFailureException',
      `${source.componentName}.${name} is read by a function of the user's, which this stand-in does not run.`,
    );
  };

  return {
    async GetPropertyValue(input: sdk.GetPropertyValueRequest) {
      refuseMembers(input, ['componentPath', 'propertyGroupName', 'tabularConditions']);
      const { role } = workspaceOf(input.workspaceId);
      const [source] = sourcesOf(input);
      if (source === undefined) return { propertyValues: {} };
      const { entityId, componentName, properties } = source;
      const propertyValues: Record<string, object> = {};
      for (const propertyName of input.selectedProperties ?? []) {
        const definition = definitionIn(source, propertyName);
        if (definition.isTimeSeries) {
          throw invalid(`${propertyName} is a time series: ask GetPropertyValueHistory for it.`);
        }
        if (definition.isStoredExternally) requireSiteWise(source, propertyName);
        const propertyValue = definition.isStoredExternally
          ? await connector.latest(role, source.assetId, definition)
          : properties[propertyName]?.value;
        propertyValues[propertyName] = {
          propertyReference: { entityId, componentName, propertyName },
          propertyValue,
        };
      }
      return { propertyValues };
    },
    async GetPropertyValueHistory(input: sdk.GetPropertyValueHistoryRequest) {
      refuseMembers(input, ['componentPath', 'interpolation', 'propertyFilters']);
      const { role } = workspaceOf(input.workspaceId);
      const start = timeOf('startTime', input.startTime, input.startDateTime);
      const end = timeOf('endTime', input.endTime, input.endDateTime);
      if (start >= end) throw invalid('startTime must be before endTime.');
      const maxResults = input.maxResults || DEFAULT_RESULTS;
      const { nextToken, ...question } = input;
      const scope = `GetPropertyValueHistory ${JSON.stringify(question)}`;
      const before = decodeToken(scope, nextToken) as Record<string, string> | undefined;
      const after: Record<string, string> = {};
      const propertyValues: object[] = [];
      for (const source of sourcesOf(input)) {
        const { entityId, componentName, assetId } = source;
        for (const propertyName of input.selectedProperties ?? []) {
          const definition = definitionIn(source, propertyName);
          if (!definition.isTimeSeries) {
            throw invalid(`${propertyName} is no time series: ask GetPropertyValue for it.`);
          }
          requireSiteWise(source, propertyName);
          const place = `${entityId}/${componentName}/${propertyName}`;
          // A page tells of every property what is left of it.
          if (before !== undefined && before[place] === undefined) continue;
          const page = await connector.history(role, {
            assetId,
            definition,
            start,
            end,
            descending: input.orderByTime === 'DESCENDING',
            maxResults,
            nextToken: before?.[place],
          });
          if (page.nextToken !== undefined) after[place] = page.nextToken;
          propertyValues.push({
            entityPropertyReference:
              input.entityId === undefined
                ? { externalIdProperty: { [ASSET_ID]: assetId }, propertyName }
                : { entityId, componentName, propertyName },
            values: page.values,
          });
        }
      }
      const more = Object.keys(after).length > 0;
      return { propertyValues, ...(more ? { nextToken: encodeToken(scope, after) } : {}) };
    },
  };
}
