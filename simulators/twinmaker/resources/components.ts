import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { messageOf } from '../../../shared/core/index.js';
import { ApiFault } from '../../sitewise/api/faults.js';
import { conflict, invalid } from '../api.js';
import { ASSET_ID, type ComponentTypes, definitionOf, MODEL_ID } from './component-types.js';
import type { SiteWiseConnector } from './connector.js';
import type { ComponentProperty, ComponentRecord, WorkspaceRecord } from './records.js';

const VALUE_MEMBERS: Readonly<Record<string, keyof sdk.DataValue>> = {
  BOOLEAN: 'booleanValue',
  DOUBLE: 'doubleValue',
  INTEGER: 'integerValue',
  LIST: 'listValue',
  LONG: 'longValue',
  MAP: 'mapValue',
  RELATIONSHIP: 'relationshipValue',
  STRING: 'stringValue',
};

/** Components of entities: made, changed, and shown. */
export class Components {
  readonly #types: ComponentTypes;
  readonly #connector: SiteWiseConnector;

  constructor(types: ComponentTypes, connector: SiteWiseConnector) {
    this.#types = types;
    this.#connector = connector;
  }

  /** Every property of a component by name, with what its type says of it. */
  propertiesOf(workspaceId: string, component: ComponentRecord) {
    const type = this.#types.find(workspaceId, component.typeId);
    const inherited = type === undefined ? {} : this.#types.resolved(workspaceId, type).properties;
    const all: Record<string, Required<Pick<ComponentProperty, 'definition'>> & ComponentProperty> =
      {};
    for (const [name, definition] of Object.entries(inherited)) {
      all[name] = {
        definition: { ...definition, isInherited: true },
        value: definition.defaultValue,
      };
    }
    for (const [name, { definition, value }] of Object.entries(component.properties)) {
      const known = definition ?? all[name]?.definition;
      all[name] = { definition: known, value: value ?? all[name]?.value };
    }
    return all;
  }

  readsSiteWise(workspaceId: string, component: ComponentRecord): boolean {
    return this.#types.readsSiteWise(workspaceId, component.typeId);
  }

  /** @throws ApiFault `ValidationException` */
  async create(
    workspace: WorkspaceRecord,
    name: string,
    request: sdk.ComponentRequest,
  ): Promise<ComponentRecord> {
    const typeId = request.componentTypeId;
    if (typeId === undefined || this.#types.find(workspace.id, typeId) === undefined) {
      throw invalid(`The component ${name} is of type ${typeId}, which does not exist.`);
    }
    const component: ComponentRecord = {
      typeId,
      description: request.description,
      properties: {},
    };
    return this.#settle(workspace, name, component, request.properties ?? {});
  }

  /** @throws ApiFault `ValidationException` */
  update(
    workspace: WorkspaceRecord,
    name: string,
    before: ComponentRecord,
    request: sdk.ComponentUpdateRequest,
  ): Promise<ComponentRecord> {
    if (request.componentTypeId !== undefined && request.componentTypeId !== before.typeId) {
      throw conflict(`The component ${name} is of type ${before.typeId}, which cannot change.`);
    }
    const component = {
      ...before,
      description: request.description ?? before.description,
      properties: { ...before.properties },
    };
    return this.#settle(workspace, name, component, request.propertyUpdates ?? {});
  }

  /** Takes properties in, checks them, and asks SiteWise for those that are there. */
  async #settle(
    workspace: WorkspaceRecord,
    name: string,
    component: ComponentRecord,
    updates: Record<string, sdk.PropertyRequest>,
  ): Promise<ComponentRecord> {
    for (const [key, { definition, value, updateType }] of Object.entries(updates)) {
      const path = `${name}.${key}`;
      if (updateType === 'DELETE' || updateType === 'RESET_VALUE') {
        const own = component.properties[key];
        if (updateType === 'DELETE' || own?.definition === undefined)
          delete component.properties[key];
        else component.properties[key] = { definition: own.definition };
        continue;
      }
      const before = component.properties[key];
      component.properties[key] = {
        definition: definition === undefined ? before?.definition : definitionOf(definition, path),
        value: value ?? before?.value,
      };
    }
    const all = this.propertiesOf(workspace.id, component);
    for (const [key, { definition, value }] of Object.entries(all)) {
      const path = `${name}.${key}`;
      if (definition === undefined) {
        throw invalid(`The component type ${component.typeId} has no property ${path}.`);
      }
      if (value === undefined) {
        if (!definition.isRequiredInEntity) continue;
        throw invalid(`The component type ${component.typeId} wants a value of ${path}.`);
      }
      const member = VALUE_MEMBERS[definition.dataType?.type ?? ''];
      if (member !== undefined && value[member] === undefined && value.expression === undefined) {
        throw invalid(
          `The value of ${path} must be a ${member}, as its type ${definition.dataType?.type} says.`,
        );
      }
    }
    if (this.readsSiteWise(workspace.id, component)) await this.#import(workspace, component, all);
    return component;
  }

  /** Takes an asset's properties over. What fails makes the component's state `ERROR`, as in AWS. */
  async #import(
    workspace: WorkspaceRecord,
    component: ComponentRecord,
    all: Record<string, ComponentProperty>,
  ): Promise<void> {
    delete component.error;
    try {
      const { definitions, leftOut } = await this.#connector.schemaOf(
        workspace.role,
        all[ASSET_ID]?.value?.stringValue ?? '',
        all[MODEL_ID]?.value?.stringValue ?? '',
      );
      for (const [key, { definition }] of Object.entries(component.properties)) {
        if (definition?.isImported === true) delete component.properties[key];
      }
      for (const [key, definition] of Object.entries(definitions)) {
        component.properties[key] ??= { definition };
      }
      if (leftOut.length > 0) {
        component.error = `These properties cannot be TwinMaker's by name or type: ${leftOut.join(', ')}.`;
      }
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      component.error = messageOf(error);
    }
  }
}
