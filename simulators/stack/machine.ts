import type { StackConfig } from '../../shared/config/index.js';
import { type Closeable, type Logger, messageOf } from '../../shared/core/index.js';
import type { Twin } from '../../shared/twin/index.js';
import {
  createSimulatedMachine,
  defaultScenario,
  openRecording,
  type Plant,
  startPlant,
} from '../plant/index.js';
import type { MachineTime } from './machine-time.js';

/** How often the machine's time is written down, wall milliseconds. */
const REACHED_EVERY_MS = 1000;

/** The recording that stands for the machine, read as the config says. */
function openReplay(
  twin: Twin['definition'],
  { csv, columns, ...reading }: NonNullable<StackConfig['replay']>,
): ReturnType<typeof openRecording> {
  const given = Object.fromEntries(Object.entries(reading).filter(([, v]) => v !== undefined));
  return openRecording({ twin, csv, columns, reading: given });
}

/**
 * Starts the machine behind its OPC UA server, simulated or replayed, from where its time stopped; that is
 * written down as it goes on, and when it halts.
 *
 * @param keep notes what is to be closed
 */
export async function startMachine(
  config: StackConfig,
  { definition, fmuPath }: Twin,
  machineTime: MachineTime,
  logger: Logger,
  keep: <T extends Closeable>(item: T) => T,
): Promise<{ machine: Awaited<ReturnType<typeof openRecording>>; plant: Plant }> {
  const machine =
    config.replay === undefined
      ? await createSimulatedMachine({
          twin: definition,
          fmuPath,
          scenario: defaultScenario(definition),
          seed: config.seed,
          intervalS: config.publishIntervalS * config.timeScale,
          logger,
        })
      : await openReplay(definition, config.replay);
  const plant = keep(
    await startPlant({
      machine,
      twin: definition,
      port: config.ports.opcua,
      dataDir: config.data,
      timeScale: config.timeScale,
      startS: machineTime.startS,
      begin: (wallNs) => machineTime.begin(wallNs, config.timeScale),
      logger,
    }),
  );
  const reached = () =>
    machineTime.reached(plant.machineS()).catch((error: unknown) => {
      logger.warn('The machine time could not be kept', { reason: messageOf(error) });
    });
  const timer = setInterval(() => void reached(), REACHED_EVERY_MS);
  keep({
    close: async () => {
      clearInterval(timer);
      await plant.halt();
      await reached();
    },
  });
  return { machine, plant };
}
