import { printLine, TwinError } from '../shared/core/index.js';
import { openFmu } from '../shared/fmi/description/fmu.js';
import { MASTERS, type Master } from '../shared/fmi/description/system.js';
import type { Command } from './command.js';
import { runOnce, simulateCommand } from './fmu-simulate.js';

/** Options of `fmu simulate` that mean the same for a system. */
const SHARED = [
  '--start-time',
  '--stop-time',
  '--step-size',
  '--output-interval',
  '--tolerance',
  '--start-values',
  '--input-file',
  '--output-variables',
  '--output-file',
  '--display-units',
  '--plot',
  '--debug-logging',
  '--fmi-logging',
  '--timeout',
];

/** `fmu cosimulation`: several FMUs that are connected, over time. */
export const cosimulationCommand: Command = {
  name: 'fmu cosimulation',
  summary: 'Simulate a system of connected FMUs (SSP)',
  arguments: [
    { name: '<file>', description: 'an archive (.ssp), its folder, or a SystemStructure.ssd' },
  ],
  options: [
    {
      flags: '--master <name>',
      description:
        'gauss-seidel: one component after the other, each with the newest values; jacobi: all with the values of the last communication point; default: gauss-seidel',
      choices: [...MASTERS],
    },
    ...(simulateCommand.options ?? [])
      .filter(({ flags }) => SHARED.includes(flags.split(' ')[0] as string))
      .map((option) =>
        option.flags.startsWith('--step-size')
          ? {
              ...option,
              description: 'step of the master, seconds; default: what the system names',
            }
          : option,
      ),
  ],
  examples: [
    'twinloop fmu cosimulation line.ssp --stop-time 60 --step-size 0.01 --output-file out.csv',
    'twinloop fmu cosimulation line.ssp --master jacobi --start-values oven.gain=2',
  ],
  async run(args, io) {
    const fmu = await openFmu(args.file as string, {
      ...(args.master !== undefined && { master: args.master as Master }),
      ...(args.stepSize !== undefined && { masterStepSizeS: args.stepSize as number }),
    });
    if (fmu.system === undefined) {
      throw new TwinError(
        'USAGE',
        `${args.file} is one FMU: use \`twinloop fmu simulate\`. Expected a system of FMUs: a .ssp archive or a SystemStructure.ssd.`,
      );
    }
    for (const warning of fmu.system.warnings) printLine(io.stderr, `Warning: ${warning}`);
    return runOnce(fmu, args, io);
  },
};
