import type { Command } from '../shared/core/index.js';
import { costCommand } from './cost/index.js';
import { dashboardCommand } from './dashboards/dashboard-command.js';
import { createDoctorCommand } from './doctor/index.js';
import { feedCommand } from './feed/index.js';
import { sceneCommand } from './scene/scene-command.js';
import { calibrationEngine } from './worker/calibration-engine.js';
import { createWorkerCommand } from './worker/index.js';

/** The commands of the cloud side. */
export const cloudCommands: readonly Command[] = [
  createWorkerCommand(calibrationEngine),
  dashboardCommand,
  sceneCommand,
  costCommand,
  feedCommand,
  createDoctorCommand(calibrationEngine),
];
