import {
  type CommandIo,
  type Logger,
  printJson,
  printLine,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import type { InterfaceType } from '../shared/fmi/binding/instance.js';
import { defaultInterface } from '../shared/fmi/binding/instantiate.js';
import { type Fmu, openFmu } from '../shared/fmi/description/fmu.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
} from '../shared/fmi/description/model-description.js';
import { defined } from '../shared/fmi/description/parse-common.js';
import { scalarOf } from '../shared/fmi/description/scalars.js';
import { parseStartValue } from '../shared/fmi/description/start-values.js';
import { toDisplayUnit } from '../shared/fmi/description/units.js';
import type { DescriptionProblem } from '../shared/fmi/description/xml-attributes.js';
import { simulate } from '../shared/fmi/lanes/pool.js';
import { formatResultCsv, type ResultColumn } from '../shared/fmi/running/recorder.js';
import {
  resolveExperiment,
  type SimulateRequest,
  type SimulationResult,
} from '../shared/fmi/running/simulation.js';
import { SOLVERS, type SolverName } from '../shared/fmi/solving/ode-solver.js';
import { renderLineChart } from '../shared/plot/index.js';
import type { Command } from './command.js';
import { readInputSignals } from './fmu-input.js';
import { numberIn } from './options.js';
import { progressBar } from './progress.js';
import { readingOptions } from './recording-options.js';

/** `fmu simulate`: an FMU over time. */
export const simulateCommand: Command = {
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
    {
      flags: '--input-file <file>',
      description: 'input signals: CSV as FMPy has it, or a recording of any kind',
    },
    ...readingOptions,
    {
      flags: '--set-input-derivatives',
      description: 'tells a co-simulation FMU (2.0) how its inputs run through each step',
    },
    {
      flags: '--output-variables <name...>',
      description:
        'variables to record: names, elements x[2,3], patterns with * and ?; default: outputs',
    },
    {
      flags: '--output-file <csv>',
      writes: 'file',
      description: 'where the result goes; default: stdout',
    },
    {
      flags: '--no-validation',
      description: 'run an FMU in spite of faults in its description that leave it readable',
    },
    { flags: '--record-events', description: 'rows before and after events; the default' },
    { flags: '--dont-record-events', description: 'no rows before and after events' },
    {
      flags: '--event-mode <choice>',
      description: 'on: event mode of FMI 3 co-simulation where it is offered; default: on',
      choices: ['on', 'off'],
    },
    { flags: '--display-units', description: 'records in display units where variables have one' },
    {
      flags: '--plot <svg>',
      writes: 'file',
      endings: ['.svg'],
      description: 'draws the recorded variables',
    },
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
    const ignore = (problems: readonly DescriptionProblem[]) => {
      for (const { line, message } of problems) {
        printLine(io.stderr, `Ignored: modelDescription.xml:${line}: ${message}`);
      }
    };
    const fmu = await openFmu(
      args.file as string,
      args.validation === false ? { onIgnoredProblems: ignore } : {},
    );
    return runOnce(fmu, args, io);
  },
};

/** Simulates once by a command's options, and puts the result where they say. */
export async function runOnce(
  fmu: Fmu,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<number> {
  const md = fmu.modelDescription;
  const request = await toRequest(md, args, io);
  const debugging = args.debugLogging === true;
  const bar = progressBar(io, 'Simulating', 's');
  const experiment = resolveExperiment(md, request.interface ?? defaultInterface(fmu), request);
  bar.start(Number((experiment.stopTimeS - experiment.startTimeS).toPrecision(6)));
  const recorded = await simulate(fmu, {
    ...request,
    signal: io.signal,
    onProgress: (timeS) => bar.update(Number((timeS - experiment.startTimeS).toPrecision(6))),
    timeoutMs: args.timeout === undefined ? Number.POSITIVE_INFINITY : Number(args.timeout) * 1000,
    loggingOn: debugging,
    logger: debugging ? stderrLogger(io) : io.logger,
    ...(args.fmiLogging === true && {
      onFmiCall: (text: string) => printLine(io.stderr, text),
    }),
  }).finally(() => bar.stop());
  const result = args.displayUnits === true ? inDisplayUnits(md, recorded, io) : recorded;
  const outputFile = args.outputFile as string | undefined;
  if (outputFile !== undefined) await writeUserFile(outputFile, formatResultCsv(result));
  if (args.plot !== undefined) {
    await writeUserFile(args.plot as string, await plotResult(md.modelName, result));
  }
  if (args.json === true) printJson(io.stdout, toJson(result, outputFile));
  else if (outputFile === undefined) io.stdout.write(formatResultCsv(result));
  for (const text of nonNumbers(result)) printLine(io.stderr, text);
  if (result.terminated) {
    printLine(io.stderr, `The FMU ended the simulation at ${result.time.at(-1)} s.`);
  }
  return 0;
}

/** Recorded variables that are no finite numbers in some rows, a line each. */
function nonNumbers({ columns, time }: SimulationResult): string[] {
  return columns.flatMap(({ name, values, width }) => {
    if (!(values instanceof Float64Array)) return [];
    const rows = new Set<number>();
    values.forEach((v, i) => {
      if (!Number.isFinite(v)) rows.add(Math.floor(i / width));
    });
    const [first] = rows;
    if (first === undefined) return [];
    return [
      `Warning: ${name} is no finite number in ${rows.size} of ${time.length} rows, from ${time[first]} s on.`,
    ];
  });
}

async function toRequest(
  md: ModelDescription,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<SimulateRequest> {
  if (args.recordEvents === true && args.dontRecordEvents === true) {
    throw new TwinError('USAGE', 'Found --record-events and --dont-record-events: expected one.');
  }
  const inputFile = args.inputFile as string | undefined;
  if (inputFile === undefined && args.setInputDerivatives === true) {
    throw new TwinError('USAGE', '--set-input-derivatives needs inputs: add --input-file.');
  }
  const startTimeS = (args.startTime as number | undefined) ?? md.defaultExperiment.startTime ?? 0;
  const input =
    inputFile === undefined
      ? undefined
      : await readInputSignals(inputFile, md, args, startTimeS, io);
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
    setInputDerivatives: args.setInputDerivatives === true ? true : undefined,
    useEventMode: args.eventMode === undefined ? undefined : args.eventMode === 'on',
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
    units: Object.fromEntries(
      result.columns.flatMap((c) => (c.unit === undefined ? [] : [[c.name, c.unit]])),
    ),
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

/** Columns in the display units of their variables; says on stderr which. */
function inDisplayUnits(
  md: ModelDescription,
  result: SimulationResult,
  io: CommandIo,
): SimulationResult {
  const changed: string[] = [];
  const columns = result.columns.map((column): ResultColumn => {
    const { displayUnit, values, name } = column;
    if (displayUnit === undefined || !(values instanceof Float64Array)) return column;
    const { variable } = scalarOrWhole(md, name);
    const shown = values.map((v) => toDisplayUnit(md, variable, v, displayUnit) ?? Number.NaN);
    if (shown.some((v, i) => Number.isNaN(v) && !Number.isNaN(values[i]))) return column;
    changed.push(`${name} in ${displayUnit}`);
    return { ...column, values: shown, unit: displayUnit };
  });
  printLine(
    io.stderr,
    changed.length === 0
      ? 'No recorded variable has a display unit.'
      : `Display units: ${changed.join(', ')}.`,
  );
  return { ...result, columns };
}

function scalarOrWhole(md: ModelDescription, name: string): { variable: ModelVariable } {
  const variable = findVariable(md, name);
  return variable === undefined ? scalarOf(md, name) : { variable };
}
