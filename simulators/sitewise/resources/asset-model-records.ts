import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting, invalidRequest, notFound } from '../api/faults.js';
import {
  type Account,
  type AssetModelRecord,
  allProperties,
  type ModelProperty,
} from './account.js';
import { checkExpression } from './formulas/computed.js';

const MAX_PROPERTIES = 200;
export const MAX_HIERARCHIES = 30;

/** @throws ApiFault `ResourceNotFoundException` */
export function requireModel(account: Account, id: string): AssetModelRecord {
  const model = account.model(id);
  if (model === undefined) throw notFound('Asset model', id);
  return model;
}

/** @throws ApiFault `ConflictingOperationException` while the model is being changed */
export function requireActiveModel(account: Account, id: string): AssetModelRecord {
  const model = requireModel(account, id);
  if (model.status.state !== 'ACTIVE') {
    throw conflicting(
      `Asset model ${model.id} is in state ${model.status.state}; it must be ACTIVE.`,
      model.id,
      account.arn('asset-model', model.id),
    );
  }
  return model;
}

/** A definition or changed property as it is kept; ids are given where none came. */
export function toModelProperty(
  definition: sdk.AssetModelPropertyDefinition | sdk.AssetModelProperty,
): ModelProperty {
  checkPropertyType(definition);
  return { ...definition, id: definition.id ?? randomUUID() } as ModelProperty;
}

function checkPropertyType(definition: sdk.AssetModelPropertyDefinition): void {
  const { attribute, measurement, transform, metric } = definition.type ?? {};
  const given = [attribute, measurement, transform, metric].filter((t) => t !== undefined);
  if (given.length !== 1) {
    throw invalidRequest(
      `Property ${definition.name}: its type must be exactly one of attribute, measurement, transform and metric.`,
    );
  }
  if (definition.dataType === 'STRUCT' && definition.dataTypeSpec === undefined) {
    throw invalidRequest(`Property ${definition.name}: STRUCT needs a dataTypeSpec.`);
  }
  if (transform === undefined && metric === undefined) return;
  checkExpression(definition);
  if (definition.dataType !== 'DOUBLE' && definition.dataType !== 'STRING') {
    throw invalidRequest(
      `Property ${definition.name}: transforms and metrics are DOUBLE or STRING, not ${definition.dataType}.`,
    );
  }
}

/** @throws ApiFault `InvalidRequestException` when a model's properties clash */
export function requireUniqueProperties(model: AssetModelRecord): void {
  checkProperties(model.properties);
  requireUnique(
    'property id',
    allProperties(model).map((p) => p.id),
  );
  requireUnique(
    'composite model name',
    model.compositeModels.map((c) => `${c.parentId ?? ''}/${c.name}`),
  );
  for (const composite of model.compositeModels) checkProperties(composite.properties);
}

function checkProperties(properties: readonly ModelProperty[]): void {
  if (properties.length > MAX_PROPERTIES) {
    throw invalidRequest(`A model has at most ${MAX_PROPERTIES} properties.`);
  }
  requireUnique(
    'property name',
    properties.map((p) => p.name),
  );
  requireUnique(
    'property id',
    properties.map((p) => p.id),
  );
  requireUnique(
    'property external id',
    properties.map((p) => p.externalId),
  );
}

function requireUnique(what: string, values: readonly (string | undefined)[]): void {
  const seen = new Set<string>();
  for (const value of values) {
    if (value === undefined) continue;
    if (seen.has(value)) throw invalidRequest(`The ${what} ${value} occurs twice in the model.`);
    seen.add(value);
  }
}

/** A model's state as the API shows it. */
export const modelStatus = (model: AssetModelRecord): sdk.AssetModelStatus => ({
  state: model.status.state,
});

/** Forgets the values of properties that a change of their model leaves out. */
export function dropLostSeries(
  account: Account,
  before: AssetModelRecord,
  after: AssetModelRecord,
): void {
  const kept = new Set(allProperties(after).map((p) => p.id));
  const lost = allProperties(before).filter((p) => !kept.has(p.id));
  if (lost.length === 0) return;
  for (const asset of account.allAssets()) {
    if (asset.modelId !== before.id) continue;
    for (const property of lost) {
      const series = account.seriesByProperty(asset.id, property.id);
      if (series !== undefined) account.deleteSeries(series);
    }
  }
}

/** Keeps a changed model, without the values of properties that it has no more. */
export function saveChanged(
  account: Account,
  before: AssetModelRecord,
  after: AssetModelRecord,
): void {
  requireUniqueProperties(after);
  dropLostSeries(account, before, after);
  account.saveModel(after);
}
