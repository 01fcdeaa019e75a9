import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { missing, refuseMembers, type TwinMakerHandlers } from '../api.js';
import type { Components } from './components.js';
import { componentSummary, requireEntity } from './entity-records.js';
import type { TwinMakerAccount } from './records.js';
import { PAGE_SIZE } from './workspaces.js';

/** Operations on what entities are made of: components and their properties. */
export function entityComponentHandlers(
  account: TwinMakerAccount,
  components: Components,
): TwinMakerHandlers {
  return {
    ListComponents(input: sdk.ListComponentsRequest) {
      refuseMembers(input, ['componentPath']);
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      const all = Object.entries(entity.components).sort();
      const scope = `ListComponents ${entity.workspaceId} ${entity.id}`;
      const { page, ...next } = paginate(scope, all, ([name]) => name, input, PAGE_SIZE);
      return {
        componentSummaries: page.map(([name, component]) =>
          componentSummary(account, entity, name, component),
        ),
        ...next,
      };
    },
    ListProperties(input: sdk.ListPropertiesRequest) {
      refuseMembers(input, ['componentPath']);
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      const component = entity.components[input.componentName ?? ''];
      if (component === undefined) {
        throw missing(`The component ${input.componentName} of entity ${entity.id}`);
      }
      const all = Object.entries(components.propertiesOf(entity.workspaceId, component)).sort();
      const scope = `ListProperties ${entity.workspaceId} ${entity.id} ${input.componentName}`;
      const { page, ...next } = paginate(scope, all, ([name]) => name, input, PAGE_SIZE);
      return {
        propertySummaries: page.map(([propertyName, property]) => ({
          propertyName,
          ...property,
          areAllPropertyValuesReturned: true,
        })),
        ...next,
      };
    },
  };
}
