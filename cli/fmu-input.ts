import { readFile } from 'node:fs/promises';
import { type CommandIo, printLine, readUserFile, TwinError } from '../shared/core/index.js';
import type {
  ModelDescription,
  ModelVariable,
} from '../shared/fmi/description/model-description.js';
import { findScalar, type Scalar } from '../shared/fmi/description/scalars.js';
import { convert, unitConversion } from '../shared/fmi/description/unit-conversion.js';
import { type InputTable, parseInputCsv } from '../shared/fmi/solving/signals.js';
import { findColumn, type RecordingTable, readTable } from '../shared/recordings/index.js';
import { printAccount, RECORDING_FLAGS, recordingOptionsOf } from './recording-options.js';

/** Bytes in which FMPy's header and first row show. */
const HEAD_BYTES = 64 * 1024;

/** What an FMU can be driven by. */
function driven(md: ModelDescription): ModelVariable[] {
  return md.variables.filter((v) => v.causality === 'input' || v.variability === 'tunable');
}

/**
 * Whether a file keeps to FMPy's conventions: commas, times as plain numbers below `time`. Such files say
 * more than recordings can: steps by equal times, arrays, texts, 64-bit integers.
 */
async function isFmpyCsv(path: string): Promise<boolean> {
  const head = (await readUserFile(path, 'input file')).subarray(0, HEAD_BYTES).toString('utf8');
  const [header = '', row = ''] = head.replace(/^\uFEFF/, '').split(/\r?\n/);
  const first = row.split(',')[0]?.trim() ?? '';
  return /^\s*"?time"?\s*,/i.test(header) && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(first);
}

/**
 * Reads the signals of an input file: by FMPy's conventions, or as whatever a historian exports. There,
 * the first row is the start of the run; times of its own origin are taken as they are.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `USAGE`, and what units can't be converted
 */
export async function readInputSignals(
  path: string,
  md: ModelDescription,
  args: Readonly<Record<string, unknown>>,
  startTimeS: number,
  io: CommandIo,
): Promise<InputTable> {
  const told = RECORDING_FLAGS.some((flag) => args[flag] !== undefined);
  if (!told && (await isFmpyCsv(path))) {
    return parseInputCsv((await readFile(path)).toString('utf8'), path, md);
  }
  const table = await readTable(path, recordingOptionsOf(args));
  printAccount(table.account, io);
  return signalsOf(table, md, startTimeS, io);
}

/** The columns of a recording that are inputs, in the FMU's units. */
function signalsOf(
  table: RecordingTable,
  md: ModelDescription,
  startTimeS: number,
  io: CommandIo,
): InputTable {
  const found = table.columns.flatMap((column, index): { scalar: Scalar; index: number }[] => {
    for (const name of [column.name, column.label]) {
      const scalar = findScalar(md, name);
      if (scalar !== undefined) return [{ scalar, index }];
    }
    return [];
  });
  // Beside exact names, those that only differ as people write them.
  for (const v of driven(md)) {
    if (found.some(({ scalar }) => scalar.variable === v) || v.dimensions.length > 0) continue;
    const index = findColumn(table.columns, v.name);
    const scalar = findScalar(md, v.name);
    if (index >= 0 && scalar !== undefined) found.push({ scalar, index });
  }
  const inputs = found.filter(({ scalar }) => driven(md).includes(scalar.variable));
  if (inputs.length === 0) {
    throw new TwinError(
      'FILE_INVALID',
      `${table.source} has no column of an input: found ${table.columns.map((c) => c.name).join(', ')}; expected one of ${
        driven(md)
          .map((v) => v.name)
          .slice(0, 20)
          .join(', ') || 'none, for the FMU has no inputs'
      }.`,
    );
  }
  const used = new Set(inputs.map(({ index }) => index));
  const unused = table.columns.filter((_, index) => !used.has(index)).map((c) => c.name);
  if (unused.length > 0) printLine(io.stderr, `No inputs, left out: ${unused.join(', ')}.`);
  const missing = driven(md).filter(
    (v) => v.causality === 'input' && !inputs.some(({ scalar }) => scalar.variable === v),
  );
  if (missing.length > 0) {
    printLine(
      io.stderr,
      `No column, so kept at their start values: ${missing.map((v) => v.name).join(', ')}.`,
    );
  }
  const originS = table.calendar ? (table.timeS[0] ?? 0) - startTimeS : -table.originS;
  return {
    time: table.timeS.map((t) => t - originS),
    columns: inputs.map(({ scalar, index }) => {
      const { values, unit = '' } = table.columns[index] as RecordingTable['columns'][number];
      const conversion = unitConversion(md, scalar.variable, unit);
      const whole = filled(table, values, scalar, io);
      return {
        name: scalar.name,
        width: 1,
        values: conversion === undefined ? whole : whole.map((v) => convert(v, conversion)),
      };
    }),
  };
}

/** A column without gaps: what runs goes straight across them, what switches stays as it was. */
function filled(
  { timeS, source }: RecordingTable,
  values: Float64Array,
  { name, variable }: Scalar,
  io: CommandIo,
): Float64Array {
  const good: number[] = [];
  values.forEach((v, row) => {
    if (Number.isFinite(v)) good.push(row);
  });
  if (good.length === values.length) return values;
  if (good.length === 0) {
    throw new TwinError('FILE_INVALID', `${source}: column ${name} holds no good value.`);
  }
  printLine(
    io.stderr,
    `${name}: ${values.length - good.length} of ${values.length} values are missing; ${variable.variability === 'continuous' ? 'straight lines lead across them' : 'the last good one stays'}.`,
  );
  let next = 0;
  return values.map((v, row) => {
    while (next < good.length && (good[next] as number) < row) next++;
    if (Number.isFinite(v)) return v;
    const before = good[next - 1] ?? (good[0] as number);
    const after = variable.variability === 'continuous' ? (good[next] ?? before) : before;
    const span = (timeS[after] as number) - (timeS[before] as number);
    const share = span > 0 ? ((timeS[row] as number) - (timeS[before] as number)) / span : 0;
    const from = values[before] as number;
    return from + ((values[after] as number) - from) * Math.max(0, share);
  });
}
