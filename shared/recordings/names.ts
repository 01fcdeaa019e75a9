/** A column's header taken apart. */
export interface ColumnName {
  /** As the file has it, without space around. */
  name: string;
  /** Without its unit. */
  label: string;
  unit?: string;
}

/** A unit at the end of a header: `TI-101 [°C]`, `TI-101 (°C)`, `TI-101 / °C`, `TI-101, °C`. */
const WITH_UNIT = /^(.*?\S)\s*(?:\[([^[\]]{0,24})\]|\(([^()]{1,24})\)|\s[/,]\s?(\S{1,12}))$/;

/** Units that stand without brackets, in a row of their own or behind a comma. */
const UNITS = new Set([
  ...['-', '1', '%', '°c', 'degc', 'c', 'k', '°f', 'degf', 'f', 's', 'sec', 'ms', 'min', 'h', 'd'],
  ...[
    'bar',
    'barg',
    'bar(g)',
    'mbar',
    'pa',
    'kpa',
    'mpa',
    'psi',
    'psig',
    'kg/s',
    'kg/h',
    't/h',
    'm3/h',
  ],
  ...[
    'm³/h',
    'nm3/h',
    'nm³/h',
    'l/s',
    'l/min',
    'l/h',
    'gpm',
    'a',
    'ma',
    'v',
    'mv',
    'kv',
    'w',
    'kw',
    'mw',
  ],
  ...[
    'n',
    'kn',
    'nm',
    'n.m',
    'n·m',
    'rpm',
    '1/min',
    '1/s',
    'rad/s',
    'rad',
    'deg',
    '°',
    'm/s',
    'm/min',
  ],
  ...[
    'm',
    'mm',
    'cm',
    'µm',
    'um',
    'hz',
    'khz',
    'j',
    'kj',
    'mj',
    'kwh',
    'wh',
    'kg',
    'g',
    't',
    'm2',
    'm²',
    'm3',
    'm³',
  ],
  ...[
    'l',
    'm/s2',
    'm/s²',
    'ohm',
    'ω',
    'w/m2',
    'w/m²',
    'j/kg',
    'kj/kg',
    'pas',
    'pa.s',
    'ppm',
    'ph',
    'bool',
  ],
]);

/** Whether a cell of a row below the header is a unit. */
export function isUnit(cell: string): boolean {
  const word = cell.trim().toLowerCase();
  return UNITS.has(word) || UNITS.has(word.replace(/^[[(](.*)[\])]$/, '$1'));
}

/** Takes a header apart; back-quotes around it, as MapleSim writes them, go. */
export function columnName(header: string, unit?: string): ColumnName {
  const trimmed = header.trim();
  const quoted = trimmed.length > 1 && trimmed.startsWith('`') && trimmed.endsWith('`');
  const name = quoted ? trimmed.slice(1, -1) : trimmed;
  const below = unit?.trim().replace(/^[[(](.*)[\])]$/, '$1');
  if (below !== undefined && below !== '') return { name, label: name, unit: below };
  const match = WITH_UNIT.exec(name);
  if (match === null) return { name, label: name };
  const [, label = name, square, round, bare] = match;
  if (square !== undefined) return { name, label, unit: square.trim() };
  const found = round ?? bare;
  // `flow(2)` is a name, not a flow in "2"; round brackets hold an index as often as a unit.
  return found !== undefined && isUnit(found)
    ? { name, label, unit: found }
    : { name, label: name };
}

/** What stands in brackets behind a name without a space: `T[1]`, `T[2,3]`. */
const INDEXED = /\S\[\d+(\s*,\s*\d+)*\]$/;

/** Of `T[2]`, and of `T[1]` beside it, brackets hold an index; of `load[1]` alone the unit, as of `load [1]`. */
function withIndices(columns: readonly ColumnName[]): ColumnName[] {
  const of = new Map<string, number>();
  for (const { label, name } of columns)
    if (INDEXED.test(name)) of.set(label, (of.get(label) ?? 0) + 1);
  const isIndexed = ({ name, label, unit }: ColumnName) =>
    name !== label && INDEXED.test(name) && (unit !== '1' || of.get(label)! > 1);
  return columns.map((column) =>
    isIndexed(column) ? { name: column.name, label: column.name } : column,
  );
}

/** Headers' names, those that are empty or there already made distinct by their place. */
export function columnNames(headers: readonly string[], units?: readonly string[]): ColumnName[] {
  const seen = new Set<string>();
  const parts = withIndices(headers.map((header, i) => columnName(header, units?.[i])));
  return parts.map((column, i) => {
    const named =
      column.name === ''
        ? { ...column, name: `column ${i + 1}`, label: `column ${i + 1}` }
        : column;
    if (!seen.has(named.name)) {
      seen.add(named.name);
      return named;
    }
    const name = `${named.name} (column ${i + 1})`;
    seen.add(name);
    return { ...named, name, label: name };
  });
}

/**
 * The place of a column that somebody named: as the file has it, without its unit, or in another
 * case, in this order.
 *
 * @returns -1 where none or several are meant
 */
export function findColumn(columns: readonly ColumnName[], wanted: string): number {
  const exact = columns.findIndex((c) => c.name === wanted);
  if (exact >= 0) return exact;
  for (const same of [
    (c: ColumnName) => c.label === wanted,
    (c: ColumnName) => c.label.toLowerCase() === wanted.toLowerCase(),
    (c: ColumnName) => c.name.toLowerCase() === wanted.toLowerCase(),
  ]) {
    const found = columns.flatMap((c, i) => (same(c) ? [i] : []));
    if (found.length === 1) return found[0] ?? -1;
    if (found.length > 1) return -1;
  }
  return -1;
}

const TIME_NAME =
  /^_?(time|timestamp|time[_ -]?stamp|datetime|date[-_ /]?time|date|t|t_?stamp|ts|zeit|zeitstempel|datum|datumzeit|datum[ /_-]?(uhr)?zeit|zeitpunkt|horodatage|heure|fecha|fecha[ /_-]?hora|data[ /_-]?ora|tijd|tidpunkt|tid|clock|epoch|unix[_ -]?time|(sample|event|source|local|server|utc|log)[_ -]?time(stamp)?|time[_ -]?(utc|local|s|ms|us|ns|sec|seconds))$/i;
const CLOCK_NAME = /^(time|uhrzeit|zeit|time[ _-]?of[ _-]?day|clock|heure|hora|ora|tijd)$/i;

/** Whether a column is called as times are. */
export const isTimeName = (label: string): boolean => TIME_NAME.test(label.trim());
/** Whether a column is called as times of day are, beside one of dates. */
export const isClockName = (label: string): boolean => CLOCK_NAME.test(label.trim());

const ROLES = {
  tag: /^(tag|tag[_ ]?name|tag[_ ]?id|point|point[_ ]?name|signal|signal[_ ]?name|variable|measurement|alias|property|propertyalias|sensor|channel|item|name|metric|messstelle|_field)$/i,
  value: /^(value|val|wert|_value|reading|messwert|valor|valeur|pv|double[_ ]?value)$/i,
  quality: /^(quality|status|qual|q|qualität|good|state|opc[_ ]?quality)$/i,
};

/** Whether a column of a recording in long form is called as its part is. */
export function hasRole(role: keyof typeof ROLES, label: string): boolean {
  return ROLES[role].test(label.trim());
}
