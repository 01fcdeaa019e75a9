import type { Command } from '../../core/index.js';
import { calibrateCommand } from './calibrate.js';
import { forecastCommand } from './forecast.js';
import { sensorsCommand } from './sensors.js';
import { stateCommands } from './state.js';
import { twinCheckCommand } from './twin-check.js';

/** Commands about twins and their calibration. */
export const calibrationCommands: readonly Command[] = [
  calibrateCommand,
  twinCheckCommand,
  sensorsCommand,
  forecastCommand,
  ...stateCommands,
];
