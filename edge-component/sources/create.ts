import { join } from 'node:path';
import type { SourceConfig } from '../../shared/config/index.js';
import type { Clock, Logger } from '../../shared/core/index.js';
import type { Source } from './source.js';

export interface SourceOptions {
  dataDir: string;
  baseDir: string;
  clock: Clock;
  logger: Logger;
  /** Only looks: a broker must not take it for the component in service, nor keep anything for it. */
  isTrial?: boolean;
}

/** The protocol stacks are large: only those that a config asks for are loaded. */
async function load(config: SourceConfig, options: SourceOptions): Promise<Source> {
  const { dataDir, baseDir, clock, logger, isTrial = false } = options;
  switch (config.type) {
    case 'opcua': {
      const { createOpcuaSource } = await import('./opcua.js');
      return createOpcuaSource({ config, pkiDir: join(dataDir, 'pki'), baseDir, logger });
    }
    case 'modbus': {
      const { createModbusSource } = await import('./modbus.js');
      return createModbusSource({ config, clock, logger });
    }
    case 'mqtt': {
      const { createMqttSource } = await import('./mqtt.js');
      return createMqttSource(config, isTrial);
    }
    case 'sparkplug': {
      const { createSparkplugSource } = await import('./sparkplug.js');
      return createSparkplugSource({ config, clock, logger, isTrial });
    }
    case 'csv': {
      const { createCsvSource } = await import('./csv.js');
      return createCsvSource({ config, baseDir, clock });
    }
  }
}

/** The source that a config asks for. */
export function createSource(config: SourceConfig, options: SourceOptions): Source {
  let loaded: Promise<Source> | undefined;
  return {
    run: async (sink, signal) => {
      loaded ??= load(config, options);
      await (await loaded).run(sink, signal);
    },
  };
}
