import type { ModelVariable } from '../../fmi/index.js';
import type { RecordingColumn } from '../../recordings/index.js';
import { isClock } from './clock-columns.js';

/** How well a column suits a variable, and by what. */
export interface Match {
  variable: string;
  column: string;
  /** 0 to 1. */
  score: number;
  /** In words, e.g. `same name`, `like its start value 90`. */
  because: string;
  /** Whether nothing else comes near. */
  sure: boolean;
  /** Columns of this variable that would do as well, itself left out; none where it stands out. */
  equals: string[];
  /** Why the column's values can't be the variable's, e.g. units that do not convert. */
  conflict?: string;
}

/** An output that has no column, as several suit it equally. */
export interface Undecided {
  variable: string;
  columns: string[];
}

/** Which column is which variable, and what was left open. */
export interface Matches {
  matches: Match[];
  undecided: Undecided[];
}

/** A pair that may be a match. */
type Pair = Pick<Match, 'variable' | 'column' | 'score' | 'because'>;

/** A score below which a column is not proposed. */
const LEAST = 0.2;
/** A score, and a lead before the next, from which a match is not asked about. */
const SURE = 0.6;
const LEAD = 0.15;

/** The same where the score is less but nothing else comes near. */
const FAIR = 0.4;
const CLEAR_LEAD = 0.2;
/** A lead from which a column suits an output better than the next does. */
const TIE = 0.01;
/** A loss of score by which another choice is as good: less than any of the signs counts. */
const EQUAL = 0.05;
/** Of a score by words where the numbers are others. */
const OTHER_NUMBERS = 0.5;

/** Times its start value from which on a column is hardly the variable. */
const FAR_OFF = 10;

const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

/** Words that mean the same in tags, names and descriptions. */
const SYNONYMS: readonly (readonly string[])[] = [
  ['temperature', 'temp', 't', 'ti', 'tt', 'temperatur', 'te'],
  ['flow', 'mdot', 'massflow', 'fi', 'ft', 'durchfluss', 'q', 'flowrate', 'f'],
  ['pressure', 'p', 'pi', 'pt', 'druck', 'press'],
  ['level', 'l', 'li', 'lt', 'height', 'h', 'füllstand'],
  ['speed', 'omega', 'w', 'rpm', 'n', 'drehzahl', 'velocity', 'v', 'si', 'st'],
  ['current', 'i', 'amps', 'strom', 'ii'],
  ['voltage', 'u', 'volt', 'spannung', 'ei'],
  ['power', 'leistung', 'ji'],
  ['inlet', 'in', 'eintritt', 'ein', 'supply', 'vorlauf'],
  ['outlet', 'out', 'austritt', 'aus', 'return', 'rücklauf'],
  ['hot', 'heiß', 'heiss', 'warm'],
  ['cold', 'kalt', 'cool'],
  ['room', 'ambient', 'raum', 'umgebung', 'outside'],
  ['heater', 'heating', 'heizung'],
  ['fan', 'lüfter'],
  ['valve', 'ventil'],
];
const CANON: ReadonlyMap<string, string> = new Map(
  SYNONYMS.flatMap((words) => words.map((w) => [w, words[0] ?? w] as const)),
);

/** The words of a name: parted at case, digits and marks; what means the same is the same. */
function wordsOf(text: string): Set<string> {
  const words = text
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/u)
    .filter((w) => w !== '');
  return new Set(words.map((w) => CANON.get(w) ?? w));
}

function dice(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  let common = 0;
  for (const word of a) if (b.has(word)) common++;
  return (2 * common) / (a.size + b.size);
}

/** Share of a column's words, numbers left out, that a name and its description have. */
function covered(words: ReadonlySet<string>, by: ReadonlySet<string>): number {
  const telling = [...words].filter((w) => !isDigits(w));
  return telling.length < 2 ? 0 : telling.filter((w) => by.has(w)).length / telling.length;
}

const isDigits = (word: string) => /^\d+$/.test(word);

/** Whether both have numbers and none in common: `R1` is not `R2`, while `T_in` may be `TI-101`. */
function otherNumbers(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const numbers = [...a].filter(isDigits);
  return numbers.length > 0 && [...b].some(isDigits) && !numbers.some((n) => b.has(n));
}

/** Words of the path that all columns have before their names: they tell nothing. */
function commonWords(columns: readonly RecordingColumn[]): ReadonlySet<string> {
  const [first = '', ...others] = columns.map((c) => c.label);
  if (others.length < 2) return new Set();
  let length = 0;
  while (length < first.length && others.every((o) => o[length] === first[length])) length++;
  // Up to its last mark: the rest is the beginning of names.
  return wordsOf(first.slice(0, length).replace(/[\p{L}\p{N}]+$/u, ''));
}

