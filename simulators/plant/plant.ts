import type { TwinDefinition } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  closeAll,
  type Logger,
  messageOf,
  secondsToNs,
  silentLogger,
  systemClock,
} from '../../shared/core/index.js';
import type { Machine } from './machine.js';
import { type SensorServer, startSensorServer } from './opcua-server.js';

export interface PlantOptions {
  machine: Machine;
  twin: TwinDefinition;
  /** Port of the OPC UA server; 0 = any free. */
  port: number;
  /** Folder for its certificate. */
  dataDir: string;
  /** Seconds of the machine per second of wall time. */
  timeScale: number;
  /** The machine's time at the start, seconds. */
  startS: number;
  /** Told, before the first reading, at which wall time the machine's time is `startS`. */
  begin?: (startNs: bigint) => Promise<void>;
  clock?: Clock;
  logger?: Logger;
}

/** A machine that runs, and can be read over OPC UA. */
export interface Plant extends Closeable {
  endpointUrl: string;
  /** Wall time at which the machine's time was `startS`. */
  startNs: bigint;
  /** The machine's time of its last reading, seconds. */
  machineS(): number;
  /** What nobody measures, as of the last reading, by variable. */
  truth(): Readonly<Record<string, number>>;
  /** The same as of the reading that was shown at a wall time, while it is remembered. */
  truthAt(timeNs: bigint): Readonly<Record<string, number>> | undefined;
  /** Wall times (ns) of the readings that each sensor has shown. */
  shown(): ReadonlyMap<string, readonly bigint[]>;
  /** Stops the machine; the server goes on answering. */
  halt(): Promise<void>;
}

/**
 * Lets a machine run in (scaled) real time behind an OPC UA server: each reading appears at its wall
 * time, stamped with it.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startPlant(options: PlantOptions): Promise<Plant> {
  const { machine, twin, timeScale, startS, clock = systemClock, logger = silentLogger } = options;
  const units = new Map([...twin.inputs, ...twin.measured].map((s) => [s.variable, s.unit]));
  const server = await startSensorServer({
    port: options.port,
    dataDir: options.dataDir,
    machineName: twin.name,
    sensors: machine.sensors.map((variable) => ({ variable, unit: units.get(variable) ?? '' })),
  });
  const stop = new AbortController();
  const startNs = clock.nowNs();
  const wallOf = (machineS: number) => startNs + secondsToNs((machineS - startS) / timeScale);
  const record = createRecord(machine.sensors);
  let machineS = startS;
  let truth: Readonly<Record<string, number>> = {};
  const truths = new Map<bigint, Readonly<Record<string, number>>>();

  async function run(): Promise<void> {
    for (let next = await machine.next(machineS); next !== undefined; ) {
      // SiteWise and OPC UA carry milliseconds at least; whole ones survive every hop.
      const timeNs = (wallOf(next.machineS) / 1_000_000n) * 1_000_000n;
      const waitMs = Number(timeNs - clock.nowNs()) / 1e6;
      if (waitMs > 0) await clock.sleep(waitMs, stop.signal);
      stop.signal.throwIfAborted();
      server.publish(next.sensors, timeNs);
      record.add(next.sensors, timeNs);
      machineS = next.machineS;
      truth = next.truth;
      truths.set(timeNs, truth);
      if (truths.size > TRUTHS_KEPT) truths.delete(truths.keys().next().value as bigint);
      next = await machine.next(machineS);
    }
    logger.info('The recording has ended', { machineS });
  }
  await options.begin?.(startNs);
  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) logger.error('The machine stopped', { reason: messageOf(error) });
  });
  const halt = () => {
    stop.abort();
    return running;
  };
  let closed: Promise<void> | undefined;
  return {
    endpointUrl: server.endpointUrl,
    startNs,
    machineS: () => machineS,
    truth: () => truth,
    truthAt: (timeNs) => truths.get(timeNs),
    shown: () => record.times,
    halt,
    close() {
      closed ??= closePlant(halt, machine, server);
      return closed;
    },
  };
}

async function closePlant(
  halt: () => Promise<void>,
  machine: Machine,
  server: SensorServer,
): Promise<void> {
  await halt();
  await closeAll([machine, server]);
}

/** Readings whose truth is remembered. */
const TRUTHS_KEPT = 5000;

/** Values per sensor whose times are remembered; older ones are forgotten first. */
const RECORD_LENGTH = 200_000;

/** Remembers when each sensor showed a reading. */
function createRecord(sensors: readonly string[]) {
  const times = new Map<string, bigint[]>(sensors.map((s) => [s, []]));
  return {
    times: times as ReadonlyMap<string, readonly bigint[]>,
    add(values: Readonly<Record<string, number>>, timeNs: bigint) {
      for (const variable of Object.keys(values)) {
        const list = times.get(variable);
        list?.push(timeNs);
        if (list !== undefined && list.length > RECORD_LENGTH) list.shift();
      }
    },
  };
}
