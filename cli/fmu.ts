import { messageOf, printJson, printLine } from '../shared/core/index.js';
import type { InterfaceType } from '../shared/fmi/binding/instance.js';
import { type Fmu, openFmu, readFmu } from '../shared/fmi/description/fmu.js';
import type { InterfaceInfo, ModelVariable } from '../shared/fmi/description/model-description.js';
import type { Port } from '../shared/fmi/description/system.js';
import { validateFmu } from '../shared/fmi/description/validate.js';
import { validateSchema } from '../shared/fmi/description/validate-schema.js';
import { isError } from '../shared/fmi/description/xml-attributes.js';
import { fallbackTexts, type KeptProof } from '../shared/fmi/lanes/kept-proof.js';
import { createFmuPool } from '../shared/fmi/lanes/pool.js';
import { proveFmu } from '../shared/fmi/lanes/prove.js';
import { KEEPS_OUT, type SandboxLevel } from '../shared/fmi/lanes/sandbox.js';
import type { Command } from './command.js';
import { cosimulationCommand } from './fmu-cosimulation.js';
import { simulateCommand } from './fmu-simulate.js';
import { numberIn } from './options.js';

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

/** How the FMU would be contained here, found by starting its process; the reason where it can't be. */
async function sandboxOf(fmu: Fmu): Promise<{ level?: SandboxLevel; obstacle?: string }> {
  try {
    const pool = await createFmuPool({ fmu, lanes: 1 });
    const level = pool.sandboxLevel;
    await pool.close();
    return level === undefined ? {} : { level };
  } catch (error) {
    return { obstacle: messageOf(error) };
  }
}

function describeSandbox({ level, obstacle }: { level?: SandboxLevel; obstacle?: string }): string {
  if (obstacle !== undefined) return `does not run here: ${obstacle}`;
  const kept = level === undefined ? [] : KEEPS_OUT[level];
  return kept.length === 0 ? 'none' : `"${level}", keeps it from: ${kept.join('; ')}`;
}

/** The parts of a system and what runs between them. */
function describeParts({ system }: Fmu): string[] {
  if (system === undefined) return [];
  const at = ({ component, variable }: Port) =>
    component < 0 ? variable : `${system.components[component]?.name}.${variable}`;
  return [
    ...system.components.map(
      ({ name, fmu, interface: type }) =>
        `component   ${name}: ${fmu.modelDescription.modelName} (FMI ${fmu.modelDescription.fmiVersion}, ${type})`,
    ),
    ...system.wires.map((w) => {
      const linear = w.factor === 1 && w.offset === 0 ? '' : ` · ${w.factor} + ${w.offset}`;
      return `connection  ${at(w.from)} → ${at(w.to)}${w.table === undefined ? linear : ' by a mapping'}`;
    }),
    ...system.warnings.map((text) => `warning     ${text}`),
  ];
}

