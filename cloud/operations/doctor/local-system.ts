import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TwinError } from '../../../shared/core/index.js';

const systemSchema = z.object({
  fleet: z.string(),
  store: z.string(),
  endpoint: z.string(),
  region: z.string(),
  caFile: z.string(),
  keysFile: z.string(),
  edgeStatusFile: z.string(),
});
const keysSchema = z.object({
  siteWise: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
});

/** The local stack, as `twinloop up` notes it in its data folder. */
export interface LocalSystem {
  fleet: string;
  store: string;
  endpoint: string;
  region: string;
  /** PEM certificate to trust. */
  ca: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** Status server of the edge component; absent where it has noted none. */
  edgeUrl?: string;
}

/** @throws TwinError `NOT_FOUND` when no stack has run in the folder */
export async function readLocalSystem(dataDir: string): Promise<LocalSystem> {
  const path = join(dataDir, 'system.json');
  try {
    const { caFile, keysFile, edgeStatusFile, ...system } = systemSchema.parse(
      JSON.parse(await readFile(path, 'utf8')),
    );
    const keys = keysSchema.parse(JSON.parse(await readFile(keysFile, 'utf8')));
    const edgeUrl = await notedUrl(edgeStatusFile);
    return {
      ...system,
      ca: await readFile(caFile, 'utf8'),
      credentials: keys.siteWise,
      ...(edgeUrl === undefined ? {} : { edgeUrl }),
    };
  } catch (cause) {
    throw new TwinError(
      'NOT_FOUND',
      `No local stack has run in ${dataDir} (${messageOf(cause).split('\n')[0]}): name the data folder of \`twinloop up\`.`,
      { cause },
    );
  }
}

/** The edge component notes where its status server listens. */
async function notedUrl(path: string): Promise<string | undefined> {
  try {
    return z.object({ url: z.string() }).parse(JSON.parse(await readFile(path, 'utf8'))).url;
  } catch {
    return undefined;
  }
}