const UNIT_WORDS: Readonly<Record<string, string>> = {
  '°c': 'degc',
  c: 'degc',
  '1/min': 'rpm',
  'm³/h': 'm3/h',
  'r/min': 'rpm',
  ohm: 'ohm',
  ω: 'ohm',
};

/** Units in one spelling, to compare. */
export function unitWord(unit: string | undefined): string | undefined {
  const word = unit?.trim().toLowerCase();
  return word === undefined || word === '' ? undefined : (UNIT_WORDS[word] ?? word);
}

/** Median and spread of a column's values. */
export function levelOf(values: Float64Array): { median: number; spread: number } {
  const stride = Math.max(1, Math.floor(values.length / 2000));
  const finite: number[] = [];
  for (let i = 0; i < values.length; i += stride) {
    if (Number.isFinite(values[i])) finite.push(values[i]!);
  }
  finite.sort((a, b) => a - b);
  const at = (q: number) => finite[Math.min(finite.length - 1, Math.floor(q * finite.length))];
  return { median: at(0.5) ?? Number.NaN, spread: (at(0.95) ?? 0) - (at(0.05) ?? 0) };
}

const AVERAGES = /average|mean|mittel/i;

/** A column's label and unit; MapleSim writes a unit in quotes and an index behind it. */
export function partsOf({ label, unit }: Pick<RecordingColumn, 'label' | 'unit'>): {
  label: string;
  unit: string | undefined;
} {
  const quoted = /^(.+?)\.?'([^']+)'$/.exec(label);
  const [, name, within] = quoted ?? [];
  if (name !== undefined && within !== undefined) return { label: name, unit: within };
  return { label, unit };
}

function scoreOf(
  variable: ModelVariable,
  column: RecordingColumn,
  common: ReadonlySet<string>,
): { score: number; because: string } {
  const reasons: string[] = [];
  const parts = partsOf(column);
  let score = 0;
  if (plain(variable.name) === plain(column.label) || variable.name === column.name) {
    score = 0.9;
    reasons.push('same name');
  } else {
    const words = wordsOf(parts.label);
    for (const word of common) words.delete(word);
    const text = wordsOf(`${variable.name} ${variable.description ?? ''}`);
    const byName = dice(wordsOf(variable.name), words);
    const byText = covered(words, text);
    const share = otherNumbers(words, text) ? OTHER_NUMBERS : 1;
    score = 0.65 * share * Math.max(byName, byText);
    if (score > 0.2) reasons.push(byName >= byText ? 'like its name' : 'like its description');
  }
  const [mine, theirs] = [unitWord(variable.unit), unitWord(parts.unit)];
  if (mine !== undefined && theirs !== undefined) {
    score += mine === theirs ? 0.15 : -0.3;
    reasons.push(
      mine === theirs ? `both in ${parts.unit}` : `but in ${parts.unit}, not ${variable.unit}`,
    );
  }
  const { median, spread } = levelOf(column.values);
  const [min, max] = [Number(variable.min ?? Number.NaN), Number(variable.max ?? Number.NaN)];
  if (median < min || median > max) {
    score -= 0.4;
    reasons.push('outside its range');
  }
  const start = Number(variable.start?.[0] ?? Number.NaN);
  if (Number.isFinite(start) && start !== 0 && Number.isFinite(median)) {
    const off = Math.abs(median - start) / Math.max(0.5 * Math.abs(start), spread);
    const near = Math.max(0, 1 - off);
    score += 0.3 * near;
    if (near > 0.5) reasons.push(`near its start value ${start}`);
    // Another size: a speed of 20 rad/s is no line speed of 1 m/s.
    if (Math.abs(median) > FAR_OFF * Math.abs(start) && near === 0) {
      score -= 0.3;
      reasons.push(`far from its start value ${start}`);
    }
  }
  // Of equals, a mean stands for its sensors.
  if (score > 0 && AVERAGES.test(column.label)) score += 0.02;
  return { score: Math.max(0, Math.min(1, score)), because: reasons.join(', ') || 'a guess' };
}

/**
 * Proposes which column is which variable: each column once, the surest first. Columns that tell the time
 * are left out but for their very name. Where another output is sure,
 * one that two columns suit equally is left without: it needs none, and a wrong one spoils the fit of all.
 *
 * @param timeS of the rows
 * @param given pairs that somebody named: they stand; an empty name is of a variable without a column
 */
