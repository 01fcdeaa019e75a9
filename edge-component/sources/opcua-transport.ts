import {
  ClientTCP_transport,
  type IClientTransportFactory,
  type TransportSettingsOptions,
} from 'node-opcua-transport';

/** No server sends smaller chunks (OPC UA Part 6, 7.1.2.3). */
const SMALLEST_CHUNK = 8192;

/**
 * A connection that takes no longer message than we said in our HELLO. The stack goes by what the server says in its
 * ACKNOWLEDGE, which is about what the server takes.
 */
class BoundedTransport extends ClientTCP_transport {
  maxBytes = 0;

  override setLimits(limits: Parameters<ClientTCP_transport['setLimits']>[0]): void {
    super.setLimits({
      ...limits,
      maxMessageSize: this.maxBytes,
      maxChunkCount: Math.ceil(this.maxBytes / SMALLEST_CHUNK) + 1,
    });
  }
}

/** @param maxBytes longest message that is taken from a server */
export function boundedTransports(maxBytes: number): IClientTransportFactory {
  return {
    create: (settings?: TransportSettingsOptions) => {
      const transport = new BoundedTransport(settings);
      transport.maxBytes = maxBytes;
      return transport;
    },
  };
}
