import {
  type CommandIo,
  type Logger,
  messageOf,
  printJson,
  printLine,
  readUserFile,
  writeUserFile,
} from '../shared/core/index.js';
import type { InterfaceType } from '../shared/fmi/binding/instance.js';
import { type Fmu, openFmu, readFmu } from '../shared/fmi/description/fmu.js';
import type {
  InterfaceInfo,
  ModelDescription,
  ModelVariable,
} from '../shared/fmi/description/model-description.js';
import { defined } from '../shared/fmi/description/parse-common.js';
import { parseStartValue } from '../shared/fmi/description/start-values.js';
import { validateFmu } from '../shared/fmi/description/validate.js';
import { validateSchema } from '../shared/fmi/description/validate-schema.js';
import { isError } from '../shared/fmi/description/xml-attributes.js';
import { createFmuPool, simulate } from '../shared/fmi/lanes/pool.js';
import { proveFmu } from '../shared/fmi/lanes/prove.js';
import { KEEPS_OUT, type SandboxLevel } from '../shared/fmi/lanes/sandbox.js';
import { formatResultCsv } from '../shared/fmi/running/recorder.js';
import type { SimulateRequest, SimulationResult } from '../shared/fmi/running/simulation.js';
import { SOLVERS, type SolverName } from '../shared/fmi/solving/ode-solver.js';
import { parseInputCsv } from '../shared/fmi/solving/signals.js';
import { renderLineChart } from '../shared/plot/index.js';
import type { Command } from './command.js';
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
        sandbox: { ...sandbox, keepsOut: sandbox.level ? KEEPS_OUT[sandbox.level] : [] },
      });
    } else {
      for (const line of summary(fmu.modelDescription, fmu.sha256)) printLine(io.stdout, line);
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

const simulateCommand: Command = {
  name: 'fmu simulate',
  summary: 'Simulate an FMU in a process of its own',
  arguments: [{ name: '<file>', description: 'the FMU' }],
  options: [
    {
      flags: '--interface <type>',
      description: 'co-simulation or model exchange; default: co-simulation where offered',
      choices: ['cs', 'me'],
    },
    { flags: '--start-time <s>', description: 'seconds', parse: numberIn('--start-time') },
    { flags: '--stop-time <s>', description: 'seconds', parse: numberIn('--stop-time') },
    {
      flags: '--step-size <s>',
      description: 'communication step, or step of euler and rk4, seconds',
      parse: numberIn('--step-size', { above: 0 }),
    },
    {
      flags: '--output-interval <s>',
      description: 'time between recorded rows, seconds',
      parse: numberIn('--output-interval', { above: 0 }),
    },
    {
      flags: '--tolerance <x>',
      description: 'relative tolerance',
      parse: numberIn('--tolerance', { above: 0 }),
    },
    {
      flags: '--solver <name>',
      description:
        'for model exchange; default: auto, which turns to rodas3 where a model is stiff',
      choices: [...SOLVERS],
    },
    {
      flags: '--start-values <name=value...>',
      description: 'parameters and start values, optionally with a unit: p="3.5 bar"',
    },
    { flags: '--input-file <csv>', description: 'input signals; first column: time' },
    { flags: '--output-variables <name...>', description: 'variables to record; default: outputs' },
    {
      flags: '--output-file <csv>',
      writes: 'file',
      description: 'where the result goes; default: stdout',
    },
    {
      flags: '--no-validation',
      description: 'run an FMU in spite of faults in its description that leave it readable',
    },
    { flags: '--dont-record-events', description: 'no rows before and after events' },
    { flags: '--plot <svg>', writes: 'file', description: 'draws the recorded variables' },
    { flags: '--debug-logging', description: "shows the FMU's own log on stderr" },
    { flags: '--fmi-logging', description: 'shows every FMI call on stderr' },
    {
      flags: '--timeout <s>',
      description: 'wall time after which the process is ended, seconds',
      parse: numberIn('--timeout', { above: 0 }),
    },
  ],
  examples: [
    'twinloop fmu simulate model.fmu --stop-time 10 --output-file out.csv --plot out.svg',
    'twinloop fmu simulate model.fmu --interface me --solver dopri5 --start-values k=2 T="20 degC"',
  ],
  async run(args, io) {
    const fmu = await openFmu(args.file as string, { ignoreProblems: args.validation === false });
    const request = await toRequest(fmu.modelDescription, args);
    const debugging = args.debugLogging === true;
    const result = await simulate(fmu, {
      ...request,
      signal: io.signal,
      timeoutMs:
        args.timeout === undefined ? Number.POSITIVE_INFINITY : Number(args.timeout) * 1000,
      loggingOn: debugging,
      logger: debugging ? stderrLogger(io) : io.logger,
      ...(args.fmiLogging === true && {
        onFmiCall: (text: string) => printLine(io.stderr, text),
      }),
    });
    const outputFile = args.outputFile as string | undefined;
    if (outputFile !== undefined) await writeUserFile(outputFile, formatResultCsv(result));
    if (args.plot !== undefined) {
      await writeUserFile(
        args.plot as string,
        await plotResult(fmu.modelDescription.modelName, result),
      );
    }
    if (args.json === true) printJson(io.stdout, toJson(result, outputFile));
    else if (outputFile === undefined) io.stdout.write(formatResultCsv(result));
    if (result.terminated) {
      printLine(io.stderr, `The FMU ended the simulation at ${result.time.at(-1)} s.`);
    }
    return 0;
  },
};

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
    const proofs = await proveFmu(await openFmu(args.file as string), {
      ...(args.interface !== undefined && { interface: args.interface as InterfaceType }),
      ...(args.timeout !== undefined && { timeoutMs: Number(args.timeout) * 1000 }),
      signal: io.signal,
      logger: io.logger,
    });
    if (args.json === true) printJson(io.stdout, { proofs });
    else
      for (const p of proofs) printLine(io.stdout, `${p.outcome.padEnd(6)} ${p.name}: ${p.detail}`);
    return proofs.some((p) => p.outcome === 'fails') ? 1 : 0;
  },
};

