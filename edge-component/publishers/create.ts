import { randomInt } from 'node:crypto';
import type { PublisherConfig } from '../../shared/config/index.js';
import { type Clock, createRng, type Logger } from '../../shared/core/index.js';
import type { Publisher } from './publisher.js';
import { SiteWisePublisher } from './sitewise.js';
import { SiteWiseEdgePublisher } from './sitewise-edge.js';

/** The publisher that a config asks for. */
export function createPublisher(
  config: PublisherConfig,
  options: { clientId: string; clock: Clock; logger: Logger },
): Publisher {
  switch (config.type) {
    case 'sitewise-edge':
      return new SiteWiseEdgePublisher(config, options.clientId);
    case 'sitewise':
      return new SiteWisePublisher(config, { ...options, rng: createRng(randomInt(2 ** 31)) });
  }
}
