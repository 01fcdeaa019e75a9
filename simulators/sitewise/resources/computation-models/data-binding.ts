import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest, notFound } from '../../api/faults.js';
import { type Account, allProperties, type ModelProperty } from '../account.js';
import { requireModel } from '../asset-model-records.js';
import { modelOf, requireAsset } from '../asset-records.js';

/** A bound property: of an asset model, or of one asset. */
export type BoundProperty =
  | { assetModelProperty: sdk.AssetModelPropertyBindingValue }
  | { assetProperty: sdk.AssetPropertyBindingValue };

type Binding = Record<string, sdk.ComputationModelDataBindingValue>;

/** Every property that a value binds. */
function boundBy(value: sdk.ComputationModelDataBindingValue, variable: string): BoundProperty[] {
  const { assetModelProperty, assetProperty, list } = value;
  const given = [assetModelProperty, assetProperty, list].filter((v) => v !== undefined);
  if (given.length !== 1) {
    throw invalidRequest(
      `The binding of ${variable} must be exactly one of assetModelProperty, assetProperty and list.`,
    );
  }
  if (assetModelProperty !== undefined) return [{ assetModelProperty }];
  if (assetProperty !== undefined) return [{ assetProperty }];
  return (list ?? []).flatMap((item) => {
    if (item.list !== undefined) throw invalidRequest(`The list of ${variable} holds a list.`);
    return boundBy(item, variable);
  });
}

/** Every property that a data binding names, each once. */
export function boundProperties(binding: Binding): BoundProperty[] {
  const all = Object.entries(binding).flatMap(([variable, value]) => boundBy(value, variable));
  return [...new Map(all.map((b) => [keyOf(b), b])).values()];
}

/** Tells bound properties apart, and orders them. */
export const keyOf = (bound: BoundProperty) =>
  'assetModelProperty' in bound
    ? `model/${bound.assetModelProperty.assetModelId}/${bound.assetModelProperty.propertyId}`
    : `asset/${bound.assetProperty.assetId}/${bound.assetProperty.propertyId}`;

function definitionOf(account: Account, bound: BoundProperty): ModelProperty {
  const [model, propertyId = ''] =
    'assetModelProperty' in bound
      ? [
          requireModel(account, bound.assetModelProperty.assetModelId ?? ''),
          bound.assetModelProperty.propertyId,
        ]
      : [
          modelOf(account, requireAsset(account, bound.assetProperty.assetId ?? '')),
          bound.assetProperty.propertyId,
        ];
  const property = allProperties(model).find((p) => p.id === propertyId);
  if (property === undefined) throw notFound('Property', propertyId);
  return property;
}

const variableOf = (expression: string | undefined) => (expression ?? '').slice(2, -1);

/**
 * Checks that what a configuration asks for is bound, and to properties that an anomaly detection
 * can read and write.
 *
 * @throws ApiFault `InvalidRequestException`, `ResourceNotFoundException`
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/anom-detection-sensors-asset.html
 */
export function checkDataBinding(
  account: Account,
  configuration: sdk.ComputationModelConfiguration | undefined,
  binding: Binding,
): void {
  const { anomalyDetection } = configuration ?? {};
  if (anomalyDetection === undefined) {
    throw invalidRequest('The computationModelConfiguration must be an anomalyDetection.');
  }
  const inputs = variableOf(anomalyDetection.inputProperties);
  const result = variableOf(anomalyDetection.resultProperty);
  if (inputs === result) throw invalidRequest(`${inputs} cannot be both input and result.`);
  for (const variable of [inputs, result]) {
    if (binding[variable] === undefined) {
      throw invalidRequest(`The variable ${variable} of the configuration is not bound.`);
    }
  }
  for (const variable of Object.keys(binding)) {
    if (variable !== inputs && variable !== result) {
      throw invalidRequest(`The binding ${variable} is no variable of the configuration.`);
    }
  }
  const read = boundBy(binding[inputs] ?? {}, inputs);
  const written = boundBy(binding[result] ?? {}, result);
  if (read.length === 0) throw invalidRequest('At least one input property must be bound.');
  if (written.length !== 1) throw invalidRequest('Exactly one result property must be bound.');
  for (const bound of read) {
    const { name, dataType, type } = definitionOf(account, bound);
    const numeric = dataType === 'DOUBLE' || dataType === 'INTEGER';
    if (!numeric || (type?.measurement === undefined && type?.transform === undefined)) {
      throw invalidRequest(
        `The input property ${name} must be a measurement or transform, DOUBLE or INTEGER.`,
      );
    }
  }
  for (const bound of written) {
    const { name, dataType, type } = definitionOf(account, bound);
    if (dataType !== 'STRING' || type?.measurement === undefined) {
      throw invalidRequest(`The result property ${name} must be a measurement of type STRING.`);
    }
  }
  const models = new Set(
    [...read, ...written].map((b) =>
      'assetModelProperty' in b ? b.assetModelProperty.assetModelId : undefined,
    ),
  );
  if (models.size > 1) {
    throw invalidRequest(
      'All properties must be of one asset model, or all must be of assets, so that actions can tell what they work on.',
    );
  }
}

/** The asset model whose properties are bound; undefined where properties of assets are. */
export function boundModel(binding: Binding): string | undefined {
  const [first] = boundProperties(binding);
  return first !== undefined && 'assetModelProperty' in first
    ? first.assetModelProperty.assetModelId
    : undefined;
}

/** Whether a bound property is one that a filter asks for. */
export function matchesFilter(filter: sdk.DataBindingValueFilter, bound: BoundProperty): boolean {
  if ('assetModelProperty' in bound) {
    const { assetModelId, propertyId } = bound.assetModelProperty;
    const { assetModel, assetModelProperty } = filter;
    return (
      assetModel?.assetModelId === assetModelId ||
      (assetModelProperty?.assetModelId === assetModelId &&
        assetModelProperty?.propertyId === propertyId)
    );
  }
  const { assetId, propertyId } = bound.assetProperty;
  const { asset, assetProperty } = filter;
  return (
    asset?.assetId === assetId ||
    (assetProperty?.assetId === assetId && assetProperty?.propertyId === propertyId)
  );
}
