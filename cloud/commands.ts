import type { Command } from '../shared/core/index.js';
import { type CalibrationEngine, createWorkerCommand } from './worker/index.js';

/** The commands of the cloud side. */
export function cloudCommands(engine: CalibrationEngine): readonly Command[] {
  return [createWorkerCommand(engine)];
}
