import { durationText, TwinError } from '../../core/index.js';
import {
  elementNames,
  type ModelDescription,
  type ModelVariable,
  unitConversion,
} from '../../fmi/index.js';
import { findColumn, type RecordingTable } from '../../recordings/index.js';
import { isSwitch, isToldOnStep } from '../definition/input-interpolation.js';
import { withoutWildValues } from '../readings/wild-values.js';
import { type Match, matchColumns, partsOf, type Undecided, unitWord } from './match.js';
import { isReal, parametersOf, startOf } from './parameters.js';
import type { Proposal, Proposed } from './proposal.js';
import { simulationOf } from './simulation.js';
import { isUnknown, unknownsOf } from './unknowns.js';

/** How a proposal is led. */
export interface ProposeOptions {
  name: string;
  /** How long the model takes to come to rest, seconds, where that was tried. */
  restS?: number;
  /** Columns by variable, as somebody named them. */
  map?: Readonly<Record<string, string>>;
  /** Parameters to calibrate; default: the tunable ones. */
  parameters?: readonly string[];
}

/** Virtual sensors that are proposed at most: a big model has thousands of outputs. */
const MOST_SENSORS = 12;
/** Spans of the record in which a parameter may wear through its range: wide rather than late. */
const SPANS_OF_WEAR = 1;
const isNumeric = (v: ModelVariable) => /^(Float|U?Int|Boolean|Enumeration)/.test(v.type);
const isNumber = (v: ModelVariable) => v.dimensions.length === 0 && isNumeric(v);

/** The same description with the elements of arrays in their place, as definitions name them. */
function withElements(md: ModelDescription): ModelDescription {
  if (md.variables.every((v) => v.dimensions.length === 0)) return md;
  const variables = md.variables.flatMap((v) => {
    if (v.dimensions.length === 0 || !isNumeric(v)) return [v];
    return elementNames(md, v).map((name, k) => {
      const { start, ...rest } = v;
      const own = start?.[k];
      return { ...rest, name, dimensions: [], ...(own === undefined ? {} : { start: [own] }) };
    });
  });
  return { ...md, variables };
}

/**
 * Proposes a definition from an FMU and a recording.
 *
 * @throws TwinError `CONFIG_INVALID` (nothing can be measured, or calibrated), `VARIABLE_UNKNOWN`,
 *   `COLUMN_MISSING`
 */
export function proposeTwin(
  described: ModelDescription,
  table: RecordingTable,
  options: ProposeOptions,
): Proposal {
  const md = withElements(described);
  const { map = {} } = options;
  checkMap(map, md, table);
  const inputs = md.variables.filter((v) => v.causality === 'input' && isNumber(v));
  const outputs = md.variables.filter((v) => v.causality === 'output' && isReal(v));
  const { matches, undecided } = matchedVariables([...inputs, ...outputs], md, table, map);
  const simulation = simulationOf(md, table, options.restS);
  const moves = simulation.item.mode === 'transient';
  const asking: Asking = {
    md,
    table,
    matchOf: (v) => matches.find((m) => m.variable === v.name),
    alias: (v) => `/${options.name}/${v.name.replace(/[^\w.-]+/g, '-')}`,
    moves,
  };
  const mapped = Object.keys(map).filter(
    (name) => map[name] !== '' && ![...inputs, ...outputs].some((v) => v.name === name),
  );
  const extra = mapped.map((name) => md.variables.find((v) => v.name === name)!);
  const measured = [...outputs, ...extra].flatMap((v) => proposedMeasured(v, asking));
  if (measured.length === 0) throw nothingMeasured(outputs, table);
  const parameters = parametersOf(md, options, asking.alias, moves);
  const taken = new Set([
    ...parameters.map((p) => p.item.variable),
    ...matches.map((m) => m.variable),
  ]);
  return {
    name: options.name,
    matches,
    inputs: inputs.map((v) => proposedInput(v, asking)),
    measured,
    parameters,
    unknowns: moves ? unknownsOf(md.variables.filter((v) => mayBeUnknown(v, taken))) : [],
    virtualSensors: outputs
      .filter((v) => asking.matchOf(v) === undefined)
      .slice(0, MOST_SENSORS)
      .map((v) => proposedSensor(v, undecided, asking.alias)),
    undecided,
    simulation,
    hasStates: md.modelStructure.continuousStateDerivatives.length > 0,
    ...(moves ? {} : { wearHorizonS: horizonOf(table) }),
    unusedColumns: table.columns
      .map((c) => c.label)
      .filter((label) => !matches.some((m) => m.column === label)),
    parametersNamed: options.parameters !== undefined,
    heldParameters: [],
  };
}

