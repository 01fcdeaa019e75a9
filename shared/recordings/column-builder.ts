import {
  type DecimalMark,
  isQualityWord,
  numberOf,
  numberOfTold,
  numberWithUnit,
  truthOf,
} from './numbers.js';

/** Cells that hold something but no value. */
export interface Unreadable {
  count: number;
  example: string;
}

/** What the cells of a column were. */
export interface CellCounts {
  numbers: number;
  /** Empty cells, and those that short rows lack. */
  missing: number;
  /** Historians' words for "no good value", by word. */
  quality: Record<string, number>;
  /** Texts that were read as 1 or 0. */
  truths: number;
  /** Texts that the definition maps to numbers. */
  texts: number;
  unreadable: Unreadable | undefined;
  /** The unit that stands behind numbers in cells, and in how many; numbers with another are not read. */
  unitInCells?: { unit: string; count: number };
}

const FIRST_CAPACITY = 64;
/** Different words that are counted each; the rest of them together. */
const MOST_WORDS = 40;

/** A column that grows cell by cell; what is no number is `NaN` and counted. */
export class ColumnBuilder {
  values = new Float64Array(FIRST_CAPACITY);
  length = 0;
  readonly counts: CellCounts = {
    numbers: 0,
    missing: 0,
    quality: {},
    truths: 0,
    texts: 0,
    unreadable: undefined,
  };

  constructor(
    private readonly decimal: DecimalMark,
    private readonly texts: Readonly<Record<string, number>> = {},
    decimalTold = false,
    private readonly unit?: string,
  ) {
    this.numberOf = decimalTold ? numberOfTold : numberOf;
    this.mapsNumbers = Object.keys(texts).some((text) => !Number.isNaN(numberOf(text, decimal)));
  }

  /** Whether texts of the definition look like numbers: then every cell's text has to be looked at. */
  readonly mapsNumbers: boolean;

  private readonly numberOf: typeof numberOf;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  /** Takes a number that somebody else has read. */
  number(value: number): void {
    this.counts.numbers++;
    this.push(value);
  }

  /** Takes a cell as it stands. */
  cell(cell: string | undefined): void {
    this.push(this.read(cell === undefined ? '' : cell.trim()));
  }

  /** Takes a cell whose quality, told beside it, is not good. */
  bad(quality: string): void {
    this.countQuality(quality);
    this.push(Number.NaN);
  }

  /** Strikes out a value that was taken, whose quality turned out not to be good. */
  strike(place: number, quality: string): void {
    if (Number.isNaN(this.values[place]!)) return;
    this.values[place] = Number.NaN;
    const { counts } = this;
    if (counts.numbers > 0) counts.numbers--;
    else if (counts.truths > 0) counts.truths--;
    else counts.texts--;
    this.countQuality(quality);
  }

  private countQuality(text: string): void {
    const { quality } = this.counts;
    const known = quality[text] !== undefined;
    const word = known || Object.keys(quality).length < MOST_WORDS ? text : 'other';
    quality[word] = (quality[word] ?? 0) + 1;
  }

  private read(text: string): number {
    const { counts } = this;
    if (text === '') {
      counts.missing++;
      return Number.NaN;
    }
    const mapped = this.texts[text];
    if (mapped !== undefined) {
      counts.texts++;
      return mapped;
    }
    const value = this.numberOf(text, this.decimal);
    if (!Number.isNaN(value)) {
      counts.numbers++;
      return value;
    }
    const truth = truthOf(text);
    if (truth !== undefined) {
      counts.truths++;
      return truth;
    }
    if (isQualityWord(text)) {
      this.countQuality(text);
      return Number.NaN;
    }
    const withUnit = this.readWithUnit(text);
    if (!Number.isNaN(withUnit)) return withUnit;
    if (counts.unreadable === undefined)
      counts.unreadable = { count: 1, example: text.slice(0, 60) };
    else counts.unreadable.count++;
    return Number.NaN;
  }

  /** A number with the unit of its column behind it: the header's, else that of the first such cell. */
  private readWithUnit(text: string): number {
    const parts = numberWithUnit(text);
    if (parts === undefined) return Number.NaN;
    const { counts } = this;
    if ((counts.unitInCells?.unit ?? this.unit ?? parts.unit) !== parts.unit) return Number.NaN;
    const value = this.numberOf(parts.number, this.decimal);
    if (Number.isNaN(value)) return value;
    counts.numbers++;
    counts.unitInCells = { unit: parts.unit, count: (counts.unitInCells?.count ?? 0) + 1 };
    return value;
  }

  /** The values so far, without a copy. */
  done(): Float64Array {
    return this.values.subarray(0, this.length);
  }
}
