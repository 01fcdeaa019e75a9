import { modelSensors, type TwinDefinition } from '../../shared/config/index.js';
import { createRng, type Logger } from '../../shared/core/index.js';
import { openTwinFmu, startValuesOf } from '../../shared/twin/index.js';
import type { Machine } from './machine.js';
import { type Scenario, truthAt } from './scenario.js';

export interface SimulatedMachineOptions {
  twin: TwinDefinition;
  fmuPath: string;
  scenario: Scenario;
  seed: number;
  /** Seconds of the machine's time between readings. */
  intervalS: number;
  logger: Logger;
}

/** Noise of a sensor whose twin definition names none, as a share of its reading. */
const DEFAULT_RELATIVE_NOISE = 1e-4;

/** The drift of an encoder's last digit: readings are multiples of half the noise. */
const QUANTUM_SHARE = 0.5;

/**
 * A machine that obeys the twin's own FMU, with parameters that nobody knows: each reading is the
 * FMU's state of rest at the scenario's truth, plus noise, rounded to the encoder's resolution. The
 * noise of an instant depends on the seed and on its time alone, so that a restart goes on with the
 * same machine.
 */
export async function createSimulatedMachine(options: SimulatedMachineOptions): Promise<Machine> {
  const { twin, scenario, intervalS, seed } = options;
  const asTwin = { definition: twin, fmuPath: options.fmuPath, hash: '' };
  const opened = await openTwinFmu(asTwin, { lanes: 1, logger: options.logger });
  const starts = await startValuesOf(
    asTwin,
    twin.inputs.map((i) => i.variable),
  );
  const fixed: Record<string, number> = {};
  for (const input of twin.inputs) {
    fixed[input.variable] = input.value ?? starts[input.variable] ?? 0;
  }
  const measured = twin.measured.map((m) => m.variable);
  const outputs = [...measured, ...modelSensors(twin).map((v) => v.variable)];
  const followed = twin.inputs.filter((i) => i.alias !== undefined).map((i) => i.variable);
  const { stepSizeS, maxTimeS, relativeTolerance, timeoutS } = twin.simulation;
  return {
    sensors: [...followed, ...measured],
    async next(afterS) {
      const index = Math.floor(afterS / intervalS + 1e-9) + 1;
      const machineS = index * intervalS;
      const parameters = truthAt(scenario, twin, machineS);
      const { values } = await opened.runs.settle({
        startValues: parameters,
        inputs: fixed,
        outputs,
        interface: twin.simulation.interface,
        stepSizeS,
        maxTimeS,
        relativeTolerance,
        timeoutMs: timeoutS * 1000,
      });
      const rng = createRng(Math.imul(seed, 0x9e3779b1) ^ index);
      const sensors: Record<string, number> = {};
      for (const variable of followed) sensors[variable] = fixed[variable] ?? 0;
      twin.measured.forEach((channel, i) => {
        const value = values[i] ?? Number.NaN;
        const noiseStd = channel.noiseStd ?? Math.abs(value) * DEFAULT_RELATIVE_NOISE;
        const quantum = noiseStd * QUANTUM_SHARE;
        const noisy = value + noiseStd * rng.normal();
        sensors[channel.variable] = quantum > 0 ? Math.round(noisy / quantum) * quantum : noisy;
      });
      const truth: Record<string, number> = { ...parameters };
      modelSensors(twin).forEach((sensor, i) => {
        truth[sensor.variable] = values[measured.length + i] ?? Number.NaN;
      });
      return { machineS, sensors, truth };
    },
    close: () => opened.close(),
  };
}
