import { ColumnBuilder } from './column-builder.js';
import type { LongPlaces, TimePlace } from './layout.js';
import type { ColumnName } from './names.js';
import { isGoodQuality } from './numbers.js';
import type { TimeColumnBuilder } from './time-column.js';

/** Where the records of a recording go, one after the other. */
export interface RecordSink {
  record(cells: readonly string[]): void;
  readonly counts: RowCounts;
}

export interface RowCounts {
  /** Rows that hold anything. */
  rows: number;
  shortRows: number;
  longRows: number;
  blankRows: number;
}

export const noRows = (): RowCounts => ({ rows: 0, shortRows: 0, longRows: 0, blankRows: 0 });

/** Counts a record's shape; false where it is blank. */
export function countShape(counts: RowCounts, cells: readonly string[], width: number): boolean {
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
export function timeCell(cells: readonly string[], place: TimePlace): string {
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

  constructor(
    readonly times: TimeColumnBuilder,
    readonly place: TimePlace,
    readonly taken: readonly Taken[],
    readonly width: number,
  ) {}

  /** The number of the row that begins, or undefined where it is left out. */
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
      if (told !== '' && !isGoodQuality(told, Number(told) >= 192)) builder.bad(told);
      else builder.cell(cells[index]);
    }
  }
}

/** Different tags beyond which a column is none of tags. */
const MOST_TAGS = 100_000;

/** Takes rows that are readings of one tag each. */
export class LongSink implements RecordSink {
  readonly counts = noRows();
  readonly row = new ColumnBuilder('.');
  readonly tags = new Map<string, { builder: ColumnBuilder; at: ColumnBuilder; wanted: boolean }>();
  /** Readings with a number as quality that only OPC DA has. */
  private opcDa = false;
  private readonly held: { tag: string; position: number; quality: string }[] = [];

  constructor(
    readonly times: TimeColumnBuilder,
    readonly place: TimePlace,
    private readonly places: LongPlaces,
    private readonly width: number,
    private readonly builderOf: (tag: string) => ColumnBuilder | undefined,
  ) {}

  record(cells: readonly string[]): void {
    if (!countShape(this.counts, cells, this.width)) return;
    const row = this.counts.rows - 1;
    if (!this.times.cell(timeCell(cells, this.place), row)) return;
    this.row.push(row);
    const position = this.times.count - 1;
    const tag = (cells[this.places.tag] ?? '').trim();
    let readings = this.tags.get(tag);
    if (readings === undefined && this.tags.size < MOST_TAGS) {
      const builder = this.builderOf(tag);
      readings = {
        builder: builder ?? new ColumnBuilder('.'),
        at: new ColumnBuilder('.'),
        wanted: builder !== undefined,
      };
      this.tags.set(tag, readings);
    }
    if (readings === undefined || !readings.wanted) return;
    readings.at.push(position);
    const told = this.places.quality === undefined ? '' : (cells[this.places.quality] ?? '').trim();
    const number = told === '' ? Number.NaN : Number(told);
    if (number >= 192 && number < 256) this.opcDa = true;
    // Numbers as quality are judged when all are known: 0 is good in OPC UA, bad in OPC DA.
    if (!Number.isNaN(number)) {
      this.held.push({ tag, position: readings.builder.length, quality: told });
      readings.builder.cell(cells[this.places.value]);
    } else if (told !== '' && !isGoodQuality(told, false)) readings.builder.bad(told);
    else readings.builder.cell(cells[this.places.value]);
  }

  /** Strikes out readings whose quality is a number that is not good. */
  settleQualities(): void {
    for (const { tag, position, quality } of this.held) {
      if (isGoodQuality(quality, this.opcDa)) continue;
      const builder = this.tags.get(tag)!.builder;
      const before = builder.values[position]!;
      builder.values[position] = Number.NaN;
      if (!Number.isNaN(before)) builder.counts.numbers--;
      builder.counts.quality[quality] = (builder.counts.quality[quality] ?? 0) + 1;
    }
  }
}
