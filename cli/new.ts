import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { type TwinDefinition, twinName, twinSchema } from '../shared/config/index.js';
import {
  type CommandIo,
  durationText,
  jsonText,
  printJson,
  printLine,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import { openFmu } from '../shared/fmi/index.js';
import { type RecordingTable, readTable } from '../shared/recordings/index.js';
import { twinRecordingOf } from '../shared/twin/data/recording.js';
import { loadTwin } from '../shared/twin/definition/twin.js';
import {
  chooseParameters,
  columnLines,
  definitionText,
  findReaches,
  fmuPathFrom,
  modelLines,
  noiselessChannels,
  type Proposal,
  type ProposeOptions,
  proposeTwin,
  type RestTime,
  restTime,
  runStep,
  startUpRows,
  withNoise,
  withParameters,
  withReaches,
  withRestTime,
  withStep,
} from '../shared/twin/propose/index.js';
import type { Twin } from '../shared/twin/types.js';
import { agrees, canAsk } from './ask.js';
import type { Command } from './command.js';
import { inputsLeft, parseMap, settleColumns } from './new-columns.js';
import { settleOffers } from './new-offers.js';
import { lanesOf, lanesOption, strictOption } from './options.js';
import {
  dataOption,
  printAccount,
  readingOptions,
  recordingOptionsOf,
} from './recording-options.js';

/** Rows that a first calibration takes: more come by `calibrate` itself. */
const FIRST_ROWS = 2000;
/** Rows that it takes at least, however slow the model is. */
const FEWEST_ROWS = 150;
/** Wall time for which a first calibration is left as it is, and that it is cut to else, milliseconds. */
const BEARABLE_MS = 180_000;
const FIRST_MS = 60_000;
/** Linearisations that a row takes: few where nothing happens, several where the model bends. */
const LINEARISATIONS = 1;
/** Rows that a first fit takes: what moves needs its record whole where that takes seconds. */
const FIRST_FIT_ROWS = 8000;

/** Writes the definition; what somebody wrote before stays unless they let it go. */
async function write(path: string, text: string, args: Record<string, unknown>, io: CommandIo) {
  if (existsSync(path) && (await readFile(path, 'utf8')) !== text && args.overwrite !== true) {
    if (!canAsk(io, args) || !(await agrees(`${path} is there already. Overwrite it?`, io))) {
      throw new TwinError(
        'USAGE',
        `${path} is there already and says something else: name another by --output, or let it go by --overwrite.`,
      );
    }
  }
  await writeUserFile(path, text);
}

/** A twin as a proposal has it. */
const twinAs = (proposal: Proposal, fmuPath: string): Twin => ({
  definition: twinSchema.parse(parse(definitionText(proposal, fmuPath, 'a proposal'))),
  fmuPath,
  hash: '',
});

/** Rows of a recording under whose inputs the model's rest is looked at. */
const REST_ROWS = 4;
/** Steps a row by which a rest within a few rows is seen: to be told, it takes more steps than these rows have. */
const FINE_STEPS = 16;

/**
 * How long a proposal's model takes to come to rest under the recording's inputs; undefined without inputs.
 *
 * @param stepSizeS default: the proposal's own
 */
async function restOf(
  proposal: Proposal,
  fmuPath: string,
  table: RecordingTable,
  signal: AbortSignal | undefined,
  stepSizeS?: number,
): Promise<RestTime | undefined> {
  const { item } = proposal.simulation;
  const simulation = { ...proposal.simulation, item: { ...item, ...(stepSizeS && { stepSizeS }) } };
  const twin = twinAs({ ...proposal, simulation }, fmuPath);
  const { samples } = twinRecordingOf(twin.definition, table, { to: FIRST_ROWS });
  const whole = samples.filter((s) => s.inputs.every(Number.isFinite));
  const apart = whole.length / REST_ROWS;
  const inputs = Array.from(
    { length: Math.min(REST_ROWS, whole.length) },
    (_, k) => whole.at(-1 - Math.floor(k * apart))!.inputs,
  );
  return inputs.length === 0 ? undefined : restTime(twin, inputs, signal);
}

/** A proposal that was tried on the model, and how long that takes to run. */
interface Tried {
  proposal: Proposal;
  /** Mean wall time of a run at rest, milliseconds; undefined where that was not measured. */
  runMs?: number;
}

/**
 * A proposal without the parameters that the recording cannot tell, within what the model bears, and
 * with the time of its rest.
 */
async function tryOnModel(
  given: Proposal,
  fmuPath: string,
  table: RecordingTable,
  args: Record<string, unknown>,
  io: CommandIo,
  rest: RestTime | undefined,
): Promise<Tried> {
  const twinOf = (proposal: Proposal) => twinAs(proposal, fmuPath);
  const options = { ...lanesOf(args), signal: io.signal };
  // Each goes where a person looks: not among the results.
  const doing = (text: string) => printLine(io.stderr, text);
  let proposal = given;
  let runMs: number | undefined;
  const { samples } = twinRecordingOf(twinOf(proposal).definition, table, { to: FIRST_ROWS });
  const last = samples.findLast((s) => s.inputs.every(Number.isFinite));
  const still = proposal.simulation.item.mode === 'steady-state';
  if (still && last !== undefined) {
    doing(`Trying how far each of ${proposal.parameters.length} parameters may go …`);
    const twin = twinOf(proposal);
    const reaches = await findReaches(twin, last.inputs, { ...options, onRound: doing });
    if (reaches !== undefined) {
      runMs = reaches.runMs;
      proposal = withReaches(proposal, reaches.narrowed);
      proposal = withNoise(proposal, noiselessChannels(twin, samples, reaches.moves));
    }
  }
  if (!still) {
    const step = await runStep(twinOf(proposal), samples, options);
    if (step !== undefined) proposal = withStep(proposal, step.stepSizeS, step.because);
  }
  if (!proposal.parametersNamed) {
    doing('Trying which parameters the recording can tell …');
    const choice = await chooseParameters(twinOf(proposal), samples, options);
    // A model that does not run at its start values says so when it is tried.
    if (choice !== undefined && choice.keep.length > 0) proposal = withParameters(proposal, choice);
  }
  if (rest !== undefined) proposal = withRestTime(proposal, rest);
  return { proposal, ...(runMs === undefined ? {} : { runMs }) };
}

/** A name for the twin from the FMU's. */
const nameOf = (modelName: string) =>
  modelName
    .replace(/^.*\./, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 60) || 'twin';

type Say = (text: string) => void;

/** Rows of rest for a first calibration: from where the machine runs, as many as a minute bears. */
function rowsAtRest(
  definition: TwinDefinition,
  table: RecordingTable,
  runMs: number | undefined,
  say: Say,
  whole: string,
): { from: number; stride: number } {
  const { rows, samples } = twinRecordingOf(definition, table);
  const { parameters } = definition;
  const from = startUpRows(samples);
  if (from > 0) {
    say(
      `Leaving out the first ${from === 1 ? 'row' : `${from} rows`}: most channels are far from where they stay, as of a machine that is starting`,
    );
  }
  const rowMs = (runMs ?? 0) * (2 * parameters.length + 1) * LINEARISATIONS;
  const bearable = Math.min(rows - from, FIRST_ROWS) * rowMs <= BEARABLE_MS;
  const most = bearable ? FIRST_ROWS : Math.max(FEWEST_ROWS, Math.floor(FIRST_MS / rowMs));
  const stride = Math.max(1, Math.ceil((rows - from) / most));
  if (stride > 1) {
    const time = (count: number) => durationText(Math.ceil((count * rowMs) / 1000));
    const about = rowMs === 0 ? '' : `, about ${time((rows - from) / stride)}`;
    const all = rowMs === 0 ? '' : ` (about ${time(rows)})`;
    say(`Taking one row in ${stride} of ${rows}${about}; all of them${all} by: ${whole}`);
  }
  return { from, stride };
}

/** Rows of a moving machine for a first fit. */
function rowsInMotion(definition: TwinDefinition, table: RecordingTable, say: Say, whole: string) {
  const { rows } = twinRecordingOf(definition, table);
  if (rows > FIRST_FIT_ROWS) {
    say(`Taking the first ${FIRST_FIT_ROWS} of ${rows} rows; all of them by: ${whole}`);
  }
  return { to: Math.min(rows, FIRST_FIT_ROWS) };
}

async function create(args: Record<string, unknown>, io: CommandIo): Promise<number> {
  const fmuPath = String(args.fmu);
  const data = String(args.data);
  const output = typeof args.output === 'string' ? args.output : 'twin.yaml';
  const fmu = await openFmu(fmuPath);
  const { from, to, stride, ...reading } = recordingOptionsOf(args);
  const table = await readTable(data, reading);
  printAccount(table.account, io);
  let led: ProposeOptions = {
    name: typeof args.name === 'string' ? args.name : nameOf(fmu.modelDescription.modelName),
    map: parseMap(args.map),
    ...(Array.isArray(args.parameter) ? { parameters: args.parameter as string[] } : {}),
  };
  const propose = (more: Partial<ProposeOptions>) => {
    led = { ...led, ...more };
    return proposeTwin(fmu.modelDescription, table, led);
  };
  let proposal = propose({});
  const say = (text: string) => printLine(args.json === true ? io.stderr : io.stdout, text);
  for (const line of columnLines(proposal)) say(line);
  const { answers, guessed } = await settleColumns(proposal, table, args, io);
  if (Object.keys(answers).length > 0) proposal = propose({ map: { ...led.map, ...answers } });
  let seen = await restOf(proposal, resolve(fmuPath), table, io.signal);
  // Rows far apart are states of rest only of a model that comes to rest between them.
  if (seen?.restS !== undefined && proposal.simulation.item.mode === 'steady-state') {
    proposal = propose({ restS: seen.restS });
    const { mode, stepSizeS: own } = proposal.simulation.item;
    const fine = (own ?? 0) / FINE_STEPS;
    if (mode === 'transient' && proposal.hasStates && fine > 0) {
      // An FMU whose own step is as long as a row rests within many rows by that step alone.
      const finer = await restOf(proposal, resolve(fmuPath), table, io.signal, fine);
      const again = finer?.restS === undefined ? proposal : propose({ restS: finer.restS });
      if (again.simulation.item.mode === 'steady-state') {
        const text = `steps of ${durationText(fine)}, as longer ones hide its way to rest`;
        proposal = withStep(again, fine, text);
        seen = finer;
      } else propose({ restS: seen.restS });
    }
  }
  // Where no states are declared, it is asked only whether there are some after all.
  const rest = proposal.hasStates ? seen : undefined;
  const path = resolve(output);
  const tried = await tryOnModel(proposal, resolve(fmuPath), table, args, io, rest);
  proposal = tried.proposal;
  for (const line of modelLines(proposal)) say(line);
  const inJson = output.endsWith('.json');
  const textOf = (of: Proposal) => {
    const text = definitionText(of, fmuPathFrom(path, resolve(fmuPath)), `${fmuPath} and ${data}`);
    return inJson ? jsonText(parse(text), 2) : text;
  };
  await write(path, textOf(proposal), args, io);
  say(`Wrote ${output}`);
  if (inJson) say('JSON has no remarks: what is a guess, and why, is told above only.');
  const { definition } = await loadTwin(path);
  if (args.calibrate === false) {
    if (args.json === true) printJson(io.stdout, { output, matches: proposal.matches });
    return 0;
  }
  const report =
    typeof args.report === 'string' ? args.report : output.replace(/\.(ya?ml|json)$/, '.html');
  const still = proposal.simulation.item.mode === 'steady-state';
  const { where } = reading;
  const again = `${output} --data ${data}${where === undefined ? '' : ` --where "${where.column}=${where.value}"`}`;
  const limit = still
    ? rowsAtRest(definition, table, tried.runMs, say, `twinloop calibrate ${again}`)
    : rowsInMotion(definition, table, say, `twinloop fit ${again}`);
  // What was written a moment ago may be written again.
  const save = (of: Proposal) => writeUserFile(path, textOf(of));
  const onOffers = settleOffers(proposal, { args, io, output, say, save });
  const run = {
    ...Object.fromEntries(
      ['delimiter', 'decimal', 'encoding', 'headerRow', 'timeColumn', 'timeFormat', 'timeZone']
        .concat(['samplePeriod', 'long', 'sheet', 'where', 'lanes', 'strict', 'json'])
        .flatMap((name) => (args[name] === undefined ? [] : [[name, args[name]]])),
    ),
    ...limit,
    twin: path,
    data,
    report,
    accountTold: true,
    guessed,
    guessedInputs: inputsLeft(proposal, led.map ?? {}),
  };
  // Constants of a moving machine are found by batch; what rests is filtered row by row.
  const code = still
    ? await (await import('./calibrate.js')).calibrateCommand.run(run, io)
    : await (await import('./fit.js')).runFit(run, io, onOffers);
  say(`The report is ${report}`);
  return code ?? 0;
}

function parseName(text: string): string {
  const { success, error } = twinName.safeParse(text);
  if (success) return text;
  throw new TwinError('USAGE', `--name is "${text}": ${error.issues[0]?.message}.`);
}

/** `new`: a first twin definition from an FMU and a recording, tried at once. */
export const newCommand: Command = {
  name: 'new',
  summary: 'Make a first twin definition from an FMU and a recording, and try it',
  arguments: [{ name: '<fmu>', description: 'the FMU' }],
  options: [
    { ...dataOption, required: true },
    {
      flags: '--output <file>',
      writes: 'file',
      endings: ['.yaml', '.yml', '.json'],
      description: 'the definition, .yaml with remarks or .json; default: twin.yaml',
    },
    {
      flags: '--name <name>',
      description: 'name of the twin: letters, digits, - and _; default: the model’s',
      parse: parseName,
    },
    {
      flags: '--map <variable=column...>',
      description: 'which column is which variable; VARIABLE= is of none',
    },
    {
      flags: '--parameter <name...>',
      description: 'parameters to calibrate; default: the tunable ones',
    },
    {
      flags: '--yes',
      description:
        'take weak guesses without asking, and name them, of constants that clearly wear and of inputs that clearly are held too; between equals it ends with what to choose from',
    },
    { flags: '--overwrite', description: 'replace a definition that is there already' },
    { flags: '--no-calibrate', description: 'write the definition only' },
    {
      flags: '--report <file>',
      writes: 'file',
      endings: ['.html'],
      description: 'the report, .html; default: beside the definition',
    },
    ...readingOptions,
    strictOption,
    lanesOption,
  ],
  examples: [
    'twinloop new model.fmu --data export.csv',
    'twinloop new model.fmu --data export.xlsx --map T_out=TI103 --parameter fouling --yes',
  ],
  run: create,
};
