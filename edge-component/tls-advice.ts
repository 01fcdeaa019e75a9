import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { messageOf } from '../shared/core/index.js';

const LOOK_MS = 3000;
/** Errors of certificates that come from their dates, their issuer or their names. */
const DATES = /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/;
const ISSUER =
  /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE/;
const NAMES = /ERR_TLS_CERT_ALTNAME_INVALID/;

/**
 * What is wrong with a server's certificate, and what to do about it; an error that is about none is told as it is.
 *
 * @param error why a TLS connection was refused by us
 * @param url of the server, e.g. `mqtts://broker:8883`
 */
export async function explainTlsError(error: unknown, url: string): Promise<string> {
  const code = String((error as { code?: unknown } | null | undefined)?.code ?? '');
  const isOfDates = DATES.test(code);
  const isOfNames = NAMES.test(code);
  if (!isOfDates && !isOfNames && !ISSUER.test(code)) return messageOf(error);
  const { hostname, port, protocol } = new URL(url);
  const host = bareHost(hostname);
  const number = Number(port || (protocol === 'wss:' ? 443 : 8883));
  // It only adds detail: where it is not to be had, the fault itself is told without.
  const certificate = await lookAt(host, number).catch(() => undefined);
  const whose = certificate === undefined ? '' : ` (${subjectOf(certificate)})`;
  if (isOfNames) {
    const names = namesIn(certificate?.subjectaltname) || 'no host';
    return `its certificate${whose} is for another host: asked for ${host}, the certificate names ${names}. Put one of these names into \`url\`, or let the broker have a certificate that names ${host}.`;
  }
  if (isOfDates) {
    const dates =
      certificate === undefined
        ? ''
        : ` is valid from ${certificate.valid_from} to ${certificate.valid_to}, and`;
    const state = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return `its certificate${whose}${dates} ${state}: renew it on the broker, and look at the clocks of both.`;
  }
  return `its certificate${whose} is by nobody we trust (${code}): name the certificate of its authority, or its own if it is self-signed, in \`caFile\`.`;
}

/** The host of a URL as certificates have it: an IPv6 address without its brackets. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/** The names of hosts in an extension `subjectAltName` as Node writes it. */
export function namesIn(subjectAltName: string | undefined): string {
  return (subjectAltName ?? '')
    .split(', ')
    .filter((name) => /^(DNS|IP Address):/.test(name))
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .join(', ');
}

function subjectOf({ subject }: PeerCertificate): string {
  const entries = Object.entries(subject ?? {}).map(([key, value]) => `${key}=${value}`);
  return entries.length === 0 ? 'without a subject' : entries.join(', ');
}

/** The certificate that a server shows; nothing is said to it. */
function lookAt(host: string, port: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host, port, rejectUnauthorized: false, timeout: LOOK_MS },
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const settle = (action: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      action();
    };
    const timer = setTimeout(() => settle(() => reject(new Error('no answer'))), LOOK_MS);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      settle(() => resolve(certificate));
    });
    socket.once('error', (error) => settle(() => reject(error)));
  });
}