async function toRequest(
  md: ModelDescription,
  args: Record<string, unknown>,
): Promise<SimulateRequest> {
  const inputFile = args.inputFile as string | undefined;
  const input =
    inputFile === undefined
      ? undefined
      : parseInputCsv(
          (await readUserFile(inputFile, 'input file')).toString('utf8'),
          inputFile,
          md,
        );
  const startValues = Object.fromEntries(
    ((args.startValues as string[] | undefined) ?? []).map((text) => parseStartValue(md, text)),
  );
  return defined({
    interface: args.interface as InterfaceType | undefined,
    startTimeS: args.startTime as number | undefined,
    stopTimeS: args.stopTime as number | undefined,
    stepSizeS: args.stepSize as number | undefined,
    outputIntervalS: args.outputInterval as number | undefined,
    tolerance: args.tolerance as number | undefined,
    solver: args.solver as SolverName | undefined,
    outputs: args.outputVariables as string[] | undefined,
    recordEvents: args.dontRecordEvents === true ? false : undefined,
    startValues,
    input,
  }) as SimulateRequest;
}

/** The FMU's log as lines on stderr, whatever the level of Twinloop's own. */
function stderrLogger(io: CommandIo): Logger {
  const write = (message: string, fields?: Record<string, unknown>) =>
    printLine(
      io.stderr,
      message === 'FMU message'
        ? `[${fields?.status}] ${fields?.category}: ${fields?.text}`
        : `${message} ${JSON.stringify(fields ?? {})}`,
    );
  return { error: write, warn: write, info: write, debug: write };
}

/** Without an output file the rows go along, column by column. */
function toJson(result: SimulationResult, outputFile: string | undefined): unknown {
  const { statistics, terminated } = result;
  const last = result.time.length - 1;
  const plain = (v: unknown) => (v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v);
  return {
    rows: result.time.length,
    timeS: result.time[last],
    terminated,
    statistics,
    final: Object.fromEntries(
      result.columns.map((c) => [
        c.name,
        c.width === 1 ? plain(c.values[last]) : [...c.values.slice(last * c.width)].map(plain),
      ]),
    ),
    ...(outputFile === undefined
      ? {
          time: Array.from(result.time),
          columns: Object.fromEntries(
            result.columns.map((c) => [c.name, [...c.values].map(plain)]),
          ),
        }
      : { outputFile }),
  };
}

async function plotResult(name: string, result: SimulationResult): Promise<string> {
  const columns = result.columns.filter((c) => c.width === 1 && c.values instanceof Float64Array);
  const units = [...new Set(columns.map((c) => c.unit ?? '1'))];
  return renderLineChart({
    title: name,
    xLabel: 'time [s]',
    yLabel: units.length === 1 ? `[${units[0]}]` : 'value',
    series: columns.map((c) => ({
      name: c.unit === undefined ? c.name : `${c.name} [${c.unit}]`,
      x: result.time,
      y: c.values as Float64Array,
      step: c.type !== 'Float64' && c.type !== 'Float32',
    })),
  });
}

/** The commands of the importer. */
export const fmiCommands: readonly Command[] = [
  infoCommand,
  validateCommand,
  checkCommand,
  simulateCommand,
];
