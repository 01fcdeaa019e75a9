import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { conflict, invalid, missing, refuseMembers, type TwinMakerHandlers } from '../api.js';
import { type ComponentTypeRecord, keyOf, shownDates, type TwinMakerAccount } from './records.js';
import { PAGE_SIZE } from './workspaces.js';

/** The component type through which TwinMaker reads SiteWise. */
const SITEWISE_CONNECTOR = 'com.amazon.iotsitewise.connector';
/** Names of the properties by which the connector finds its asset. */
export const ASSET_ID = 'sitewiseAssetId';
export const MODEL_ID = 'sitewiseAssetModelId';

type Definition = sdk.PropertyDefinitionResponse;

const required = (isExternalId: boolean): Definition => ({
  dataType: { type: 'STRING' },
  isTimeSeries: false,
  isRequiredInEntity: true,
  isExternalId,
  isStoredExternally: false,
  isImported: false,
  isFinal: true,
  isInherited: false,
});
const native = (): sdk.FunctionResponse => ({
  scope: 'ENTITY',
  implementedBy: { isNative: true },
  isInherited: false,
  requiredProperties: [ASSET_ID, MODEL_ID],
});

/** What every workspace has from the start. */
const BUILT_IN: ComponentTypeRecord = {
  workspaceId: '',
  id: SITEWISE_CONNECTOR,
  description: 'Reads the properties of an asset of IoT SiteWise',
  extendsFrom: [],
  isSingleton: false,
  properties: { [ASSET_ID]: required(true), [MODEL_ID]: required(false) },
  functions: { dataReader: native(), schemaInitializer: native() },
  createdMs: 0,
  updatedMs: 0,
};

/** A definition as an answer has it, from how a request gives it. */
export function definitionOf(
  request: sdk.PropertyDefinitionRequest,
  path: string,
  isImported = false,
): Definition {
  if (request.dataType?.type === undefined) {
    throw invalid(`The property ${path} has no dataType.`);
  }
  return {
    dataType: request.dataType,
    isTimeSeries: request.isTimeSeries ?? false,
    isRequiredInEntity: request.isRequiredInEntity ?? false,
    isExternalId: request.isExternalId ?? false,
    isStoredExternally: request.isStoredExternally ?? false,
    isImported,
    isFinal: false,
    isInherited: false,
    ...(request.defaultValue === undefined ? {} : { defaultValue: request.defaultValue }),
    ...(request.configuration === undefined ? {} : { configuration: request.configuration }),
    ...(request.displayName === undefined ? {} : { displayName: request.displayName }),
  };
}

/** Component types of a workspace: its own, and those it has from the start. */
export class ComponentTypes {
  readonly #account: TwinMakerAccount;

  constructor(account: TwinMakerAccount) {
    this.#account = account;
  }

  find(workspaceId: string, id: string): ComponentTypeRecord | undefined {
    return id === BUILT_IN.id ? BUILT_IN : this.#account.componentTypes.get(keyOf(workspaceId, id));
  }