/** What every item of a proposal is made from. */
interface Asking {
  md: ModelDescription;
  table: RecordingTable;
  matchOf: (v: ModelVariable) => Match | undefined;
  alias: (v: ModelVariable) => string;
  /** Whether the machine moves between rows. */
  moves: boolean;
}

/** @throws TwinError where somebody named a variable or a column that is not there */
function checkMap(
  map: Readonly<Record<string, string>>,
  md: ModelDescription,
  table: RecordingTable,
): void {
  for (const [variable, column] of Object.entries(map)) {
    if (!md.variables.some((v) => v.name === variable)) throw unknown(variable, md);
    if (column !== '' && findColumn(table.columns, column) < 0) {
      throw new TwinError(
        'COLUMN_MISSING',
        `--map names the column "${column}": the recording has ${table.columns.map((c) => c.label).join(', ')}.`,
      );
    }
  }
}

/** Which column is which variable's; no match is sure whose units do not convert, unless somebody named it. */
function matchedVariables(
  variables: readonly ModelVariable[],
  md: ModelDescription,
  table: RecordingTable,
  map: Readonly<Record<string, string>>,
): { matches: Match[]; undecided: Undecided[] } {
  const { matches, undecided } = matchColumns(variables, table.columns, table.timeS, map);
  const byName = new Map(md.variables.map((v) => [v.name, v]));
  return {
    undecided,
    matches: matches.map((m) => {
      const { conflict } = unitOf(byName.get(m.variable)!, m.column, { md, table });
      return conflict === undefined
        ? m
        : { ...m, conflict, sure: m.sure && map[m.variable] !== undefined };
    }),
  };
}

/** The unit that a variable has in a definition where it is measured by a column. */
const unitOf = (v: ModelVariable, column: string, { md, table }: Pick<Asking, 'md' | 'table'>) =>
  unitOfColumn(md, v, partsOf(table.columns[findColumn(table.columns, column)]!).unit);

const guess = (m: Match) => (m.sure ? '' : 'a guess: ');

function proposedMeasured(v: ModelVariable, asking: Asking): Proposal['measured'] {
  const match = asking.matchOf(v);
  if (match === undefined) return [];
  const { unit, note } = unitOf(v, match.column, asking);
  const item = { variable: v.name, alias: asking.alias(v), column: match.column, unit };
  return [{ item, comment: `${guess(match)}${match.because}${note}` }];
}

/** Says that nothing is measured, and of which columns no value could be read. */
function nothingMeasured(outputs: readonly ModelVariable[], table: RecordingTable): TwinError {
  const empty = table.columns.filter((c) => !c.values.some((v) => !Number.isNaN(v)));
  const unread =
    empty.length === 0
      ? ''
      : ` No value could be read of ${empty
          .map(({ label, counts }) => {
            const { unreadable } = counts;
            return `${label}${unreadable === undefined ? '' : ` (e.g. ${JSON.stringify(unreadable.example)})`}`;
          })
          .join(', ')}: see --decimal and --delimiter.`;
  return new TwinError(
    'CONFIG_INVALID',
    `No column is like an output of the FMU: it has the outputs ${outputs.map((v) => v.name).join(', ') || 'none'}, the recording the columns ${table.columns.map((c) => c.label).join(', ')}. Name pairs by --map VARIABLE=COLUMN.${unread}`,
  );
}

