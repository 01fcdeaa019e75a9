import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import type { AssetModelRecord, CompositeModelRecord, ModelProperty } from './account.js';
import { toModelProperty } from './asset-model-records.js';

/** A composite model that came with its asset model's definition. */
export function toCompositeModel(
  definition: sdk.AssetModelCompositeModelDefinition,
): CompositeModelRecord {
  return {
    id: definition.id ?? randomUUID(),
    externalId: definition.externalId,
    name: definition.name ?? '',
    type: definition.type ?? '',
    description: definition.description,
    properties: (definition.properties ?? []).map(toModelProperty),
  };
}

/** The composite models from a model's own level down to the given one. */
export function pathOf(model: AssetModelRecord, composite: CompositeModelRecord) {
  const path: CompositeModelRecord[] = [];
  let current: CompositeModelRecord | undefined = composite;
  while (current !== undefined && !path.includes(current)) {
    path.unshift(current);
    const { parentId }: CompositeModelRecord = current;
    current = model.compositeModels.find((c) => c.id === parentId);
  }
  return path.map(({ id, name }) => ({ id, name }));
}

/** The composite model that holds a property; undefined for one of the model's own. */
export const compositeOf = (model: AssetModelRecord, property: { id: string }) =>
  model.compositeModels.find((c) => c.properties.some((p) => p.id === property.id));

/** From a model down to one of its properties. */
export function propertyPathOf(
  model: AssetModelRecord,
  property: ModelProperty,
  root: { id: string; name: string } = model,
) {
  const composite = compositeOf(model, property);
  return [
    { id: root.id, name: root.name },
    ...(composite === undefined ? [] : pathOf(model, composite)),
    { id: property.id, name: property.name },
  ];
}

/** A composite model as listings show it. */
export const compositeSummary = (model: AssetModelRecord, composite: CompositeModelRecord) => ({
  id: composite.id,
  externalId: composite.externalId,
  name: composite.name,
  type: composite.type,
  description: composite.description ?? '',
  path: pathOf(model, composite),
});

/**
 * A model's composite models after an update of the model: those that came with a definition are as the
 * update has them, where it tells of any; those within others, and those of components, stay.
 */
export function changedComposites(
  model: AssetModelRecord,
  given: readonly sdk.AssetModelCompositeModel[] | undefined,
): CompositeModelRecord[] {
  if (given === undefined) return model.compositeModels;
  const isDefined = (c: CompositeModelRecord) =>
    c.parentId === undefined && c.composedAssetModelId === undefined;
  const defined = given
    .filter((g) => model.compositeModels.every((c) => c.id !== g.id || isDefined(c)))
    .map(toCompositeModel);
  const ids = new Set(defined.map((c) => c.id));
  const gone = new Set(
    model.compositeModels.filter((c) => isDefined(c) && !ids.has(c.id)).map((c) => c.id),
  );
  const rest = model.compositeModels.filter(
    (c) => !isDefined(c) && pathOf(model, c).every(({ id }) => !gone.has(id)),
  );
  return [...defined, ...rest];
}
