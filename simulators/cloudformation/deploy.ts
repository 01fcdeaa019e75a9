import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ErrorCode, messageOf, TwinError } from '../../shared/core/index.js';
import { inOrder, readAssembly, type StackAssembly, type TemplateResource } from './assembly.js';
import { referencesIn, resolveCondition, resolveValue, type Scope } from './intrinsics.js';
import {
  ACCOUNT,
  attributeOf,
  isDescribedOnly,
  type Made,
  PLAIN_TYPES,
  plainType,
  type ResourceType,
  type Wanted,
} from './resource-types.js';

/** A resource as it is kept between deployments. */
export interface KeptResource extends Made {
  type: string;
  properties: Record<string, unknown>;
  retain: boolean;
}

/** The layout of `deployment.json`. In the first, what TwinMaker has was only noted. */
const VERSION = 2;

/** What is deployed: `deployment.json` in the data folder. */
export interface Deployed {
  version?: number;
  stacks: Record<
    string,
    { resources: Record<string, KeptResource>; outputs: Record<string, unknown> }
  >;
  /** Resources that the templates have no more and that could not be removed yet. */
  leftOver?: LeftOver[];
}

interface LeftOver {
  /** `stack/logical id` */
  place: string;
  resource: KeptResource;
}

/** What a deployment did. */
export interface DeployReport {
  created: string[];
  updated: string[];
  replaced: string[];
  deleted: string[];
  /** Kept although the templates have them no more, as their `DeletionPolicy` says. */
  retained: string[];
  unchanged: number;
  /** Types that were kept and referred to, without a stand-in behind them; with their number. */
  describedOnly: Record<string, number>;
  /** Types that were passed over because the user said so; with their number. */
  ignored: Record<string, number>;
  /** Of all stacks, as `stack.output`. */
  outputs: Record<string, unknown>;
}

export interface DeployOptions {
  dataDir: string;
  /** Types beside {@link PLAIN_TYPES}. */
  types: Readonly<Record<string, ResourceType>>;
  /** Types to pass over that nobody knows. */
  ignore?: readonly string[];
  /** Told once of what is there from then on, as it grows: roles that others act as, for instance. */
  onStart?(growing: Deployed): void;
}

const stateFile = (dataDir: string) => join(dataDir, 'deployment.json');

