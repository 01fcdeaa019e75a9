import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type {
  AssetModelHierarchy,
  AssetModelProperty,
  PropertyDataType,
  PropertyNotificationState,
} from '@aws-sdk/client-iotsitewise';
import { type Clock, type Logger, TwinError } from '../../../shared/core/index.js';
import { Committer } from '../store/committer.js';
import { createMemoryStore, type KeyValueStore, openLmdbStore } from '../store/key-value.js';
import { RecordTable } from '../store/records.js';
import { ValueStore } from '../store/value-store.js';

/** A resource's state; what is on its way arrives at `readyAtMs` (wall time). */
export interface Status {
  state: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'PROPAGATING' | 'DELETING';
  readyAtMs: number;
}

/** A composite model inside an asset model. */
export interface CompositeModelRecord {
  id: string;
  externalId?: string | undefined;
  name: string;
  type: string;
  description?: string | undefined;
  parentId?: string | undefined;
  /** The component model that it is made of. */
  composedAssetModelId?: string | undefined;
  /** Of one that came with a component: which of the component's own it is. */
  derivedFrom?: string | undefined;
  /** Of a component's properties here: by id, which of the component's own each is. */
  origins?: Record<string, string> | undefined;
  properties: ModelProperty[];
}

/** An interface that is applied to a model, and what of the model answers to it. */
export interface InterfaceRecord {
  interfaceId: string;
  propertyMappings: { propertyId: string; interfacePropertyId: string }[];
  hierarchyMappings: { hierarchyId: string; interfaceHierarchyId: string }[];
}

/** A property of a model; id and type are always there. */
export type ModelProperty = AssetModelProperty & { id: string };

export interface AssetModelRecord {
  id: string;
  externalId?: string | undefined;
  name: string;
  modelType: 'ASSET_MODEL' | 'COMPONENT_MODEL' | 'INTERFACE';
  /** Left out by stores from before there were any. */
  interfaces?: InterfaceRecord[] | undefined;
  description?: string | undefined;
  properties: ModelProperty[];
  hierarchies: (AssetModelHierarchy & { id: string })[];
  compositeModels: CompositeModelRecord[];
  createdAtMs: number;
  updatedAtMs: number;
  version: number;
  status: Status;
}

export interface AssetRecord {
  id: string;
  externalId?: string | undefined;
  modelId: string;
  name: string;
  description?: string | undefined;
  parent?: { assetId: string; hierarchyId: string } | undefined;
  /** What was set per property. */
  settings: Record<
    string,
    { unit?: string | undefined; notification?: PropertyNotificationState | undefined }
  >;
  createdAtMs: number;
  updatedAtMs: number;
  status: Status;
}

/** A time series: of a property, or of an alias that belongs to none yet. */
export interface SeriesRecord {
  id: string;
  /** Its number in the value store. */
  number: number;
  alias?: string | undefined;
  assetId?: string | undefined;
  propertyId?: string | undefined;
  dataType: PropertyDataType;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Settings of the account and whatever else is one of its kind. */
export type SettingRecord = Record<string, unknown>;

/** A request with a `clientToken` that was carried out. */
export interface ClientTokenRecord {
  /** A digest of the request. */
  content: string;
  /** What it was answered. */
  answer: object;
  atMs: number;
}

/** What a bulk import does with the objects of a bucket. */
export interface BucketObjects {
  get(key: string): Promise<{ body: Uint8Array } | undefined>;
  put(key: string, body: Uint8Array): Promise<unknown>;
  delete(key: string): Promise<void>;
}

/** What {@link Account} is made from. */
export interface AccountOptions {
  /** Left out: in memory. */
  dataDir?: string | undefined;
  clock: Clock;
  logger: Logger;
  /** How long models and assets take to become active, milliseconds. */
  activationMs: number;
  accountId: string;
  region: string;
  /** Left out: there are no buckets. */
  bucket?: ((name: string) => BucketObjects | undefined) | undefined;
}

/** How records and values are laid out; a store without a note of it is of the first. */
const LAYOUT = 1;

const propertyKey = (assetId: string, propertyId: string) => `${assetId}/${propertyId}`;

/** Everything that one account holds in one region, with its indexes. */
export class Account {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly models: RecordTable<AssetModelRecord>;
  readonly assets: RecordTable<AssetRecord>;
  readonly series: RecordTable<SeriesRecord>;
  readonly tags: RecordTable<Record<string, string>>;
  readonly settings: RecordTable<SettingRecord>;
  readonly gateways: RecordTable<SettingRecord>;
  readonly jobs: RecordTable<SettingRecord>;
  readonly computationModels: RecordTable<SettingRecord>;
  readonly actions: RecordTable<SettingRecord>;
  /** Objects of a bucket, for bulk imports; undefined where there is no such bucket. */
  readonly bucket: (name: string) => BucketObjects | undefined;
  readonly clientTokens: RecordTable<ClientTokenRecord>;
  readonly values: ValueStore;
  readonly #options: AccountOptions;
  readonly #store: KeyValueStore;
  readonly #committer: Committer;
  readonly #byAlias = new Map<string, SeriesRecord>();
  readonly #byProperty = new Map<string, SeriesRecord>();
  readonly #modelByExternalId = new Map<string, string>();
  readonly #assetByExternalId = new Map<string, string>();
  #nextSeries = 1;

