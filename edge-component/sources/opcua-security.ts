import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { type UserIdentityInfo, UserTokenType } from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { readUserFile } from '../../shared/core/index.js';
import { readSecret } from '../secrets.js';

/** Our keys and the certificates that we trust, in a folder of the component's own. */
export async function openPki(
  config: OpcuaSourceConfig,
  pkiDir: string,
): Promise<OPCUACertificateManager> {
  await mkdir(pkiDir, { recursive: true });
  return new OPCUACertificateManager({
    rootFolder: join(pkiDir, 'opcua'),
    automaticallyAcceptUnknownCertificate: config.trust === 'any' || config.securityMode === 'None',
    disableFileWatchers: true,
  });
}

/**
 * Who we are to the server.
 *
 * @param baseDir folder that files are named from
 */
export async function userIdentity(
  config: OpcuaSourceConfig,
  baseDir: string,
): Promise<UserIdentityInfo> {
  const { user } = config;
  if (user === undefined) return { type: UserTokenType.Anonymous };
  if ('userName' in user) {
    return {
      type: UserTokenType.UserName,
      userName: user.userName,
      password: await readSecret(user.password),
    };
  }
  const certificate = await readUserFile(
    resolve(baseDir, user.certificateFile),
    'user certificate',
  );
  const pem = certificate.toString('latin1');
  const body = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(pem)?.[1];
  const key = await readUserFile(
    resolve(baseDir, user.privateKeyFile),
    'private key of the user certificate',
  );
  return {
    type: UserTokenType.Certificate,
    certificateData: body === undefined ? certificate : Buffer.from(body, 'base64'),
    privateKey: key.toString('latin1'),
  };
}
