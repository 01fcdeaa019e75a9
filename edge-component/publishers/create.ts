import { randomInt } from 'node:crypto';
import type { PublisherConfig } from '../../shared/config/index.js';
import { type Clock, createRng, type Logger } from '../../shared/core/index.js';
import type { Publisher } from './publisher.js';

/** The publisher that a config asks for; only its own libraries are loaded. */
export async function createPublisher(
  config: PublisherConfig,
  options: { clientId: string; clock: Clock; logger: Logger },
): Promise<Publisher> {
  switch (config.type) {
    case 'sitewise-edge': {
      const { SiteWiseEdgePublisher } = await import('./sitewise-edge.js');
      return new SiteWiseEdgePublisher(config, options.clientId, options.logger);
    }
    case 'sitewise': {
      const { SiteWisePublisher } = await import('./sitewise.js');
      return new SiteWisePublisher(config, { ...options, rng: createRng(randomInt(2 ** 31)) });
    }
  }
}
