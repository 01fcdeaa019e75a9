import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  type StatusCode,
  StatusCodes,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, readUserFile } from '../../shared/core/index.js';
import { readSecret } from '../secrets.js';
import { bareHost, namesIn } from '../tls-advice.js';

/** Our keys, and the certificates that we trust. */
export interface Pki {
  manager: OPCUACertificateManager;
  /** What to do about an error, where it is about a certificate; begins with a space, or is empty. */
  advice(error: string): Promise<string>;
}

/** Opens our keys in a folder of the component's own. */
export async function openPki(
  config: OpcuaSourceConfig,
  pkiDir: string,
  logger: Logger,
): Promise<Pki> {
  await mkdir(pkiDir, { recursive: true });
  const rootFolder = join(pkiDir, 'opcua');
  const manager = new OPCUACertificateManager({
    rootFolder,
    automaticallyAcceptUnknownCertificate: config.trust === 'any' || config.securityMode === 'None',
    disableFileWatchers: true,
  });
  /** What we said of the server's certificate last. */
  let seen: { status: string; certificate: Buffer; faults: CertificateFaults } | undefined;
  const check = manager.checkCertificate.bind(manager);
  manager.checkCertificate = (async (chain: Buffer | Buffer[]) => {
    const status = await check(chain);
    const certificate = Array.isArray(chain) ? chain[0] : chain;
    if (certificate === undefined) return status;
    const faults = faultsOf(certificate, config);
    const own = status.isGood() ? refusalOf(faults, config) : undefined;
    seen = { status: (own ?? status).name, certificate, faults };
    if (own === undefined && faults.host !== undefined) {
      logger.warn(
        'The certificate of an OPC UA server does not name the host that it is reached by',
        {
          source: config.name,
          fault: faults.host,
        },
      );
    }
    return own ?? status;
  }) as typeof manager.checkCertificate;
  const advice = async (error: string): Promise<string> => {
    if (config.securityMode === 'None' && !/user/i.test(error)) return '';
    if (seen !== undefined && seen.status !== 'Good') {
      return await serversAdvice(seen.status, seen.certificate, seen.faults, rootFolder);
    }
    if (/identity|user/i.test(error) && config.user !== undefined) {
      return 'certificateFile' in config.user
        ? ` The server does not take the user certificate ${config.user.certificateFile}: let it trust that one.`
        : ` The server does not take the user ${config.user.userName} with this password.`;
    }
    // Before a server says a word about a certificate that it does not trust, many close the connection.
    if (/Certificate|SecurityChecks|disconnected by third party|closed/i.test(error)) {
      return ` If the server does not trust us yet, let it trust our certificate ${await ownCertificate(rootFolder)}.`;
    }
    return '';
  };
  return { manager, advice };
}

/** What is wrong with a certificate besides who made it, in whole sentences. */
interface CertificateFaults {
  dates?: string;
  host?: string;
}

function faultsOf(
  certificate: Buffer,
  { endpointUrl, hostCheck }: OpcuaSourceConfig,
): CertificateFaults {
  const faults: CertificateFaults = {};
  const x509 = new X509Certificate(certificate);
  const { validFrom, validTo } = x509;
  if (Date.parse(validTo) < Date.now() || Date.parse(validFrom) > Date.now()) {
    faults.dates = `It is valid from ${validFrom} to ${validTo}: renew it on the server, and look at the clocks of both.`;
  }
  // Not every version of Node knows the scheme `opc.tcp` well enough to find a host in it.
  const host = bareHost(new URL(endpointUrl.replace(/^opc\.tcp:/, 'http:')).hostname);
  // Some servers write addresses as if they were names.
  const isNamed =
    x509.checkHost(host) !== undefined || (isIP(host) > 0 && x509.checkIP(host) !== undefined);
  if (!isNamed) {
    const names = namesIn(x509.subjectAltName) || 'no host';
    const remedy =
      hostCheck === 'warn'
        ? ''
        : `: put one of its names into endpointUrl, let the server have a certificate that names ${host}, or set hostCheck to "warn"`;
    faults.host = `It is for another host: asked for ${host}, it names ${names}${remedy}.`;
  }
  return faults;
}

/** Why a certificate is refused that is trusted, by status codes of OPC UA Part 4, 6.1.3. */
function refusalOf(
  { dates, host }: CertificateFaults,
  { hostCheck }: OpcuaSourceConfig,
): StatusCode | undefined {
  if (dates !== undefined) return StatusCodes.BadCertificateTimeInvalid;
  if (host !== undefined && hostCheck === 'refuse')
    return StatusCodes.BadCertificateHostNameInvalid;
  return undefined;
}

/** About a certificate of the server's that we refused. */
async function serversAdvice(
  status: string,
  certificate: Buffer,
  faults: CertificateFaults,
  rootFolder: string,
): Promise<string> {
  const { subject } = new X509Certificate(certificate);
  const name = subject.replaceAll('\n', ', ');
  const thumbprint = createHash('sha1').update(certificate).digest('hex');
  const rejected = join(rootFolder, 'rejected');
  const files = await readdir(rejected).catch(() => []);
  const file = files.find((f) => f.toLowerCase().includes(thumbprint));
  const path = file === undefined ? rejected : join(rejected, file);
  const more = [faults.dates, faults.host].map((f) => (f === undefined ? '' : ` ${f}`)).join('');
  if (status === 'BadCertificateUntrusted') {
    return ` The server's certificate (${name}) is in ${path}: if it is the right one, move it to ${join(rootFolder, 'trusted', 'certs')}.${more}`;
  }
  return ` The server's certificate (${name}, SHA-1 ${thumbprint}) is refused: ${status}.${more}`;
}

/** The file of our own certificate, to be given to a server. */
async function ownCertificate(rootFolder: string): Promise<string> {
  const folder = join(rootFolder, 'own', 'certs');
  const files = (await readdir(folder).catch(() => [])).filter((f) => /\.(pem|der|crt)$/.test(f));
  return files.length === 1 ? join(folder, files[0] ?? '') : folder;
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
