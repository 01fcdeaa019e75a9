import { join } from 'node:path';
import { messageOf, readUserFile, TwinError } from '../../shared/core/index.js';

/** A resource as a template has it. */
export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
  Condition?: string;
}

export interface Template {
  Resources: Record<string, TemplateResource>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: unknown }; Condition?: string }>;
  Parameters?: Record<string, { Type: string; Default?: unknown }>;
  Conditions?: Record<string, unknown>;
}

/** A file or folder that the deployment uploads before the stack is made. */
export interface FileAsset {
  path: string;
  /** A folder that is packed on its way, or a file as it is. */
  packaging: 'zip' | 'file';
}

/** A stack to deploy, from what `cdk synth` wrote. */
export interface StackAssembly {
  name: string;
  template: Template;
  /** Stacks that have to be there before. */
  dependsOn: string[];
  /** Assets by the key of their object. */
  files: Map<string, FileAsset>;
}

interface Artifact {
  type: string;
  dependencies?: string[];
  properties?: { templateFile?: string; stackName?: string; file?: string };
}

async function readJson<T>(path: string, what: string): Promise<T> {
  const bytes = await readUserFile(path, what);
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (cause) {
    throw new TwinError('FILE_INVALID', `${path} is no JSON: ${messageOf(cause)}.`, { cause });
  }
}

/** Items in an order in which each comes after what it depends on. @throws TwinError `FILE_INVALID` */
export function inOrder(
  where: string,
  names: readonly string[],
  dependenciesOf: (name: string) => Iterable<string>,
): string[] {
  const ordered: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string) => {
    if (done.has(name)) return;
    const at = path.indexOf(name);
    if (at >= 0) {
      throw new TwinError(
        'FILE_INVALID',
        `${where} refers in a circle: ${[...path.slice(at), name].join(' → ')}. Nothing was deployed: take one of these references out.`,
      );
    }
    path.push(name);
    for (const other of dependenciesOf(name)) visit(other);
    path.pop();
    done.add(name);
    ordered.push(name);
  };
  for (const name of names) visit(name);
  return ordered;
}

/**
 * The stacks of a cloud assembly (`cdk.out`), in the order in which they are deployed.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`
 */
export async function readAssembly(directory: string): Promise<StackAssembly[]> {
  const path = join(directory, 'manifest.json');
  const { artifacts = {} } = await readJson<{ artifacts?: Record<string, Artifact> }>(
    path,
    'manifest of the cloud assembly',
  );
  const stacks = new Map<string, StackAssembly>();
  for (const [id, artifact] of Object.entries(artifacts)) {
    if (artifact.type !== 'aws:cloudformation:stack') continue;
    const files = new Map<string, FileAsset>();
    for (const dependency of artifact.dependencies ?? []) {
      const file = artifacts[dependency]?.properties?.file;
      if (artifacts[dependency]?.type !== 'cdk:asset-manifest' || file === undefined) continue;
      const manifest = await readJson<AssetManifest>(join(directory, file), 'list of assets');
      for (const { source, destinations } of Object.values(manifest.files ?? {})) {
        for (const { objectKey } of Object.values(destinations)) {
          files.set(objectKey, {
            path: join(directory, source.path),
            packaging: source.packaging === 'zip' ? 'zip' : 'file',
          });
        }
      }
    }
    const templateFile = join(directory, artifact.properties?.templateFile ?? '');
    const template = await readJson<Template>(templateFile, 'template');
    if (typeof template.Resources !== 'object' || template.Resources === null) {
      throw new TwinError('FILE_INVALID', `${templateFile} has no Resources: it is no template.`);
    }
    stacks.set(id, {
      name: artifact.properties?.stackName ?? id,
      template,
      dependsOn: (artifact.dependencies ?? []).filter(
        (d) => artifacts[d]?.type === 'aws:cloudformation:stack',
      ),
      files,
    });
  }
  if (stacks.size === 0) {
    throw new TwinError('FILE_INVALID', `${path} names no stack: run \`npx cdk synth\` first.`);
  }
  const order = inOrder(path, [...stacks.keys()], (id) => stacks.get(id)?.dependsOn ?? []);
  return order.map((id) => stacks.get(id) as StackAssembly);
}

interface AssetManifest {
  files?: Record<
    string,
    {
      source: { path: string; packaging?: string };
      destinations: Record<string, { objectKey: string }>;
    }
  >;
}
