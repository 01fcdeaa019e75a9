import { type CountedColumn, countWord } from './beside.js';
import { ColumnBuilder } from './column-builder.js';
import type { LongPlaces, TimePlace } from './layout.js';
import type { ColumnName } from './names.js';
import { Qualities } from './qualities.js';
import type { TimeColumnBuilder } from './time-column.js';

/** Where the records of a recording go, one after the other. */
export interface RecordSink {
  record(cells: readonly string[]): void;
  readonly counts: RowCounts;
  readonly times: TimeColumnBuilder;
  readonly place: TimePlace;
  /** Cells of a row, by the header. */
  readonly width: number;
  readonly qualities: Qualities;
}

export interface RowCounts {
  /** Rows that hold anything. */
  rows: number;
  shortRows: number;
  longRows: number;
  blankRows: number;
}

const noRows = (): RowCounts => ({ rows: 0, shortRows: 0, longRows: 0, blankRows: 0 });

/** Counts a record's shape; false where it is blank. */
function countShape(counts: RowCounts, cells: readonly string[], width: number): boolean {
  if (cells.length <= 1 && (cells[0] ?? '').trim() === '') return false;
  if (cells.every((c) => c === '' || c.trim() === '')) {
    counts.blankRows++;
    return false;
  }
  counts.rows++;
  if (cells.length < width) counts.shortRows++;
  else if (cells.length > width && cells.slice(width).some((c) => c.trim() !== ''))
    counts.longRows++;
  return true;
}

/** The text of a row's time. */
function timeCell(cells: readonly string[], place: TimePlace): string {
  const [date = 0, clock] = place.columns;
  const text = (cells[date] ?? '').trim();
  return clock === undefined ? text : `${text} ${(cells[clock] ?? '').trim()}`;
}

/** A column that is taken: its place, and that of its quality where one stands beside it. */
export interface Taken {
  index: number;
  quality?: number;
  builder: ColumnBuilder;
}

const QUALITY_OF = /^(.*?)[\s._:/-]*(quality|status|qual|q)$/i;

/** Columns that hold the quality of another: `TI101.quality` of `TI101`. */
export function qualityColumns(columns: readonly ColumnName[]): ReadonlyMap<number, number> {
  const places = new Map(columns.map((c, i) => [c.label.toLowerCase(), i]));
  const found = new Map<number, number>();
  columns.forEach(({ label }, i) => {
    const base = QUALITY_OF.exec(label.toLowerCase())?.[1];
    const of = base === undefined || base === '' ? undefined : places.get(base);
    if (of !== undefined && of !== i) found.set(of, i);
  });
  return found;
}

/** Takes rows that are instants. */
export class WideSink implements RecordSink {
  readonly counts = noRows();
  readonly row = new ColumnBuilder('.');
  readonly qualities = new Qualities();

  constructor(
    readonly times: TimeColumnBuilder,
    readonly place: TimePlace,
    readonly taken: readonly Taken[],
    readonly counted: readonly CountedColumn[],
    readonly width: number,
  ) {}

  record(cells: readonly string[]): void {
    if (!countShape(this.counts, cells, this.width)) return;
    const row = this.counts.rows - 1;
    if (this.place.periodS !== undefined) {
      const s = row * this.place.periodS;
      this.times.moment(Math.floor(s), Math.round((s - Math.floor(s)) * 1e9));
    } else if (!this.times.cell(timeCell(cells, this.place), row)) return;
    this.row.push(row);
    for (const { index, quality, builder } of this.taken) {
      const told = quality === undefined ? '' : (cells[quality] ?? '').trim();
      if (told === '' || this.qualities.admits(builder, told)) builder.cell(cells[index]);
    }
    for (const column of this.counted) countWord(column, cells[column.index]);
  }
}

/** Different tags beyond which a column is none of tags. */
const MOST_TAGS = 100_000;

/** The readings of one tag. */
export interface Readings {
  builder: ColumnBuilder;
  /** Where each stands among all rows. */
  at: ColumnBuilder;
  wanted: boolean;
}

/** Takes rows that are readings of one tag each. */
export class LongSink implements RecordSink {
  readonly counts = noRows();
  readonly row = new ColumnBuilder('.');
  readonly qualities = new Qualities();
  readonly tags = new Map<string, Readings>();

  constructor(
    readonly times: TimeColumnBuilder,
    readonly place: TimePlace,
    readonly places: LongPlaces,
    readonly width: number,
    private readonly builderOf: (tag: string) => ColumnBuilder | undefined,
  ) {}

  record(cells: readonly string[]): void {
    if (!countShape(this.counts, cells, this.width)) return;
    if (!this.times.cell(timeCell(cells, this.place), this.counts.rows - 1)) return;
    const readings = this.readingsOf((cells[this.places.tag] ?? '').trim());
    if (!this.begin(readings)) return;
    const told = this.places.quality === undefined ? '' : (cells[this.places.quality] ?? '').trim();
    if (told === '' || this.qualities.admits(readings.builder, told))
      readings.builder.cell(cells[this.places.value]);
  }

  /** The readings of a tag; undefined where there are too many tags. */
  readingsOf(tag: string): Readings | undefined {
    const known = this.tags.get(tag);
    if (known !== undefined || this.tags.size >= MOST_TAGS) return known;
    const builder = this.builderOf(tag);
    const readings = {
      builder: builder ?? new ColumnBuilder('.'),
      at: new ColumnBuilder('.'),
      wanted: builder !== undefined,
    };
    this.tags.set(tag, readings);
    return readings;
  }

  /** Counts the row whose time was taken; whether its reading is wanted. */
  begin(readings: Readings | undefined): readings is Readings {
    this.row.push(this.counts.rows - 1);
    if (readings === undefined || !readings.wanted) return false;
    readings.at.push(this.times.count - 1);
    return true;
  }
}
