import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { columnOf, packageFile, parseNumericCsv } from '../../shared/core/index.js';

/** The hidden course of a machine that the study follows. */
export interface Truth {
  source: string;
  timeS: Float64Array;
  /** Nine drags per row. */
  drag: Float64Array[];
  /** First row at which a drag grows, and at which R9 slips. */
  growthRow: number;
  slipRow: number;
}

/** Where the 30-day record lies, where it is at hand. */
export const RECORD_PATH = packageFile('../shared/data/web-line/case-1-30-days.csv');

const ROWS = 2000;
const PERIOD_S = 1296.65;

/** Smooth growth of b3 and b9 from 0 to 0.2 between rows 934 and 1545. */
function syntheticDrag(row: number): number {
  const u = Math.min(1, Math.max(0, (row - 934) / 611));
  return 0.2 * u * u * (3 - 2 * u);
}

/** What tells results of one record from those of another; nothing of the record at its usual place. */
export const truthKey = (path: string): string[] =>
  path === RECORD_PATH ? [] : [existsSync(path) ? resolve(path) : 'synthetic'];

/** The drags of the 30-day record where it is at hand, otherwise a synthetic course of its kind. */
export function loadTruth(path: string): Truth {
  let timeS = Float64Array.from({ length: ROWS - 1 }, (_, i) => (i + 1) * PERIOD_S);
  let pairs = Array.from(timeS, (_, i) => [syntheticDrag(i + 1), syntheticDrag(i + 1)] as const);
  const recorded = existsSync(path);
  if (recorded) {
    const table = parseNumericCsv(readFileSync(path, 'utf8'), path);
    const column = (name: string) => columnOf(table, `Main.${name}`, path).subarray(1);
    timeS = Float64Array.from(table.data[0]!.subarray(1));
    const [s3, s4, s9, s10] = ['S3', 'S4', 'S9', 'S10'].map((s) => column(`${s}.summary_Tension`));
    const [w3, w9] = [column('R3.w'), column('R9.w')];
    pairs = Array.from(timeS, (_, i) => [
      ((s4![i]! - s3![i]!) * 0.05) / w3[i]!,
      ((s10![i]! - s9![i]!) * 0.05) / w9[i]!,
    ]);
  }
  const drag = pairs.map(([b3, b9]) => Float64Array.of(0, 0, b3, 0, 0, 0, 0, b9, 0));
  return {
    source: recorded ? 'the 30-day record' : 'a synthetic course (no record at hand)',
    timeS,
    drag,
    growthRow: drag.findIndex((d) => d[2]! > 1e-4),
    slipRow: drag.findIndex((d) => d[7]! > 0.17295),
  };
}
