import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { UAVariable } from 'node-opcua';
import {
  type Closeable,
  messageOf,
  nsToDate,
  removeLeftLocks,
  TwinError,
} from '../../shared/core/index.js';

/** An OPC UA server whose nodes are a machine's sensors. */
export interface SensorServer extends Closeable {
  /** e.g. `opc.tcp://127.0.0.1:40125` */
  endpointUrl: string;
  /** Puts values on the nodes, with the time they were read at; `NaN` becomes a bad reading. */
  publish(sensors: Readonly<Record<string, number>>, timeNs: bigint): void;
}

export interface SensorServerOptions {
  port: number;
  /** Folder for its certificate and key, this process's alone. */
  dataDir: string;
  machineName: string;
  sensors: readonly { variable: string; unit: string }[];
}

/** The node id of a sensor: its variable in the server's own namespace. */
export function sensorNodeId(variable: string): string {
  return `ns=1;s=${variable}`;
}

/** A port that is free now: the OPC UA server does not tell which one it took for 0. */
async function freePort(host: string): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, host, resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    probe.close(() => resolve());
  });
  return port;
}

/**
 * Starts an OPC UA server on loopback with one variable node a sensor, below a folder of the
 * machine's name.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startSensorServer(options: SensorServerOptions): Promise<SensorServer> {
  // Loading it takes a second and prints to stdout: not for commands that need no OPC UA.
  const {
    DataType,
    OPCUACertificateManager,
    OPCUAServer,
    StatusCodes,
    setErrorLogger,
    setWarningLogger,
  } = await import('node-opcua');
  // The library writes its remarks to stdout, where results belong.
  setWarningLogger(() => undefined);
  setErrorLogger((...words: unknown[]) => console.error(...words));
  const host = '127.0.0.1';
  const rootFolder = join(options.dataDir, 'opcua-pki');
  await removeLeftLocks(rootFolder);
  const certificates = new OPCUACertificateManager({
    rootFolder,
    automaticallyAcceptUnknownCertificate: true,
  });
  const port = options.port === 0 ? await freePort(host) : options.port;
  const server = new OPCUAServer({
    host,
    port,
    hostname: host,
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    allowAnonymous: true,
    disableDiscovery: true,
    // Every reading is delivered: the default would merge those that lie closer than 50 ms.
    serverCapabilities: { minSupportedSampleRate: 0 },
    buildInfo: { productName: 'Twinloop plant' },
  });
  const nodes = new Map<string, UAVariable>();
  try {
    await certificates.initialize();
    await server.initialize();
    const space = server.engine.addressSpace;
    if (space === null) throw new TwinError('INTERNAL', 'The OPC UA server has no address space.');
    const namespace = space.getOwnNamespace();
    const folder = namespace.addFolder('ObjectsFolder', { browseName: options.machineName });
    for (const { variable, unit } of options.sensors) {
      const node = namespace.addVariable({
        componentOf: folder,
        nodeId: `s=${variable}`,
        browseName: variable,
        description: unit,
        dataType: DataType.Double,
        minimumSamplingInterval: 0,
      });
      node.setValueFromSource(
        { dataType: DataType.Double, value: 0 },
        StatusCodes.BadWaitingForInitialData,
      );
      nodes.set(variable, node);
    }
    await server.start();
  } catch (error) {
    await server.shutdown(0).catch(() => undefined);
    if (error instanceof TwinError) throw error;
    throw new TwinError(
      'PORT_IN_USE',
      `The OPC UA server could not listen on ${host}:${port}: ${messageOf(error)}. Choose a free port, or 0 for any.`,
      { cause: error },
    );
  }
  let closed: Promise<void> | undefined;
  return {
    endpointUrl: `opc.tcp://${host}:${port}`,
    publish(sensors, timeNs) {
      const sourceTimestamp = nsToDate(timeNs);
      for (const [variable, value] of Object.entries(sensors)) {
        const node = nodes.get(variable);
        const good = Number.isFinite(value);
        node?.setValueFromSource(
          { dataType: DataType.Double, value: good ? value : 0 },
          good ? StatusCodes.Good : StatusCodes.BadSensorFailure,
          sourceTimestamp,
        );
      }
    },
    close() {
      closed ??= server.shutdown(100);
      return closed;
    },
  };
}
