import { ColumnBuilder } from './column-builder.js';

/** Words of good quality, of plants in eight languages. */
const GOOD =
  /^(good\b|ok$|valid$|true$|normal$|g$|raw$|interpolated$|(gut|gültig|bon|bonne|valide|buen[oa]|buon[oa]|v[aá]lid[oa]|bo[ma]|goed|geldig|god|giltig)$)/i;

/** Words of bad or doubtful quality, likewise. */
const BAD =
  /^(bad\b|uncertain\b|questionable$|invalid$|false$|substituted$|nok$|(schlecht|ungültig|unsicher|mauvais|mauvaise|incertain|invalide|mal[oa]?|inv[aá]lid[oa]|incert[oa]|slecht|ongeldig|ogiltig)$)/i;

/** Whether a word says that a value is good. */
export const isGoodWord = (word: string): boolean => GOOD.test(word);
/** Whether a word says that a value is none, or doubtful. */
export const isBadWord = (word: string): boolean => BAD.test(word);

/**
 * Whether the quality that stands beside a value is good: words of SiteWise, historians and OPC; the
 * numbers of OPC DA (192 and more is good) where any is that large, else those of OPC UA (0 is good).
 *
 * @param opcDa whether the numbers are OPC DA's
 */
function isGoodQuality(text: string, opcDa: boolean): boolean {
  if (text === '') return true;
  const number = Number(text);
  if (Number.isFinite(number)) return opcDa ? number >= 192 && number < 256 : number === 0;
  return isGoodWord(text);
}

/** Words and numbers of qualities that are known by their text, at most. */
const MOST_KNOWN = 1000;

/**
 * Judges the qualities that stand beside values: words at once, numbers when all are known, as 0 is good in
 * OPC UA and bad in OPC DA.
 */
export class Qualities {
  /** Whether a number was met that only OPC DA has. */
  private opcDa = false;
  private readonly known = new Map<string, 'good' | 'bad' | 'number'>();
  private readonly held = new Map<ColumnBuilder, Map<string, ColumnBuilder>>();

  /**
   * Whether the next cell of a column may be read, by its quality; counts it where not. Numbers are
   * remembered until {@link settle}.
   */
  admits(builder: ColumnBuilder, told: string): boolean {
    const judged = this.judge(told);
    if (judged === 'number') this.hold(builder, told);
    else if (judged === 'bad') builder.bad(told);
    return judged !== 'bad';
  }

  private judge(told: string): 'good' | 'bad' | 'number' {
    const known = this.known.get(told);
    if (known !== undefined) return known;
    const number = told === '' ? Number.NaN : Number(told);
    if (number >= 192 && number < 256) this.opcDa = true;
    const judged = Number.isFinite(number) ? 'number' : isGoodQuality(told, false) ? 'good' : 'bad';
    if (this.known.size < MOST_KNOWN) this.known.set(told, judged);
    return judged;
  }

  private hold(builder: ColumnBuilder, told: string): void {
    const of = this.held.get(builder) ?? new Map<string, ColumnBuilder>();
    this.held.set(builder, of);
    const places = of.get(told) ?? new ColumnBuilder('.');
    of.set(told, places);
    places.push(builder.length);
  }

  /** Strikes out the values whose quality is a number that is not good. */
  settle(): void {
    for (const [builder, of] of this.held) {
      for (const [told, places] of of) {
        if (isGoodQuality(told, this.opcDa)) continue;
        for (const place of places.done()) builder.strike(place, told);
      }
    }
  }
}
