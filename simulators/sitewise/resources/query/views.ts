import { KIND, QUALITY_NAMES, type StoredValue } from '../../store/block.js';
import { END_OF_TIME, type StoredTime } from '../../store/value-store.js';
import { type Account, type AssetRecord, allProperties, type ModelProperty } from '../account.js';
import { latestOf, scanStream } from '../values/samples.js';
import { findStream } from '../values/stream.js';
import type { SqlValue } from './expression.js';

/** A row: column → value. */
export type Row = Record<string, SqlValue>;
type ScalarType = 'STRING' | 'DOUBLE' | 'INT' | 'BOOLEAN' | 'TIMESTAMP';

/** What is known of a view's rows before they are made. */
export interface Constraint {
  /** Column → the value it must have. */
  equal: ReadonlyMap<string, SqlValue>;
  /** Of `event_timestamp`, inclusive. */
  from: StoredTime;
  to: StoredTime;
}

/** A view that can be asked. */
export interface View {
  columns: Readonly<Record<string, ScalarType>>;
  rows(account: Account, constraint: Constraint): Iterable<Row>;
}

const ASSET_COLUMNS = {
  asset_id: 'STRING',
  asset_name: 'STRING',
  asset_description: 'STRING',
  asset_model_id: 'STRING',
  parent_asset_id: 'STRING',
  asset_external_id: 'STRING',
  asset_external_model_id: 'STRING',
  hierarchy_id: 'STRING',
} as const;

const PROPERTY_COLUMNS = {
  asset_id: 'STRING',
  property_id: 'STRING',
  property_name: 'STRING',
  property_alias: 'STRING',
  property_external_id: 'STRING',
  property_type: 'STRING',
  property_data_type: 'STRING',
} as const;

const VALUE_COLUMNS = {
  asset_id: 'STRING',
  property_id: 'STRING',
  property_alias: 'STRING',
  event_timestamp: 'TIMESTAMP',
  quality: 'STRING',
  boolean_value: 'BOOLEAN',
  int_value: 'INT',
  double_value: 'DOUBLE',
  string_value: 'STRING',
} as const;

const typeOf = (property: ModelProperty) => Object.keys(property.type ?? {})[0] ?? 'measurement';

/** Assets and their properties that a constraint does not rule out. */
function* properties(
  account: Account,
  { equal }: Constraint,
): Generator<{ asset: AssetRecord; property: ModelProperty; alias: string | undefined }> {
  const alias = equal.get('property_alias');
  if (typeof alias === 'string') {
    const stream = findStream(account, { propertyAlias: alias });
    if (stream?.asset !== undefined && stream.property !== undefined) {
      yield { asset: stream.asset, property: stream.property, alias };
    }
    return;
  }
  const assetId = equal.get('asset_id');
  const one = typeof assetId === 'string' ? account.asset(assetId) : undefined;
  const assets = assetId === undefined ? account.allAssets() : one === undefined ? [] : [one];
  const propertyId = equal.get('property_id');
  for (const asset of assets) {
    const model = account.model(asset.modelId);
    for (const property of model === undefined ? [] : allProperties(model)) {
      if (propertyId !== undefined && property.id !== propertyId) continue;
      const series = account.seriesByProperty(asset.id, property.id);
      yield { asset, property, alias: series?.alias };
    }
  }
}

function valueRow(
  asset: AssetRecord,
  property: ModelProperty,
  alias: string | undefined,
  value: StoredValue,
): Row {
  return {
    asset_id: asset.id,
    property_id: property.id,
    property_alias: alias ?? null,
    event_timestamp: BigInt(value.seconds) * 1_000_000_000n + BigInt(value.nanos),
    quality: QUALITY_NAMES[value.quality] ?? 'GOOD',
    boolean_value: value.kind === KIND.boolean ? value.number === 1 : null,
    int_value: value.kind === KIND.integer ? value.number : null,
    double_value: value.kind === KIND.double ? value.number : null,
    string_value: value.kind === KIND.string ? (value.text ?? '') : null,
  };
}

/** The views, by name. */
export const VIEWS: Readonly<Record<string, View>> = {
  asset: {
    columns: ASSET_COLUMNS,
    *rows(account, { equal }) {
      const id = equal.get('asset_id');
      const one = typeof id === 'string' ? account.asset(id) : undefined;
      for (const a of id === undefined ? account.allAssets() : one === undefined ? [] : [one]) {
        yield {
          asset_id: a.id,
          asset_name: a.name,
          asset_description: a.description ?? null,
          asset_model_id: a.modelId,
          parent_asset_id: a.parent?.assetId ?? null,
          asset_external_id: a.externalId ?? null,
          asset_external_model_id: account.model(a.modelId)?.externalId ?? null,
          hierarchy_id: a.parent?.hierarchyId ?? null,
        };
      }
    },
  },
  asset_property: {
    columns: PROPERTY_COLUMNS,
    *rows(account, constraint) {
      for (const { asset, property, alias } of properties(account, constraint)) {
        yield {
          asset_id: asset.id,
          property_id: property.id,
          property_name: property.name ?? '',
          property_alias: alias ?? null,
          property_external_id: property.externalId ?? null,
          property_type: typeOf(property),
          property_data_type: property.dataType ?? 'DOUBLE',
        };
      }
    },
  },
  raw_time_series: {
    columns: VALUE_COLUMNS,
    *rows(account, constraint) {
      for (const { asset, property, alias } of properties(account, constraint)) {
        const stream = findStream(account, { assetId: asset.id, propertyId: property.id });
        if (stream === undefined) continue;
        const values: StoredValue[] = [];
        scanStream(account, stream, constraint.from, constraint.to, false, undefined, (v) => {
          values.push(v);
          return true;
        });
        for (const value of values) yield valueRow(asset, property, alias, value);
      }
    },
  },
  latest_value_time_series: {
    columns: VALUE_COLUMNS,
    *rows(account, constraint) {
      for (const { asset, property, alias } of properties(account, constraint)) {
        const stream = findStream(account, { assetId: asset.id, propertyId: property.id });
        const value = stream === undefined ? undefined : latestOf(account, stream, END_OF_TIME);
        if (value !== undefined) yield valueRow(asset, property, alias, value);
      }
    },
  },
};
