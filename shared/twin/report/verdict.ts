/** Whether a result may be acted on: as it is, with care, or not at all. */
export type Grade = 'good' | 'care' | 'unusable';

/** The grade of a result, and every reason that speaks against it. */
export interface Verdict {
  grade: Grade;
  /** One sentence each, the gravest first; none where the grade is `good`. */
  reasons: string[];
}

/** One thing that speaks against a result. */
export interface Finding {
  grade: Exclude<Grade, 'good'>;
  reason: string;
  /**
   * Parameters, virtual sensors and measured variables that it concerns; left out, or without one of
   * these, where it is all.
   */
  about?: readonly string[];
}

/** The verdict of findings: the gravest decides. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const unusable = findings.filter((f) => f.grade === 'unusable');
  const care = findings.filter((f) => f.grade === 'care');
  return {
    grade: unusable.length > 0 ? 'unusable' : care.length > 0 ? 'care' : 'good',
    reasons: [...new Set([...unusable, ...care].map((f) => f.reason))],
  };
}

/**
 * A verdict as findings of another: that of a fit speaks against what rests on it.
 *
 * @param quantities the same by quantity, where they are told apart: a reason that not all of them
 *   have concerns those that have it
 */
export function findingsOf(
  { grade, reasons }: Verdict,
  quantities: Readonly<Record<string, Verdict>> = {},
): Finding[] {
  const names = Object.keys(quantities);
  return reasons.map((reason) => {
    const about = names.filter((name) => quantities[name]!.reasons.includes(reason));
    return {
      grade: grade === 'unusable' ? 'unusable' : 'care',
      reason,
      ...(about.length < names.length ? { about } : {}),
    };
  });
}

/** Grades as they are printed. */
export const GRADE_WORDS: Readonly<Record<Grade, string>> = {
  good: 'good',
  care: 'use with care',
  unusable: 'do not use',
};

/** A verdict as lines to print: `use with care: …`, the reasons below where there are several. */
export function verdictLines(
  { grade, reasons }: Verdict,
  good = 'nothing speaks against it',
): string[] {
  if (reasons.length < 2) return [`${GRADE_WORDS[grade]}: ${reasons[0] ?? good}`];
  return [`${GRADE_WORDS[grade]}:`, ...reasons.map((reason) => `  - ${reason}`)];
}

/**
 * The exit code that a verdict means: 1 for `unusable`, and for `care` too where nothing but a good
 * result will do.
 */
export function verdictExitCode({ grade }: Verdict, strict: boolean): number {
  return grade === 'unusable' || (strict && grade === 'care') ? 1 : 0;
}
