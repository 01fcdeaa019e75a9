import { join } from 'node:path';
import type { SourceConfig } from '../../shared/config/index.js';
import type { Clock, Logger } from '../../shared/core/index.js';
import { createCsvSource } from './csv.js';
import { createModbusSource } from './modbus.js';
import { createMqttSource } from './mqtt.js';
import { createOpcuaSource } from './opcua.js';
import type { Source } from './source.js';

/** The source that a config asks for. */
export function createSource(
  config: SourceConfig,
  options: { dataDir: string; baseDir: string; clock: Clock; logger: Logger },
): Source {
  const { dataDir, baseDir, clock, logger } = options;
  switch (config.type) {
    case 'opcua':
      return createOpcuaSource({ config, pkiDir: join(dataDir, 'pki'), logger });
    case 'modbus':
      return createModbusSource({ config, clock, logger });
    case 'mqtt':
      return createMqttSource(config);
    case 'csv':
      return createCsvSource({ config, baseDir, clock });
  }
}