export function matchColumns(
  variables: readonly ModelVariable[],
  columns: readonly RecordingColumn[],
  timeS: Float64Array,
  given: Readonly<Record<string, string>> = {},
): Matches {
  const named: Match[] = Object.entries(given)
    .filter(([, column]) => column !== '')
    .map(([variable, column]) => ({
      variable,
      column,
      score: 1,
      because: 'as you said',
      sure: true,
      equals: [],
    }));
  const usedVariables = new Set(Object.keys(given));
  const usedColumns = new Set(Object.values(given));
  const usable = columns.filter(
    (c) => c.values.some(Number.isFinite) && !usedColumns.has(c.label) && !usedColumns.has(c.name),
  );
  const common = commonWords(columns);
  const clocks = new Set(usable.filter((c) => isClock(c, timeS)).map((c) => c.label));
  const outputs = new Set(variables.filter((v) => v.causality === 'output').map((v) => v.name));
  const pairs = variables
    .filter((v) => !usedVariables.has(v.name))
    .flatMap((v) =>
      usable.map((c) => ({ variable: v.name, column: c.label, ...scoreOf(v, c, common) })),
    )
    .filter((p) => p.score >= (clocks.has(p.column) ? SURE : LEAST))
    .toSorted((a, b) => b.score - a.score);
  // Where no output is sure somebody has to be asked, and guesses say what about.
  const anchored =
    named.some((m) => outputs.has(m.variable)) ||
    pairs.some((p) => outputs.has(p.variable) && p.score >= SURE);
  const matches: Match[] = [...named];
  const undecided: Undecided[] = [];
  for (const pair of pairs) {
    if (usedVariables.has(pair.variable) || usedColumns.has(pair.column)) continue;
    const rival = pairs.find(
      (p) =>
        p !== pair &&
        !(usedVariables.has(p.variable) || usedColumns.has(p.column)) &&
        (p.variable === pair.variable || p.column === pair.column),
    );
    const lead = pair.score - (rival?.score ?? 0);
    if (anchored && outputs.has(pair.variable) && pair.score < SURE) {
      const others = pairs.filter(
        (p) =>
          p !== pair &&
          p.variable === pair.variable &&
          !usedColumns.has(p.column) &&
          pair.score - p.score < TIE,
      );
      if (others.length > 0) {
        const columns = [pair, ...others].map((p) => p.column);
        undecided.push({ variable: pair.variable, columns });
        usedVariables.add(pair.variable);
        continue;
      }
    }
    const sure =
      pair.score >= 0.9 ||
      (pair.score >= SURE && lead >= LEAD) ||
      (pair.score >= FAIR && lead >= CLEAR_LEAD);
    matches.push({ ...pair, sure, equals: [] });
    usedVariables.add(pair.variable);
    usedColumns.add(pair.column);
  }
  const open = variables.filter((v) => !usedVariables.has(v.name) && v.causality === 'input');
  const left = usable.filter(
    (c) => !(usedColumns.has(c.label) || clocks.has(c.label)) && levelOf(c.values).spread > 0,
  );
  const [input, column] = [open[0], left[0]];
  if (open.length === 1 && left.length === 1 && input !== undefined && column !== undefined) {
    matches.push({
      variable: input.name,
      column: column.label,
      score: LEAST,
      because: 'the only column that is left and moves',
      sure: false,
      equals: [],
    });
  }
  const told = new Set(named.map((m) => m.variable));
  const settled = matches.map((match) => {
    const equals = told.has(match.variable) ? [] : equalsOf(match, matches, pairs, told);
    return { ...match, equals, sure: match.sure && equals.length === 0 };
  });
  return { matches: settled, undecided };
}

/** Columns that a match's variable could have at no loss: free ones, and those of others by exchange. */
function equalsOf(
  match: Match,
  matches: readonly Match[],
  pairs: readonly Pair[],
  told: ReadonlySet<string>,
): string[] {
  const scores = (variable: string, column: string) =>
    pairs.find((p) => p.variable === variable && p.column === column)?.score;
  const as = pairs.filter((p) => p.variable === match.variable && p.column !== match.column);
  return as
    .filter(({ column, score }) => {
      const holder = matches.find((m) => m.column === column);
      if (holder === undefined) {
        // Of equals, a mean stands for its sensors.
        const stands = AVERAGES.test(match.column) && !AVERAGES.test(column);
        return !stands && match.score - score < EQUAL;
      }
      if (told.has(holder.variable)) return false;
      const back = scores(holder.variable, match.column);
      return back !== undefined && match.score + holder.score - score - back < EQUAL;
    })
    .map((p) => p.column);
}
