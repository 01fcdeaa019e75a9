import { type Command, printJson, printLine } from '../core/index.js';
import { openFmu } from './fmu.js';
import type { InterfaceInfo, ModelDescription, ModelVariable } from './model-description.js';

function capabilities(info: InterfaceInfo): string {
  const flags = Object.entries(info)
    .filter(([, value]) => value === true)
    .map(([name]) => name);
  return flags.length === 0 ? 'no optional capabilities' : flags.join(', ');
}

function describeVariable(v: ModelVariable): string {
  const size =
    v.dimensions.length === 0
      ? ''
      : `[${v.dimensions.map((d) => ('start' in d ? d.start : `#${d.valueReference}`)).join(', ')}]`;
  const start = v.start === undefined ? '' : ` = ${v.start.slice(0, 8).map(String).join(' ')}`;
  const unit = v.unit === undefined ? '' : ` [${v.unit}]`;
  const text = v.description === undefined ? '' : `  ${v.description}`;
  return `  ${v.causality.padEnd(12)} ${v.type.padEnd(11)} ${v.name}${size}${start}${unit}${text}`;
}

function summary(md: ModelDescription, sha256: string): string[] {
  const experiment = Object.entries(md.defaultExperiment).map(([k, v]) => `${k} ${v}`);
  const shown = md.variables.filter((v) => v.causality !== 'local');
  const locals = md.variables.length - shown.length;
  return [
    `${md.modelName} (FMI ${md.fmiVersion})${md.description === undefined ? '' : `: ${md.description}`}`,
    `sha256      ${sha256}`,
    `token       ${md.instantiationToken}`,
    ...(md.generationTool === undefined ? [] : [`made by     ${md.generationTool}`]),
    ...(md.coSimulation ? [`co-simulation   ${capabilities(md.coSimulation)}`] : []),
    ...(md.modelExchange ? [`model exchange  ${capabilities(md.modelExchange)}`] : []),
    ...(md.scheduledExecution ? [`scheduled exec. ${capabilities(md.scheduledExecution)}`] : []),
    `states      ${md.modelStructure.continuousStateDerivatives.length}, event indicators ${md.numberOfEventIndicators}`,
    ...(experiment.length === 0 ? [] : [`experiment  ${experiment.join(', ')}`]),
    `variables   ${md.variables.length}${locals > 0 ? ` (${locals} local ones not shown)` : ''}`,
    ...shown.map(describeVariable),
  ];
}

const infoCommand: Command = {
  name: 'fmu info',
  summary: 'what an FMU is, can and has',
  arguments: [{ name: '<file>', description: 'the FMU' }],
  examples: ['twinloop fmu info shared/twins/web-line/web-line.fmu'],
  async run(args, io) {
    const fmu = await openFmu(args.file as string);
    if (args.json === true) {
      printJson(io.stdout, {
        path: fmu.path,
        sha256: fmu.sha256,
        modelDescription: fmu.modelDescription,
      });
    } else {
      for (const line of summary(fmu.modelDescription, fmu.sha256)) printLine(io.stdout, line);
    }
    return 0;
  },
};

/** The commands of the importer. */
export const fmiCommands: readonly Command[] = [infoCommand];
