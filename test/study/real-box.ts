import { createRng } from '../../shared/core/index.js';
import type { Sample } from '../../shared/twin/index.js';

/** What a simulated heated box has that its model lacks. */
export interface BoxTruth {
  title: string;
  /** Heat capacity of the walls, J/K, nearer to the room than to the air. */
  wall?: number;
  /** Time constant of the sensor, s. */
  lagS?: number;
  /** A heat that nobody knows: standard deviation, W, and time constant, s. */
  heat?: { std: number; timeConstantS: number };
  /** A drift of the sensor: standard deviation, K, and time constant, s. */
  drift?: { std: number; timeConstantS: number };
  /** A lid that is open in some rows: what is lost through it, W/K. */
  lid?: { from: number; to: number; conductance: number };
}

/** A model that is right, and three machines that differ from it. */
export const BOX_TRUTHS: readonly BoxTruth[] = [
  { title: 'right model' },
  { title: 'wall mass 300 J/K, sensor lag 20 s', wall: 300, lagS: 20 },
  { title: 'unknown heat 0.5 W, 1200 s', heat: { std: 0.5, timeConstantS: 1200 } },
  { title: 'sensor drift 0.3 K, 2000 s', drift: { std: 0.3, timeConstantS: 2000 } },
];

/** The values that the laboratory published. */
export const PUBLISHED: Readonly<Record<string, number>> = {
  C_air: 267.6,
  G_box: 0.576,
  C_heater: 329,
  G_heater: 1.67,
};

const POWER_W = 18.6655;
/** From the air to the walls' mass, W/K; from there to the room so that both in a row are G_box. */
const G_INNER = 1.5;
const STEP_S = 3;

/**
 * A simulated record of the box under a thermostat, with the noise of its sensor.
 *
 * @param rows samples, each 12 s
 */
export const simulateBox = (truth: BoxTruth, seed: number, rows = 554): Sample[] =>
  simulateBoxWithHeat(truth, seed, rows).samples;

/** The same, with the heat that nobody knows at each sample, W. */
export function simulateBoxWithHeat(
  truth: BoxTruth,
  seed: number,
  rows = 554,
): { samples: Sample[]; heats: number[] } {
  const { C_air = 0, G_box = 0, C_heater = 0, G_heater = 0 } = PUBLISHED;
  const rng = createRng(seed);
  const samples: Sample[] = [];
  const heats: number[] = [];
  const outer = 1 / (1 / G_box - 1 / G_INNER);
  let [heater, air, wall, sensor] = [24, 23.5, 23, 23.5];
  let on = 0;
  let heat = (truth.heat?.std ?? 0) * rng.normal();
  let drift = (truth.drift?.std ?? 0) * rng.normal();
  const next = (x: number, of: { std: number; timeConstantS: number } | undefined) => {
    if (of === undefined) return 0;
    const a = Math.exp(-STEP_S / of.timeConstantS);
    return a * x + of.std * Math.sqrt(1 - a * a) * rng.normal();
  };
  for (let row = 0; row < rows; row++) {
    const room = 22 + 0.3 * Math.sin(row / 70);
    // The thermostat looks at the sensor, once a sample.
    if (sensor > 35) on = 0;
    if (sensor < 34) on = 1;
    const noise = 0.05 * rng.normal();
    heats.push(heat);
    const { lid } = truth;
    const open = lid !== undefined && row >= lid.from && row < lid.to ? lid.conductance : 0;
    samples.push({
      timeS: 12 * row,
      row,
      inputs: Float64Array.of(on, room),
      measured: Float64Array.of(sensor + drift + noise),
    });
    for (let k = 0; k < 4; k++) {
      for (let inner = 0; inner < 3; inner++) {
        const h = STEP_S / 3;
        const given = G_heater * (heater - air);
        const lost = truth.wall === undefined ? G_box * (air - room) : G_INNER * (air - wall);
        heater += (h * (POWER_W * on - given)) / C_heater;
        if (truth.wall !== undefined) wall += (h * (lost - outer * (wall - room))) / truth.wall;
        air += (h * (given - lost - open * (air - room) + heat)) / C_air;
        sensor += truth.lagS === undefined ? air - sensor : (h / truth.lagS) * (air - sensor);
      }
      heat = next(heat, truth.heat);
      drift = next(drift, truth.drift);
    }
  }
  return { samples, heats };
}
