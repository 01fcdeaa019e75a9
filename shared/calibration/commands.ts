import type { Command } from '../core/index.js';
import { calibrateCommand } from './calibrate-command.js';
import { forecastCommand } from './forecast-command.js';
import { sensorsCommand } from './sensors-command.js';
import { stateCommands } from './state-commands.js';
import { twinCheckCommand } from './twin-check-command.js';

/** Commands about twins and their calibration. */
export const calibrationCommands: readonly Command[] = [
  calibrateCommand,
  twinCheckCommand,
  sensorsCommand,
  forecastCommand,
  ...stateCommands,
];
