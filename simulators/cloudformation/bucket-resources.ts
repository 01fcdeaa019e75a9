import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { unzipSync } from 'fflate';
import { TwinError } from '../../shared/core/index.js';
import { createFolderStore } from '../../shared/store/index.js';
import type { FileAsset } from './assembly.js';
import { arnOf, type Made, nameOf, type ResourceType, type Wanted } from './resource-types.js';

/** The folder of a bucket: a store of objects. */
export const bucketFolder = (dataDir: string, bucket: string) => join(dataDir, 'buckets', bucket);

/** AWS::S3::Bucket, a folder. */
export function bucketType(dataDir: string): ResourceType {
  const made = (name: string): Made => ({
    id: name,
    attributes: {
      Arn: arnOf('AWS::S3::Bucket', name),
      DomainName: `${name}.s3.amazonaws.com`,
      RegionalDomainName: `${name}.s3.us-east-1.amazonaws.com`,
    },
  });
  return {
    async create(wanted) {
      const name = nameOf(wanted);
      await mkdir(bucketFolder(dataDir, name), { recursive: true });
      return made(name);
    },
    update: async (before, wanted) => (before.id === nameOf(wanted) ? before : undefined),
    async delete({ id }) {
      await rm(bucketFolder(dataDir, id), { recursive: true, force: true });
    },
  };
}

/** The files of an asset by their path in it. */
async function contentOf({ path, packaging }: FileAsset): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  if (packaging === 'file') {
    for (const [name, bytes] of Object.entries(unzipSync(await readFile(path)))) {
      if (!name.endsWith('/')) files.set(name, bytes);
    }
    return files;
  }
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(relative(path, file).split(sep).join('/'), await readFile(file));
  }
  return files;
}

/** Custom::CDKBucketDeployment: files of the deployment in a bucket, under a prefix. */
export function bucketDeploymentType(dataDir: string): ResourceType {
  const placeOf = (properties: Record<string, unknown>) => {
    const prefix = String(properties.DestinationBucketKeyPrefix ?? '').replace(/\/$/, '');
    const bucket = String(properties.DestinationBucketName);
    return {
      store: createFolderStore(bucketFolder(dataDir, bucket)),
      under: prefix === '' ? '' : `${prefix}/`,
      id: `${bucket}/${prefix}`,
    };
  };
  async function upload({ stack, logicalId, properties, files }: Wanted): Promise<Made> {
    const { store, under, id } = placeOf(properties);
    const kept = new Set<string>();
    for (const key of properties.SourceObjectKeys as string[]) {
      const asset = files.get(key);
      if (asset === undefined) {
        throw new TwinError(
          'FILE_INVALID',
          `${stack}/${logicalId} uploads ${key}, which is no asset of the stack: run \`npx cdk synth\` again.`,
        );
      }
      for (const [name, bytes] of await contentOf(asset)) {
        await store.put(under + name, bytes);
        kept.add(under + name);
      }
    }
    if (properties.Prune !== false && properties.Prune !== 'false') {
      for (const key of await store.list(under)) if (!kept.has(key)) await store.delete(key);
    }
    return {
      id,
      attributes: { DestinationBucketArn: arnOf('AWS::S3::Bucket', id.split('/')[0] ?? '') },
    };
  }
  return {
    create: upload,
    update: async (made, wanted) =>
      made.id === placeOf(wanted.properties).id ? upload(wanted) : undefined,
    async delete({ id }) {
      const [bucket = '', ...prefix] = id.split('/');
      const store = createFolderStore(bucketFolder(dataDir, bucket));
      const under = prefix.join('/');
      for (const key of await store.list(under === '' ? '' : `${under}/`)) await store.delete(key);
    },
  };
}