function summary(fmu: Fmu): string[] {
  const { modelDescription: md, sha256 } = fmu;
  const experiment = Object.entries(md.defaultExperiment).map(([k, v]) => `${k} ${v}`);
  const shown = md.variables.filter((v) => v.causality !== 'local');
  const locals = md.variables.length - shown.length;
  return [
    `${md.modelName} (${fmu.system === undefined ? 'FMI ' : ''}${md.fmiVersion})${md.description === undefined ? '' : `: ${md.description}`}`,
    `sha256      ${sha256}`,
    ...(fmu.system === undefined ? [`token       ${md.instantiationToken}`] : []),
    ...describeParts(fmu),
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
  summary: 'What an FMU is, can and has',
  arguments: [{ name: '<file>', description: 'the FMU' }],
  examples: ['twinloop fmu info shared/twins/web-line/web-line.fmu'],
  async run(args, io) {
    const fmu = await openFmu(args.file as string);
    const sandbox = await sandboxOf(fmu);
    if (args.json === true) {
      printJson(io.stdout, {
        path: fmu.path,
        sha256: fmu.sha256,
        modelDescription: fmu.modelDescription,
        ...(fmu.system !== undefined && {
          components: fmu.system.components.map(({ name, fmu: part, interface: type }) => ({
            name,
            interface: type,
            sha256: part.sha256,
            modelName: part.modelDescription.modelName,
          })),
          wires: fmu.system.wires,
          warnings: fmu.system.warnings,
        }),
        sandbox: { ...sandbox, keepsOut: sandbox.level ? KEEPS_OUT[sandbox.level] : [] },
      });
    } else {
      for (const line of summary(fmu)) printLine(io.stdout, line);
      printLine(io.stdout, `sandbox     ${describeSandbox(sandbox)}`);
    }
    return 0;
  },
};

const validateCommand: Command = {
  name: 'fmu validate',
  summary: 'List every problem of an FMU with line and clause; exit code 1 for errors',
  arguments: [{ name: '<file>', description: 'the FMU' }],
  examples: ['twinloop fmu validate model.fmu --json'],
  async run(args, io) {
    const { fmu, problems: syntax, xml } = await readFmu(args.file as string);
    const major = fmu.modelDescription.fmiMajorVersion;
    const problems = [...(await validateSchema(xml, major)), ...validateFmu(fmu, syntax)].sort(
      (a, b) => a.line - b.line,
    );
    const errors = problems.filter(isError).length;
    if (args.json === true) printJson(io.stdout, { path: fmu.path, errors, problems });
    else if (problems.length === 0) printLine(io.stdout, `${args.file}: no problems found`);
    else {
      for (const { line, message, severity = 'error', clause } of problems) {
        const where = clause === undefined ? '' : ` [${clause}]`;
        const kind = severity === 'error' ? '' : `${severity}: `;
        printLine(io.stdout, `modelDescription.xml:${line}: ${kind}${message}${where}`);
      }
      printLine(io.stdout, `${errors} errors, ${problems.length - errors} warnings`);
    }
    return errors === 0 ? 0 : 1;
  },
};

/** What a proof found, what is done about it, and where it is kept. */
export function proofLines({ proofs, fallbacks, path }: KeptProof & { path?: string }): string[] {
  const applied = fallbackTexts(fallbacks);
  return [
    ...proofs.map((p) => `${p.outcome.padEnd(6)} ${p.name}: ${p.detail}`),
    ...applied.map((text) => `from now on: ${text}`),
    path === undefined ? 'not kept: an unpacked folder may change' : `kept in ${path}`,
  ];
}

const checkCommand: Command = {
  name: 'fmu check',
  summary: 'Prove an FMU: repeats itself, keeps what is set, converges, bears its bounds',
  arguments: [{ name: '<file>', description: 'the FMU' }],
  options: [
    {
      flags: '--interface <type>',
      description: 'co-simulation or model exchange; default: co-simulation where offered',
      choices: ['cs', 'me'],
    },
    {
      flags: '--timeout <s>',
      description: 'wall time that one run may take, seconds; default: 60',
      parse: numberIn('--timeout', { above: 0 }),
    },
  ],
  examples: ['twinloop fmu check model.fmu'],
  async run(args, io) {
    const proof = await proveFmu(await openFmu(args.file as string), {
      ...(args.interface !== undefined && { interface: args.interface as InterfaceType }),
      ...(args.timeout !== undefined && { timeoutMs: Number(args.timeout) * 1000 }),
      signal: io.signal,
      logger: io.logger,
    });
    if (args.json === true) printJson(io.stdout, proof);
    else for (const line of proofLines(proof)) printLine(io.stdout, line);
    return proof.proofs.some((p) => p.outcome === 'fails') ? 1 : 0;
  },
};

/** The commands of the importer. */
export const fmiCommands: readonly Command[] = [
  infoCommand,
  validateCommand,
  checkCommand,
  simulateCommand,
  cosimulationCommand,
];
