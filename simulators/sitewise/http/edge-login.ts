import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiFault, invalidRequest } from '../api/faults.js';
import type { AcceptedCredentials } from './signature.js';

/** Someone who may log in at the gateway's local API. */
export interface EdgeUser {
  username: string;
  password: string;
}

/** How long temporary keys live, milliseconds. */
const SESSION_MS = 60 * 60_000;
/** Sessions at a time; the oldest ends first. */
const MAX_SESSIONS = 1000;
const MECHANISMS = ['ldap', 'linux', 'winnt'];

/** Temporary keys of users that logged in, as a SiteWise Edge gateway hands them out. */
export class EdgeLogin {
  readonly #users: readonly EdgeUser[];
  readonly #nowMs: () => number;
  readonly #sessions = new Map<string, AcceptedCredentials>();

  constructor(users: readonly EdgeUser[], nowMs: () => number) {
    this.#users = users;
    this.#nowMs = nowMs;
  }

  find(accessKeyId: string): AcceptedCredentials | undefined {
    return this.#sessions.get(accessKeyId);
  }

  /**
   * Answers `POST /authenticate`.
   *
   * @throws ApiFault `InvalidRequestException`, `AccessDeniedException`
   */
  authenticate(body: unknown): Record<string, string> {
    const { username, password, authMechanism } = (body ?? {}) as Record<string, unknown>;
    if (typeof username !== 'string' || typeof password !== 'string') {
      throw invalidRequest('username and password are needed.');
    }
    if (!MECHANISMS.includes(String(authMechanism))) {
      throw invalidRequest(`authMechanism must be one of ${MECHANISMS.join(', ')}.`);
    }
    const user = this.#users.find((u) => u.username === username);
    if (user === undefined || !same(user.password, password)) {
      throw new ApiFault('AccessDeniedException', 'The username or password is not right.');
    }
    const oldest = this.#sessions.keys().next().value;
    if (this.#sessions.size >= MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    const expiresAtMs = this.#nowMs() + SESSION_MS;
    const session: Required<Omit<AcceptedCredentials, 'region'>> & { region: string } = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(64).toString('base64'),
      expiresAtMs,
      region: 'edge',
      readOnly: true,
    };
    this.#sessions.set(session.accessKeyId, session);
    return {
      accessKeyId: session.accessKeyId,
      secretAccessKey: session.secretAccessKey,
      sessionToken: session.sessionToken,
      sessionExpiryTime: new Date(expiresAtMs).toISOString(),
      region: session.region,
    };
  }
}

function same(a: string, b: string): boolean {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  return x.length === y.length && timingSafeEqual(x, y);
}
