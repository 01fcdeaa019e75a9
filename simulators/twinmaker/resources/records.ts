import type {
  DataValue,
  FunctionResponse,
  PropertyDefinitionResponse,
} from '@aws-sdk/client-iottwinmaker';
import type { Clock } from '../../../shared/core/index.js';
import type { KeyValueStore } from '../../sitewise/store/key-value.js';
import { RecordTable } from '../../sitewise/store/records.js';
import { invalid } from '../api.js';

/** When something came about and changed, epoch milliseconds. */
export interface Dates {
  createdMs: number;
  updatedMs: number;
}

export interface WorkspaceRecord extends Dates {
  id: string;
  description?: string | undefined;
  s3Location?: string | undefined;
  role?: string | undefined;
}

export interface ComponentTypeRecord extends Dates {
  workspaceId: string;
  id: string;
  name?: string | undefined;
  description?: string | undefined;
  extendsFrom: string[];
  isSingleton: boolean;
  properties: Record<string, PropertyDefinitionResponse>;
  functions: Record<string, FunctionResponse>;
}

/** A property of a component; one without a definition of its own has its type's. */
export interface ComponentProperty {
  definition?: PropertyDefinitionResponse | undefined;
  value?: DataValue | undefined;
}

export interface ComponentRecord {
  typeId: string;
  description?: string | undefined;
  properties: Record<string, ComponentProperty>;
  /** Why its properties could not be taken from where they are. */
  error?: string | undefined;
}

export interface EntityRecord extends Dates {
  workspaceId: string;
  id: string;
  name: string;
  description?: string | undefined;
  parentId: string;
  components: Record<string, ComponentRecord>;
}

export interface SceneRecord extends Dates {
  workspaceId: string;
  id: string;
  contentLocation: string;
  description?: string | undefined;
  capabilities: string[];
  sceneMetadata: Record<string, string>;
}

/** The parent of entities that have none. */
export const ROOT = '$ROOT';
const SEPARATOR = '\u0001';
/** The key of something inside a workspace. */
export const keyOf = (workspaceId: string, id: string) => workspaceId + SEPARATOR + id;

export interface AccountOptions {
  store: KeyValueStore;
  clock: Clock;
  accountId: string;
  region: string;
  /** How long it takes until something is active, milliseconds. */
  activationMs: number;
}

/** What an account has in TwinMaker. */
export class TwinMakerAccount {
  readonly #options: AccountOptions;
  readonly workspaces: RecordTable<WorkspaceRecord>;
  readonly componentTypes: RecordTable<ComponentTypeRecord>;
  readonly entities: RecordTable<EntityRecord>;
  readonly scenes: RecordTable<SceneRecord>;
  /** By ARN. */
  readonly tags: RecordTable<Record<string, string>>;

  constructor(options: AccountOptions) {
    this.#options = options;
    const table = <T>(name: string) => new RecordTable<T>(options.store, name);
    this.workspaces = table('workspace');
    this.componentTypes = table('component-type');
    this.entities = table('entity');
    this.scenes = table('scene');
    this.tags = table('tags');
  }

  nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }

  /** Stores what changed. @throws TwinError `STORAGE`: then nothing has changed */
  async commit(): Promise<void> {
    const tables = [this.workspaces, this.componentTypes, this.entities, this.scenes, this.tags];
    try {
      await this.#options.store.commit(tables.flatMap((table) => table.collect()));
    } catch (error) {
      for (const table of tables) table.reload();
      throw error;
    }
  }

  /** @param rest e.g. `entity/line1`; left out: the workspace itself */
  arn(workspaceId: string, rest?: string): string {
    const { region, accountId } = this.#options;
    const inside = rest === undefined ? '' : `/${rest}`;
    return `arn:aws:iottwinmaker:${region}:${accountId}:workspace/${workspaceId}${inside}`;
  }

  /** @throws ApiFault `ValidationException` where there is none, as operations on what is in it do */
  workspace(id: string): WorkspaceRecord {
    const found = this.workspaces.get(id);
    if (found === undefined) throw invalid(`The workspace ${id} does not exist.`);
    return found;
  }

  /** `CREATING` or `UPDATING` for a moment, then `ACTIVE`. */
  stateOf({ createdMs, updatedMs }: Dates): 'CREATING' | 'UPDATING' | 'ACTIVE' {
    if (this.nowMs() >= updatedMs + this.#options.activationMs) return 'ACTIVE';
    return createdMs === updatedMs ? 'CREATING' : 'UPDATING';
  }

  dates(): Dates {
    const nowMs = this.nowMs();
    return { createdMs: nowMs, updatedMs: nowMs };
  }

  tag(arn: string, tags: Record<string, string> | undefined): void {
    if (tags !== undefined && Object.keys(tags).length > 0) this.tags.set(arn, tags);
  }
}

/** Dates as answers have them. */
export const shownDates = ({ createdMs, updatedMs }: Dates) => ({
  creationDateTime: new Date(createdMs),
  updateDateTime: new Date(updatedMs),
});
