import { join } from 'node:path';
import type { SourceConfig } from '../../shared/config/index.js';
import { type Clock, type Logger, TwinError } from '../../shared/core/index.js';
import { createOpcuaSource } from './opcua.js';
import type { Source } from './source.js';

/** The source that a config asks for. */
export function createSource(
  config: SourceConfig,
  options: { dataDir: string; baseDir: string; clock: Clock; logger: Logger },
): Source {
  switch (config.type) {
    case 'opcua':
      return createOpcuaSource({
        config,
        pkiDir: join(options.dataDir, 'pki'),
        logger: options.logger,
      });
    default:
      throw new TwinError('CONFIG_INVALID', `The source ${config.type} is not available yet.`);
  }
}
