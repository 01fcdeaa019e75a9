import { afterEach } from 'vitest';
import { createSiteWiseClient, type SiteWiseClientOptions } from '../../shared/sitewise/index.js';
import {
  type SiteWise,
  type SiteWiseOptions,
  startSiteWise,
} from '../../simulators/sitewise/index.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Has something closed after the test, the newest first. */
export function afterTest(close: () => Promise<unknown> | unknown): void {
  closers.push(close);
}

/** A stand-in for SiteWise that activates at once and is closed after the test. */
export async function openSiteWise(options: SiteWiseOptions = {}): Promise<SiteWise> {
  const siteWise = await startSiteWise({ activationMs: 2, ...options });
  afterTest(() => siteWise.close());
  return siteWise;
}

/** A client that tries once. */
export function clientOf(siteWise: SiteWise, options: SiteWiseClientOptions = {}) {
  const client = createSiteWiseClient({ ...siteWise, maxAttempts: 1, ...options });
  afterTest(() => client.destroy());
  return client;
}