/** What was deployed into a folder; nothing yet where there is no such file. */
export async function readDeployed(dataDir: string): Promise<Deployed> {
  let text: string;
  try {
    text = await readFile(stateFile(dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { stacks: {} };
    throw error;
  }
  let deployed: Deployed;
  try {
    deployed = JSON.parse(text) as Deployed;
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${stateFile(dataDir)} is damaged: remove the folder ${dataDir} and deploy again.`,
      { cause },
    );
  }
  const { version = 1 } = deployed;
  if (version > VERSION) {
    throw new TwinError(
      'STATE_MISMATCH',
      `${stateFile(dataDir)} has version ${version}, and this Twinloop knows ${VERSION} at most: use a newer one, or name another folder with --data.`,
    );
  }
  if (version < 2) {
    for (const { resources } of Object.values(deployed.stacks)) {
      for (const [id, { type }] of Object.entries(resources)) {
        if (type.startsWith('AWS::IoTTwinMaker::')) delete resources[id];
      }
    }
  }
  return deployed;
}

async function writeDeployed(dataDir: string, deployed: Deployed): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const path = stateFile(dataDir);
  await writeFile(`${path}.new`, `${JSON.stringify({ version: VERSION, ...deployed }, null, 1)}\n`);
  await rename(`${path}.new`, path);
}

/** What a template asks for wrongly is the user's to mend; a disk or a stand-in that fails is not. */
function codeOf(error: unknown): ErrorCode {
  if (error instanceof TwinError) return error.code;
  const { $fault, code } = error as { $fault?: unknown; code?: unknown };
  return $fault === 'server' || code === 'ENOSPC' || code === 'EIO' ? 'STORAGE' : 'FILE_INVALID';
}

function checkTypes(stacks: readonly StackAssembly[], known: (type: string) => boolean): void {
  const unknown = stacks.flatMap(({ name, template }) =>
    Object.entries(template.Resources)
      .filter(([, { Type }]) => !known(Type))
      .map(([id, { Type }]) => `${name}/${id} (${Type})`),
  );
  if (unknown.length === 0) return;
  throw new TwinError(
    'FILE_INVALID',
    `The templates have resources that this rehearsal does not know: ${unknown.join(', ')}. Nothing was deployed; name their types with --ignore to pass them over.`,
  );
}

/** Carries one deployment out, and can put everything back. */
class Deployment {
  readonly #options: DeployOptions;
  readonly #before: Deployed;
  readonly #after: Deployed = { stacks: {} };
  readonly #exports = new Map<string, unknown>();
  readonly #undo: (() => Promise<unknown>)[] = [];
  /** Replaced and left over, removed when all else has succeeded. */
  readonly #obsolete: LeftOver[] = [];
  readonly report: DeployReport = {
    created: [],
    updated: [],
    replaced: [],
    deleted: [],
    retained: [],
    unchanged: 0,
    describedOnly: {},
    ignored: {},
    outputs: {},
  };

  constructor(options: DeployOptions, before: Deployed) {
    this.#options = options;
    this.#before = before;
  }

  get after(): Deployed {
    return this.#after;
  }

  #typeOf(type: string): ResourceType {
    return this.#options.types[type] ?? plainType();
  }

  #count(type: string): void {
    const { types, ignore = [] } = this.#options;
    if (types[type] !== undefined) return;
    const list = PLAIN_TYPES.includes(type)
      ? isDescribedOnly(type)
        ? this.report.describedOnly
        : undefined
      : ignore.includes(type)
        ? this.report.ignored
        : undefined;
    if (list !== undefined) list[type] = (list[type] ?? 0) + 1;
  }

  #scopeOf(stack: StackAssembly): Scope {
    const resources = () => this.#after.stacks[stack.name]?.resources ?? {};
    const { Parameters = {}, Conditions = {} } = stack.template;
    const pseudo: Record<string, unknown> = {
      'AWS::AccountId': ACCOUNT.id,
      'AWS::Region': ACCOUNT.region,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': stack.name,
      'AWS::StackId': `arn:aws:cloudformation:${ACCOUNT.region}:${ACCOUNT.id}:stack/${stack.name}/1`,
      'AWS::NotificationARNs': [],
    };
    const missing = (what: string): never => {
      throw new TwinError('FILE_INVALID', `${stack.name} refers to ${what}, which is not there.`);
    };
    const scope: Scope = {
      ref: (name) =>
        pseudo[name] ??
        resources()[name]?.id ??
        (Parameters[name] === undefined ? missing(name) : (Parameters[name]?.Default ?? '')),
      attribute: (id, name) => {
        const resource = resources()[id];
        return resource === undefined
          ? missing(`${id}.${name}`)
          : attributeOf(resource.type, resource, name);
      },
      importValue: (name) =>
        this.#exports.has(name) ? this.#exports.get(name) : missing(`the export ${name}`),
      condition: (name) =>
        Object.hasOwn(Conditions, name)
          ? resolveCondition(Conditions[name], scope)
          : missing(`the condition ${name}`),
    };
    return scope;
  }

  async stack(stack: StackAssembly): Promise<void> {
    const { Resources, Outputs = {} } = stack.template;
    const scope = this.#scopeOf(stack);
    const wanted = (id: string) => {
      const condition = Resources[id]?.Condition;
      return condition === undefined || scope.condition(condition) === true;
    };
    const kept: Record<string, KeptResource> = {};
    const outputs: Record<string, unknown> = {};
    this.#after.stacks[stack.name] = { resources: kept, outputs };
    const order = inOrder(`The template of ${stack.name}`, Object.keys(Resources), (id) => {
      const { Properties, DependsOn } = Resources[id] as TemplateResource;
      return [...referencesIn(Properties), ...[DependsOn ?? []].flat()].filter((other) =>
        Object.hasOwn(Resources, other),
      );
    });
    for (const id of order) {
      if (!wanted(id)) continue;
      const resource = Resources[id] as TemplateResource;
      try {
        kept[id] = await this.#resource(stack, id, resource, scope);
      } catch (error) {
        throw new TwinError(
          codeOf(error),
          `${stack.name}/${id} (${resource.Type}): ${messageOf(error)}`,
          {
            cause: error,
          },
        );
      }
    }
    for (const [name, { Value, Export, Condition }] of Object.entries(Outputs)) {
      if (Condition !== undefined && scope.condition(Condition) !== true) continue;
      outputs[name] = resolveValue(Value, scope);
      if (Export === undefined) this.report.outputs[`${stack.name}.${name}`] = outputs[name];
      else this.#exports.set(String(resolveValue(Export.Name, scope)), outputs[name]);
    }
  }

  async #resource(
    stack: StackAssembly,
    logicalId: string,
    { Type: type, Properties = {}, DeletionPolicy }: TemplateResource,
    scope: Scope,
  ): Promise<KeptResource> {
    const properties = resolveValue(Properties, scope) as Record<string, unknown>;
    const place = `${stack.name}/${logicalId}`;
    const wanted: Wanted = { stack: stack.name, logicalId, type, properties, files: stack.files };
    const kind = this.#typeOf(type);
    const retain = DeletionPolicy?.startsWith('Retain') === true;
    this.#count(type);
    const before = this.#before.stacks[stack.name]?.resources[logicalId];
    const keep = (made: Made): KeptResource => ({ ...made, type, properties, retain });
    if (before?.type === type) {
      if (isDeepStrictEqual(before.properties, properties)) {
        this.report.unchanged++;
        return { ...before, retain };
      }
      const made = await kind.update?.(before, wanted, before.properties);
      if (made !== undefined) {
        this.#undo.push(async () =>
          kind.update?.(made, { ...wanted, properties: before.properties }, properties),
        );
        this.report.updated.push(place);
        return keep(made);
      }
    }
    const made = await kind.create(wanted);
    this.#undo.push(() => kind.delete(made));
    if (before === undefined) this.report.created.push(place);
    else {
      this.report.replaced.push(place);
      this.#obsolete.push({ place, resource: before });
    }
    return keep(made);
  }

  /** What the templates have no more, in the order in which it is removed: the last made first. */
  leftOver(): LeftOver[] {
    const gone = Object.entries(this.#before.stacks).flatMap(([stack, { resources }]) =>
      Object.entries(resources)
        .filter(([id]) => this.#after.stacks[stack]?.resources[id] === undefined)
        .map(([id, resource]) => ({ place: `${stack}/${id}`, resource })),
    );
    return [...(this.#before.leftOver ?? []), ...gone, ...this.#obsolete].reverse();
  }

  async remove({ place, resource }: LeftOver): Promise<void> {
    if (resource.retain) {
      this.report.retained.push(place);
      return;
    }
    await this.#typeOf(resource.type).delete(resource);
    this.report.deleted.push(place);
  }

  /** @returns what could not be put back */
  async rollBack(): Promise<string[]> {
    const failures: string[] = [];
    for (const undo of this.#undo.reverse()) {
      try {
        await undo();
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    return failures;
  }
}

/**
 * Brings what the templates of a cloud assembly describe about: what is new is made, what has
 * changed is changed in its place where that is possible, what is as it was is left alone. When
 * anything fails, everything is put back as it was.
 *
 * @param directory `cdk.out`
 * @throws TwinError `FILE_INVALID` naming the resource; `FILE_NOT_FOUND`
 */
export async function deployAssembly(
  directory: string,
  options: DeployOptions,
): Promise<DeployReport> {
  const stacks = await readAssembly(directory);
  const { types, ignore = [], dataDir } = options;
  checkTypes(
    stacks,
    (type) => types[type] !== undefined || PLAIN_TYPES.includes(type) || ignore.includes(type),
  );
  const deployment = new Deployment(options, await readDeployed(dataDir));
  options.onStart?.(deployment.after);
  try {
    for (const stack of stacks) await deployment.stack(stack);
  } catch (error) {
    const failures = await deployment.rollBack();
    const end =
      failures.length === 0
        ? 'Everything was put back as it was.'
        : `Not everything could be put back: ${failures.map((f) => f.replace(/\.$/, '')).join('; ')}.`;
    throw new TwinError(codeOf(error), `${messageOf(error)} ${end}`, { cause: error });
  }
  // From here on the new resources stand; what can't be removed is tried again the next time.
  const { after, report } = deployment;
  const leftOver = deployment.leftOver();
  try {
    for (let next = leftOver[0]; next !== undefined; next = leftOver[0]) {
      await deployment.remove(next);
      leftOver.shift();
    }
  } finally {
    const rest = leftOver.length === 0 ? {} : { leftOver: leftOver.reverse() };
    await writeDeployed(dataDir, { ...after, ...rest });
  }
  return report;
}
