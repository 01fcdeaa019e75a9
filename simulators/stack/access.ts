import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../shared/core/index.js';
import { keepCertificate, type ServerCertificate } from '../sitewise/index.js';

/** What guards the stack's servers: made once per data folder. */
export interface StackAccess {
  /** Of the SiteWise API and the gateway's broker; self-signed, so it is its own authority. */
  certificate: ServerCertificate;
  /** File of the certificate, for processes that are told whom to trust. */
  caFile: string;
  /** File of the keys below. */
  keysFile: string;
  /** Keys that sign requests to SiteWise. */
  siteWise: { accessKeyId: string; secretAccessKey: string };
  /** Login at the gateway's broker. */
  broker: { username: string; password: string };
}

/** Opens or makes the keys of a data folder, which from then on only its owner can read. */
export async function openAccess(dataDir: string): Promise<StackAccess> {
  await chmod(dataDir, 0o700);
  const tlsDir = join(dataDir, 'tls');
  const certificate = await keepCertificate(tlsDir, '127.0.0.1');
  const path = join(dataDir, 'access.json');
  if (!existsSync(path)) {
    const keys: Pick<StackAccess, 'siteWise' | 'broker'> = {
      siteWise: {
        accessKeyId: `AKID${randomBytes(8).toString('hex').toUpperCase()}`,
        secretAccessKey: randomBytes(30).toString('base64'),
      },
      broker: { username: 'edge', password: randomBytes(18).toString('base64url') },
    };
    await writeFileAtomic(path, `${JSON.stringify(keys, null, 2)}\n`);
  }
  const keys = JSON.parse(await readFile(path, 'utf8')) as Pick<StackAccess, 'siteWise' | 'broker'>;
  return { certificate, caFile: join(tlsDir, 'certificate.pem'), keysFile: path, ...keys };
}