  all(workspaceId: string): ComponentTypeRecord[] {
    const own = [...this.#account.componentTypes.values()].filter(
      (t) => t.workspaceId === workspaceId,
    );
    return [BUILT_IN, ...own].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** What a type has of its own and from those it extends. */
  resolved(workspaceId: string, type: ComponentTypeRecord): ComponentTypeRecord {
    const parents = type.extendsFrom
      .map((id) => this.find(workspaceId, id))
      .filter((parent) => parent !== undefined)
      .map((parent) => this.resolved(workspaceId, parent));
    const inherited = <T extends object>(of: (t: ComponentTypeRecord) => Record<string, T>) =>
      Object.fromEntries(
        parents.flatMap((p) =>
          Object.entries(of(p)).map(([name, item]) => [name, { ...item, isInherited: true }]),
        ),
      );
    return {
      ...type,
      properties: { ...inherited((t) => t.properties), ...type.properties },
      functions: { ...inherited((t) => t.functions), ...type.functions },
    };
  }

  /** Whether values of a type come from SiteWise. */
  readsSiteWise(workspaceId: string, id: string): boolean {
    if (id === SITEWISE_CONNECTOR) return true;
    const extended = this.find(workspaceId, id)?.extendsFrom ?? [];
    return extended.some((parent) => this.readsSiteWise(workspaceId, parent));
  }
}

/** Operations on component types. */
export function componentTypeHandlers(
  account: TwinMakerAccount,
  types: ComponentTypes,
): TwinMakerHandlers {
  const arnOf = (type: ComponentTypeRecord) =>
    account.arn(
      type.workspaceId === '' ? 'AmazonOwnedTypesWorkspace' : type.workspaceId,
      `component-type/${type.id}`,
    );
  const required = (workspaceId = '', id = '') => {
    const found = types.find(workspaceId, id);
    if (found === undefined) throw missing(`The component type ${id} of workspace ${workspaceId}`);
    return found;
  };
  function own(workspaceId: string | undefined, id: string | undefined): ComponentTypeRecord {
    const found = required(workspaceId, id);
    if (found.workspaceId === '') throw invalid(`${found.id} is not yours to change.`);
    return found;
  }
  function contentOf(
    workspaceId: string,
    input: Pick<
      sdk.UpdateComponentTypeRequest,
      'extendsFrom' | 'propertyDefinitions' | 'functions'
    >,
  ): Pick<ComponentTypeRecord, 'extendsFrom' | 'properties' | 'functions'> {
    for (const parent of input.extendsFrom ?? []) {
      if (types.find(workspaceId, parent) === undefined) {
        throw invalid(`The component type ${parent}, which is to be extended, does not exist.`);
      }
    }
    return {
      extendsFrom: input.extendsFrom ?? [],
      properties: Object.fromEntries(
        Object.entries(input.propertyDefinitions ?? {}).map(([name, definition]) => [
          name,
          definitionOf(definition, name),
        ]),
      ),
      functions: Object.fromEntries(
        Object.entries(input.functions ?? {}).map(([name, f]) => [
          name,
          { ...f, isInherited: false },
        ]),
      ),
    };
  }
  return {
    CreateComponentType(input: sdk.CreateComponentTypeRequest) {
      refuseMembers(input, ['compositeComponentTypes', 'propertyGroups']);
      const { id: workspaceId } = account.workspace(input.workspaceId ?? '');
      const id = input.componentTypeId ?? '';
      if (types.find(workspaceId, id) !== undefined) {
        throw conflict(`The component type ${id} exists already in workspace ${workspaceId}.`);
      }
      if (id.startsWith('com.amazon.')) throw invalid('Ids that begin with com.amazon are AWS’s.');
      const type: ComponentTypeRecord = {
        workspaceId,
        id,
        name: input.componentTypeName,
        description: input.description,
        isSingleton: input.isSingleton ?? false,
        ...contentOf(workspaceId, input),
        ...account.dates(),
      };
      account.componentTypes.set(keyOf(workspaceId, id), type);
      account.tag(arnOf(type), input.tags);
      return {
        arn: arnOf(type),
        creationDateTime: new Date(type.createdMs),
        state: account.stateOf(type),
      };
    },
    GetComponentType(input: sdk.GetComponentTypeRequest) {
      const found = required(input.workspaceId, input.componentTypeId);
      const type = types.resolved(input.workspaceId ?? '', found);
      return {
        workspaceId: input.workspaceId,
        componentTypeId: type.id,
        componentTypeName: type.name,
        arn: arnOf(type),
        description: type.description,
        extendsFrom: type.extendsFrom,
        isSingleton: type.isSingleton,
        isAbstract: false,
        propertyDefinitions: type.properties,
        functions: type.functions,
        status: { state: account.stateOf(type), error: {} },
        ...shownDates(type),
      };
    },
    ListComponentTypes(input: sdk.ListComponentTypesRequest) {
      const { id } = account.workspace(input.workspaceId ?? '');
      const [filter] = input.filters ?? [];
      const all = types.all(id).filter((type) => {
        if (filter?.extendsFrom !== undefined) return type.extendsFrom.includes(filter.extendsFrom);
        if (filter?.namespace !== undefined) return type.id.startsWith(`${filter.namespace}.`);
        return filter?.isAbstract !== true;
      });
      const scope = `ListComponentTypes ${id}`;
      const { page, ...next } = paginate(scope, all, (t) => t.id, input, PAGE_SIZE);
      return {
        workspaceId: id,
        componentTypeSummaries: page.map((type) => ({
          arn: arnOf(type),
          componentTypeId: type.id,
          componentTypeName: type.name,
          description: type.description,
          status: { state: account.stateOf(type), error: {} },
          ...shownDates(type),
        })),
        ...next,
      };
    },
    UpdateComponentType(input: sdk.UpdateComponentTypeRequest) {
      refuseMembers(input, ['compositeComponentTypes', 'propertyGroups']);
      const before = own(input.workspaceId, input.componentTypeId);
      const { workspaceId } = before;
      const type = {
        ...before,
        name: input.componentTypeName ?? before.name,
        description: input.description ?? before.description,
        isSingleton: input.isSingleton ?? before.isSingleton,
        ...contentOf(workspaceId, input),
        updatedMs: account.nowMs(),
      };
      account.componentTypes.set(keyOf(workspaceId, before.id), type);
      return {
        workspaceId,
        arn: arnOf(type),
        componentTypeId: type.id,
        state: account.stateOf(type),
      };
    },
    DeleteComponentType(input: sdk.DeleteComponentTypeRequest) {
      const type = own(input.workspaceId, input.componentTypeId);
      const { workspaceId, id } = type;
      const user = [...account.entities.values()].find(
        (e) =>
          e.workspaceId === workspaceId && Object.values(e.components).some((c) => c.typeId === id),
      );
      if (user !== undefined)
        throw invalid(`The entity ${user.id} still has components of type ${id}.`);
      account.componentTypes.delete(keyOf(workspaceId, id));
      account.tags.delete(arnOf(type));
      return { state: 'DELETING' };
    },
  };
}