  /** @throws TwinError `STATE_MISMATCH` for a store that a newer version has written */
  constructor(options: AccountOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.logger = options.logger;
    if (options.dataDir === undefined) this.#store = createMemoryStore();
    else {
      mkdirSync(options.dataDir, { recursive: true });
      this.#store = openLmdbStore(options.dataDir);
    }
    this.models = new RecordTable(this.#store, 'model');
    this.assets = new RecordTable(this.#store, 'asset');
    this.series = new RecordTable(this.#store, 'series');
    this.tags = new RecordTable(this.#store, 'tags');
    this.settings = new RecordTable(this.#store, 'setting');
    this.gateways = new RecordTable(this.#store, 'gateway');
    this.jobs = new RecordTable(this.#store, 'job');
    this.computationModels = new RecordTable(this.#store, 'computationModel');
    this.actions = new RecordTable(this.#store, 'action');
    this.bucket = options.bucket ?? (() => undefined);
    this.clientTokens = new RecordTable(this.#store, 'clientToken');
    this.#checkLayout();
    this.#index();
    this.values = new ValueStore(this.#store, this.#nextSeries);
    this.#committer = new Committer(this.#store, [...this.#tables(), this.values], (error) => {
      this.logger.error('Could not store changes; they are undone', { error: String(error) });
      this.values.reset();
      for (const table of this.#tables()) table.reload();
      this.#index();
    });
  }

  /** Notes the layout of a new store with its first commit, and refuses one that is not known. */
  #checkLayout(): void {
    const empty = this.models.size + this.series.size + this.settings.size === 0;
    if (empty) this.settings.set('layout', { version: LAYOUT });
    const { version = 1 } = this.settings.get('layout') ?? {};
    if (version === LAYOUT) return;
    void this.#store.close();
    throw new TwinError(
      'STATE_MISMATCH',
      `The SiteWise store in ${this.#options.dataDir} has layout ${String(version)}, and this version reads layout ${LAYOUT}: use the version that wrote it, or name another folder.`,
    );
  }

  #tables() {
    const { models, assets, series, tags, settings, gateways, jobs, clientTokens } = this;
    const { computationModels, actions } = this;
    return [
      ...[models, assets, series, tags, settings, gateways, jobs, clientTokens],
      ...[computationModels, actions],
    ];
  }

  #index(): void {
    for (const index of [
      this.#byAlias,
      this.#byProperty,
      this.#modelByExternalId,
      this.#assetByExternalId,
    ]) {
      index.clear();
    }
    for (const series of this.series.values()) {
      this.#nextSeries = Math.max(this.#nextSeries, series.number + 1);
      this.#indexSeries(series);
    }
    for (const model of this.models.values()) {
      if (model.externalId !== undefined) this.#modelByExternalId.set(model.externalId, model.id);
    }
    for (const asset of this.assets.values()) {
      if (asset.externalId !== undefined) this.#assetByExternalId.set(asset.externalId, asset.id);
    }
  }

  #indexSeries(series: SeriesRecord): void {
    if (series.alias !== undefined) this.#byAlias.set(series.alias, series);
    if (series.assetId !== undefined && series.propertyId !== undefined) {
      this.#byProperty.set(propertyKey(series.assetId, series.propertyId), series);
    }
  }

  /** Wall time, epoch milliseconds: of states and creation dates. */
  nowMs(): number {
    return Date.now();
  }

  /** A resource's ARN. */
  arn(kind: string, id: string): string {
    return `arn:aws:iotsitewise:${this.#options.region}:${this.#options.accountId}:${kind}/${id}`;
  }

  /** A state that becomes ACTIVE (or gone) after the activation time. */
  pending(state: Status['state']): Status {
    return { state, readyAtMs: this.nowMs() + this.#options.activationMs };
  }

  /** Resolves when all changes until now are stored. */
  commit(): Promise<void> {
    return this.#committer.commit();
  }

  /** A model by UUID or `externalId:…`, its state brought up to date; undefined where none is. */
  model(id: string): AssetModelRecord | undefined {
    const uuid = id.startsWith('externalId:') ? this.#modelByExternalId.get(id.slice(11)) : id;
    const model = uuid === undefined ? undefined : this.models.get(uuid);
    if (model === undefined || !this.#settle(model.status)) return model;
    if (model.status.state === 'DELETING') {
      this.models.delete(model.id);
      this.tags.delete(this.arn('asset-model', model.id));
      if (model.externalId !== undefined) this.#modelByExternalId.delete(model.externalId);
      return undefined;
    }
    model.status = { state: 'ACTIVE', readyAtMs: 0 };
    this.models.set(model.id, model);
    return model;
  }

  /** An asset by UUID or `externalId:…`, its state brought up to date; undefined where none is. */
  asset(id: string): AssetRecord | undefined {
    const uuid = id.startsWith('externalId:') ? this.#assetByExternalId.get(id.slice(11)) : id;
    const asset = uuid === undefined ? undefined : this.assets.get(uuid);
    if (asset === undefined || !this.#settle(asset.status)) return asset;
    if (asset.status.state === 'DELETING') {
      this.assets.delete(asset.id);
      this.tags.delete(this.arn('asset', asset.id));
      if (asset.externalId !== undefined) this.#assetByExternalId.delete(asset.externalId);
      return undefined;
    }
    asset.status = { state: 'ACTIVE', readyAtMs: 0 };
    this.assets.set(asset.id, asset);
    return asset;
  }

  #settle(status: Status): boolean {
    return status.state !== 'ACTIVE' && this.nowMs() >= status.readyAtMs;
  }

  /** All models, oldest first. */
  allModels(): AssetModelRecord[] {
    return [...this.models.values()]
      .map((m) => this.model(m.id))
      .filter((m) => m !== undefined)
      .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  }

  /** All assets, oldest first. */
  allAssets(): AssetRecord[] {
    return [...this.assets.values()]
      .map((a) => this.asset(a.id))
      .filter((a) => a !== undefined)
      .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  }

  saveModel(model: AssetModelRecord): void {
    this.models.set(model.id, model);
    if (model.externalId !== undefined) this.#modelByExternalId.set(model.externalId, model.id);
  }

  saveAsset(asset: AssetRecord): void {
    this.assets.set(asset.id, asset);
    if (asset.externalId !== undefined) this.#assetByExternalId.set(asset.externalId, asset.id);
  }

  seriesByAlias(alias: string): SeriesRecord | undefined {
    return this.#byAlias.get(alias);
  }

  seriesByProperty(assetId: string, propertyId: string): SeriesRecord | undefined {
    return this.#byProperty.get(propertyKey(assetId, propertyId));
  }

  /** A new time series. */
  createSeries(fields: Pick<SeriesRecord, 'alias' | 'assetId' | 'propertyId' | 'dataType'>) {
    const now = this.nowMs();
    const series: SeriesRecord = {
      ...fields,
      id: randomUUID(),
      number: this.#nextSeries++,
      createdAtMs: now,
      updatedAtMs: now,
    };
    this.series.set(series.id, series);
    this.#indexSeries(series);
    return series;
  }

  /** Changes a series' alias or property. */
  changeSeries(
    series: SeriesRecord,
    change: Partial<Pick<SeriesRecord, 'alias' | 'assetId' | 'propertyId' | 'dataType'>>,
  ): void {
    this.#unindex(series);
    Object.assign(series, change);
    series.updatedAtMs = this.nowMs();
    this.series.set(series.id, series);
    this.#indexSeries(series);
  }

  /** Removes a series with its values. */
  deleteSeries(series: SeriesRecord): void {
    this.#unindex(series);
    this.values.drop(series.number);
    this.series.delete(series.id);
  }

  #unindex(series: SeriesRecord): void {
    if (series.alias !== undefined) this.#byAlias.delete(series.alias);
    if (series.assetId !== undefined && series.propertyId !== undefined) {
      this.#byProperty.delete(propertyKey(series.assetId, series.propertyId));
    }
  }

  /** Stores what is left and closes the store. */
  async close(): Promise<void> {
    try {
      await this.commit();
    } finally {
      await this.#store.close();
    }
  }
}

/** Every property of a model with those of its composite models. */
export function allProperties(model: AssetModelRecord): ModelProperty[] {
  return [...model.properties, ...model.compositeModels.flatMap((c) => c.properties)];
}
