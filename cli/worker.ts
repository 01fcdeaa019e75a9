import type { CalibrationEngine } from '../cloud/worker/engine.js';
import { runWorkerJob, type WorkerArgs } from '../cloud/worker/run-job.js';
import type { Command } from './command.js';
import { fleetOptions, numberIn, strictOption, wholeNumber } from './options.js';

/** `twinloop worker run`: what a Batch job runs. */
export function createWorkerCommand(engine: CalibrationEngine): Command {
  return {
    name: 'worker run',
    summary:
      'One pass over a share of the fleet: read, calibrate, write back (what a Batch job runs)',
    options: [
      ...fleetOptions,
      {
        flags: '--time-map <file>',
        description: 'how timestamps relate to the machine’s time, where it runs faster',
      },
      {
        flags: '--settle <s>',
        description: 'leave samples younger than this to the next run; default: the fleet’s',
        parse: numberIn('--settle', { from: 0 }),
      },
      {
        flags: '--index <n>',
        description: 'which share of the fleet; default: AWS_BATCH_JOB_ARRAY_INDEX, or 0',
        parse: wholeNumber('--index', 0),
      },
      strictOption,
    ],
    examples: [
      'twinloop worker run --store s3://my-bucket/twinloop',
      'twinloop worker run --twin twin.json --asset line1 --store ./state --json',
    ],
    async run(received, io) {
      return runWorkerJob(received as WorkerArgs, io, engine);
    },
  };
}
