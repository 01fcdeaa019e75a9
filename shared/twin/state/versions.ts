import { readFile } from 'node:fs/promises';
import { type TwinDefinition, twinSchema } from '../../config/index.js';
import { messageOf, TwinError } from '../../core/index.js';
import { getText, keySegment, type ObjectStore } from '../../store/index.js';
import { versionOf } from '../definition/twin.js';
import type { Twin } from '../types.js';

/** Where every version of a twin that has a state is kept: definition and FMU, under its fingerprint. */
const VERSIONS = 'versions/';
const DEFINITION = 'twin.json';
const FMU = 'model.fmu';

const folderOf = (name: string, hash: string) =>
  `${VERSIONS}${keySegment(name)}/${versionOf(hash)}/`;

/**
 * Keeps a version of a twin, so that its states can be read once the twin has changed, and results can
 * be reproduced. It is written once.
 *
 * @returns whether it was new
 * @throws TwinError as the store, or where the FMU can't be read
 */
export async function keepVersion(store: ObjectStore, twin: Twin): Promise<boolean> {
  const folder = folderOf(twin.definition.name, twin.hash);
  if ((await store.get(`${folder}${DEFINITION}`)) !== undefined) return false;
  let fmu: Uint8Array;
  try {
    fmu = await readFile(twin.fmuPath);
  } catch (cause) {
    throw new TwinError('STORAGE', `The FMU can't be kept: ${messageOf(cause)}.`, { cause });
  }
  // The definition comes last: where it is, the FMU is too.
  await store.put(`${folder}${FMU}`, fmu);
  const text = JSON.stringify({ ...twin.definition, fmu: `./${FMU}` }, null, 2);
  await store.put(`${folder}${DEFINITION}`, new TextEncoder().encode(`${text}\n`));
  return true;
}

/** A version that is kept. */
export interface KeptVersion {
  twin: string;
  version: string;
  /** Keys of its two files. */
  definition: string;
  fmu: string;
}

/** The versions that are kept, of one twin or of all. */
export async function listVersions(store: ObjectStore, name?: string): Promise<KeptVersion[]> {
  const prefix = name === undefined ? VERSIONS : `${VERSIONS}${keySegment(name)}/`;
  return (await store.list(prefix))
    .filter((key) => key.endsWith(`/${DEFINITION}`))
    .map((key) => {
      const [, segment = '', version = ''] = key.split('/');
      const folder = key.slice(0, -DEFINITION.length);
      return {
        twin: decodeURIComponent(segment),
        version,
        definition: key,
        fmu: `${folder}${FMU}`,
      };
    });
}

/** The definition of a version that is kept; undefined where it is not. @throws ConfigError */
export async function keptDefinition(
  store: ObjectStore,
  name: string,
  hash: string,
): Promise<TwinDefinition | undefined> {
  const text = await getText(store, `${folderOf(name, hash)}${DEFINITION}`);
  return text === undefined ? undefined : twinSchema.parse(JSON.parse(text));
}
