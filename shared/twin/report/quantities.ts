import type { Twin } from '../types.js';
import { type Finding, GRADE_WORDS, type Verdict, verdictOf } from './verdict.js';

/** By quantity, what it hangs on: parameters that make up its band, sensors whose error would move it. */
export type HangsOn = Readonly<Record<string, readonly string[]>>;

/**
 * The grade of each parameter, virtual sensor and measured variable, with its reasons: those that
 * concern it, or something that it hangs on, and those that concern all.
 *
 * @param hangsOn by quantity; one that is not there hangs on nothing but itself
 */
export function quantityVerdicts(
  twin: Twin,
  findings: readonly Finding[],
  hangsOn: HangsOn = {},
): Record<string, Verdict> {
  const { parameters, virtualSensors, measured } = twin.definition;
  const names = [...parameters, ...virtualSensors, ...measured].map((q) => q.variable);
  const known = new Set(names);
  const concernsAll = ({ about }: Finding) => !about?.some((of) => known.has(of));
  return Object.fromEntries(
    names.map((name) => {
      const concerned = new Set([name, ...(hangsOn[name] ?? [])]);
      const own = findings.filter(
        (f) => concernsAll(f) || f.about!.some((of) => concerned.has(of)),
      );
      return [name, verdictOf(own)];
    }),
  );
}

/** A grade as a cell of a table; empty where there is none. */
export const gradeText = (verdict: Verdict | undefined): string =>
  verdict === undefined ? '' : GRADE_WORDS[verdict.grade];

/** A grade as a mark behind a line; none where a quantity is good. */
export const gradeMark = (verdict: Verdict | undefined): string =>
  verdict === undefined || verdict.grade === 'good' ? '' : `   ${gradeText(verdict)}`;
