import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import type { Account, AssetModelRecord, CompositeModelRecord, ModelProperty } from './account.js';

/** A variable's property in a copy, where it was one of the component's own. */
function withProperties(type: ModelProperty['type'], ids: ReadonlyMap<string, string>) {
  const rename = (variables: readonly sdk.ExpressionVariable[] | undefined) =>
    (variables ?? []).map((v) => {
      const id = ids.get(v.value?.propertyId ?? '');
      return id === undefined ? v : { ...v, value: { ...v.value, propertyId: id } };
    });
  if (type?.transform !== undefined) {
    return {
      transform: { ...type.transform, variables: rename(type.transform.variables) },
    } as ModelProperty['type'];
  }
  if (type?.metric !== undefined) {
    return {
      metric: { ...type.metric, variables: rename(type.metric.variables) },
    } as ModelProperty['type'];
  }
  return type;
}

/**
 * A composite model that is made of a component model, with those that the component has itself.
 * Properties and composite models that were there before keep their ids, and with them their values,
 * and the external ids and units that they were given.
 *
 * @param composite the one at the top, by its own name
 * @param before what the model had
 */
export function composedOf(
  account: Account,
  composite: CompositeModelRecord,
  before: readonly CompositeModelRecord[],
): CompositeModelRecord[] {
  const component = account.model(composite.composedAssetModelId ?? '');
  if (component === undefined) return [composite];
  const idOf = (own: CompositeModelRecord | undefined, origin: string) =>
    own?.properties.find((p) => own.origins?.[p.id] === origin);
  /** By the component's id, name and external id: the copy's id. */
  const ids = new Map<string, string>();
  const copies: { at: CompositeModelRecord; of: readonly ModelProperty[] }[] = [];
  const copy = (at: CompositeModelRecord, of: readonly ModelProperty[]) => {
    const known = before.find((c) => c.id === at.id);
    const origins: Record<string, string> = {};
    at.properties = of.map((p) => {
      const same = idOf(known, p.id);
      const id = same?.id ?? randomUUID();
      origins[id] = p.id;
      for (const key of [p.id, p.name, p.externalId]) if (key !== undefined) ids.set(key, id);
      const { externalId: _, ...rest } = p;
      return {
        ...rest,
        id,
        ...(same?.externalId === undefined ? {} : { externalId: same.externalId }),
        ...(same?.unit === undefined ? {} : { unit: same.unit }),
      };
    });
    at.origins = origins;
    copies.push({ at, of });
    return at;
  };
  const made = [copy({ ...composite }, component.properties)];
  const newId = new Map<string | undefined, string>([[undefined, composite.id]]);
  // Parents come before those within them.
  for (const inner of component.compositeModels) {
    const known = before.find(
      (c) => c.derivedFrom === inner.id && c.parentId === newId.get(inner.parentId),
    );
    const id = known?.id ?? randomUUID();
    newId.set(inner.id, id);
    const { externalId: _, origins: __, ...rest } = inner;
    made.push(
      copy(
        {
          ...rest,
          id,
          ...(known?.externalId === undefined ? {} : { externalId: known.externalId }),
          parentId: newId.get(inner.parentId),
          derivedFrom: inner.id,
        },
        inner.properties,
      ),
    );
  }
  for (const { at } of copies) {
    at.properties = at.properties.map((p) => ({ ...p, type: withProperties(p.type, ids) }));
  }
  return made;
}

/** The models that have a component in them. */
export function usersOf(account: Account, componentId: string): AssetModelRecord[] {
  return account
    .allModels()
    .filter((m) => m.compositeModels.some((c) => c.composedAssetModelId === componentId));
}

/** Whether a component is made, by however many others, of a model. */
export function contains(account: Account, componentId: string, modelId: string): boolean {
  if (componentId === modelId) return true;
  return (account.model(componentId)?.compositeModels ?? []).some(
    (c) =>
      c.composedAssetModelId !== undefined && contains(account, c.composedAssetModelId, modelId),
  );
}

/** Carries a changed component into the models that are made of it, and on to those made of them. */
export function propagate(
  account: Account,
  componentId: string,
  save: (before: AssetModelRecord, after: AssetModelRecord) => void,
): void {
  for (const model of usersOf(account, componentId)) {
    const isTop = (c: CompositeModelRecord) =>
      c.composedAssetModelId !== undefined && c.derivedFrom === undefined;
    const compositeModels = model.compositeModels
      .filter((c) => c.derivedFrom === undefined)
      .flatMap((c) => (isTop(c) ? composedOf(account, c, model.compositeModels) : [c]));
    save(model, {
      ...model,
      compositeModels,
      updatedAtMs: account.nowMs(),
      version: model.version + 1,
      status: account.pending('PROPAGATING'),
    });
    propagate(account, model.id, save);
  }
}
