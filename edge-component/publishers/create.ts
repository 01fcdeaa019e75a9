import type { PublisherConfig } from '../../shared/config/index.js';
import { type Clock, type Logger, TwinError } from '../../shared/core/index.js';
import type { Publisher } from './publisher.js';
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
      throw new TwinError('CONFIG_INVALID', 'The publisher sitewise is not available yet.');
  }
}
