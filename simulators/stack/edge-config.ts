import type { TwinDefinition } from '../../shared/config/index.js';
import { sensorNodeId } from '../plant/index.js';

/**
 * The edge component's config on a laptop: every sensor of the plant to its alias, through the local
 * gateway's broker.
 *
 * @returns an object in the shape of the edge config's schema
 */
export function localEdgeConfig(options: {
  twin: TwinDefinition;
  sensors: readonly string[];
  opcuaUrl: string;
  broker: { url: string; caFile: string; username: string; password: string };
  dataDir: string;
}): Record<string, unknown> & { dataDir: string } {
  const streams = [...options.twin.inputs, ...options.twin.measured];
  const signals = options.sensors.flatMap((variable) => {
    const stream = streams.find((s) => s.variable === variable);
    return stream?.alias === undefined
      ? []
      : [
          {
            nodeId: sensorNodeId(variable),
            alias: stream.alias,
            ...(stream.unit === '' ? {} : { unit: stream.unit }),
          },
        ];
  });
  return {
    dataDir: options.dataDir,
    sources: [
      {
        name: 'plant',
        type: 'opcua',
        endpointUrl: options.opcuaUrl,
        publishingIntervalMs: 200,
        samplingIntervalMs: 0,
        queueSize: 1000,
        // A reading that happens to equal the one before is a reading all the same.
        trigger: 'status-value-timestamp',
        signals,
      },
    ],
    publisher: { type: 'sitewise-edge', ...options.broker },
    status: { port: 0 },
    log: { level: 'info', format: 'json' },
  };
}
