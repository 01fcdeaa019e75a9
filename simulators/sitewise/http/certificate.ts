import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { writeFileAtomic } from '../../../shared/core/index.js';

/** A certificate with its key, PEM. */
export interface ServerCertificate {
  cert: string;
  key: string;
}

/** A generated certificate is renewed when less than this is left of it, milliseconds. */
const RENEW_MS = 24 * 3600_000;
const LIFE_DAYS = 365;

/** Clients that put `api.` or `data.` before the host find those names in it, too. */
const LOCAL_NAMES = ['localhost', 'api.localhost', 'data.localhost', '127.0.0.1', '::1'];

/** Makes a self-signed certificate for local names and the given host. */
export async function generateCertificate(host: string): Promise<ServerCertificate> {
  const names = new Set([...LOCAL_NAMES, host]);
  const altNames = [...names].map((name) =>
    isIP(name) === 0 ? ({ type: 2, value: name } as const) : ({ type: 7, ip: name } as const),
  );
  const notBeforeDate = new Date(Date.now() - 3600_000);
  const made = await generate([{ name: 'commonName', value: 'Twinloop local SiteWise' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate: new Date(Date.now() + LIFE_DAYS * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** The certificate kept in a folder, made or renewed where needed. */
export async function keepCertificate(directory: string, host: string): Promise<ServerCertificate> {
  const certFile = join(directory, 'certificate.pem');
  const keyFile = join(directory, 'key.pem');
  if (existsSync(certFile) && existsSync(keyFile)) {
    const [cert, key] = [await readFile(certFile, 'utf8'), await readFile(keyFile, 'utf8')];
    const parsed = new X509Certificate(cert);
    const fits = isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host);
    if (Date.parse(parsed.validTo) - Date.now() > RENEW_MS && fits !== undefined) {
      return { cert, key };
    }
  }
  const made = await generateCertificate(host);
  await writeFileAtomic(keyFile, made.key);
  await writeFileAtomic(certFile, made.cert);
  return made;
}
