import type { ModelDescription } from './model-description.js';
import type { Report } from './xml-attributes.js';
import { quote } from './xml-attributes.js';

/** One part of a structured name: an identifier or a quoted text, and its index. */
const PART = String.raw`(?:[A-Za-z_]\w*|'(?:[^'\\]|\\.)+')(?:\[\d+(?:, ?\d+)*\])?`;
const PATH = String.raw`${PART}(?:\.${PART})*`;
/** FMI 2.0.4 section 2.2.9, FMI 3.0.2 section 2.4.7.5.1. */
const STRUCTURED = new RegExp(String.raw`^(?:${PATH}|der\(${PATH}(?:, ?\d+)?\))$`);

/**
 * Checks names against the convention that the description announces. Tools write indices by names of
 * enumerations, too, which the grammar does not know and which harm nobody: a warning.
 */
export function checkNamingConvention(md: ModelDescription, report: Report): void {
  if (md.variableNamingConvention !== 'structured') return;
  for (const { name, line } of md.variables) {
    if (STRUCTURED.test(name)) continue;
    report(
      line,
      `the name ${quote(name)} is not structured (a.b[1,2].c, der(a.b)), as variableNamingConvention says.`,
      'warning',
    );
  }
}