/** Whether a variable that has no part in a definition may stand for something unknown. */
const mayBeUnknown = (v: ModelVariable, taken: ReadonlySet<string>): boolean =>
  (v.causality === 'parameter' || v.causality === 'input') &&
  isReal(v) &&
  !taken.has(v.name) &&
  isUnknown(v);

function proposedSensor(
  v: ModelVariable,
  undecided: readonly Undecided[],
  alias: Asking['alias'],
): Proposal['virtualSensors'][number] {
  return {
    item: { variable: v.name, alias: alias(v), unit: v.unit ?? '' },
    comment: [
      v.description ?? 'an output that no column measures',
      ...undecided
        .filter((u) => u.variable === v.name)
        .map((u) => `${u.columns.join(', ')} suit it equally: --map says which measures it`),
    ].join('; '),
  };
}

function unknown(name: string, md: ModelDescription): TwinError {
  const names = md.variables.filter((v) => v.causality !== 'local').map((v) => v.name);
  return new TwinError(
    'VARIABLE_UNKNOWN',
    `The FMU has no variable "${name}": it has ${names.slice(0, 30).join(', ')}${names.length > 30 ? ', …' : ''}.`,
  );
}

/** The unit that a variable has in a definition, by its column's. */
interface ColumnUnit {
  unit: string;
  /** To be added to a comment; empty where both have the same. */
  note: string;
  /** Where they do not convert. */
  conflict?: string;
}

/** A column's unit where it converts to the model's; else the model's, with a caution. */
function unitOfColumn(
  md: ModelDescription,
  v: ModelVariable,
  theirs: string | undefined,
): ColumnUnit {
  const [own, word] = [v.unit ?? '', unitWord(theirs)];
  if (theirs === undefined || word === undefined || unitWord(own) === undefined) {
    return { unit: own, note: '' };
  }
  if (word === unitWord(own)) return { unit: own, note: '' };
  try {
    const same = unitConversion(md, v, theirs) === undefined;
    return { unit: theirs, note: same ? '' : `; in ${theirs}, the model's ${own} are converted` };
  } catch (error) {
    if (!(error instanceof TwinError)) throw error;
    const conflict = `the column is in ${theirs}, the model wants ${own}`;
    return { unit: own, note: `; CAUTION: ${conflict}`, conflict };
  }
}

function proposedInput(v: ModelVariable, asking: Asking): Proposal['inputs'][number] {
  const match = asking.matchOf(v);
  const base = { variable: v.name, alias: asking.alias(v) };
  if (match !== undefined) {
    const held = asking.moves && switches(asking.table, match.column);
    const { unit, note } = unitOf(v, match.column, asking);
    return {
      item: { ...base, column: match.column, unit, ...(held ? { interpolation: 'hold' } : {}) },
      comment: `${guess(match)}${match.because}${note}${held ? '; it switches, so each value holds until the next' : ''}`,
    };
  }
  return {
    item: { ...base, unit: v.unit ?? '', value: startOf(v) ?? 0 },
    comment: 'no column is like it: held at the FMU’s start value. Is that right?',
  };
}

/** Whether an input's column tells that it is held between its steps. */
function switches({ columns, timeS }: RecordingTable, column: string): boolean {
  const { values = new Float64Array() } = columns[findColumn(columns, column)] ?? {};
  const tame = withoutWildValues(values);
  const most = Math.max(0, ...columns.map((c) => c.values.filter(Number.isFinite).length));
  return isSwitch(tame) || isToldOnStep(tame, timeS, most);
}

function horizonOf(table: RecordingTable): Proposed<number> {
  const { spanS } = table.account;
  const item = Number((SPANS_OF_WEAR * Math.max(spanS, 1)).toPrecision(3));
  return {
    item,
    comment: `assumed: a parameter may wear through its range within ${durationText(item)}, as long as the record; forecasts depend on it: put in what you know`,
  };
}
