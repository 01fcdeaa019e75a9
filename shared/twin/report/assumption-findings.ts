import { DEFAULT_WEAR_HORIZON_S } from '../../config/index.js';
import type { Twin } from '../types.js';
import type { Finding } from './verdict.js';

/** What speaks against a look ahead, or a ranking, that rests on assumptions. */
export function assumptionFindings(
  twin: Twin,
  options: {
    /** Inputs at the FMU's start values: nobody said that the machine runs there. */
    startValues: readonly string[];
    /** Whether the result depends on how fast parts wear. */
    wear: boolean;
  },
): Finding[] {
  const { estimator, parameters } = twin.definition;
  const findings: Finding[] = [];
  const add = (reason: string) => void findings.push({ grade: 'care', reason });
  if (options.startValues.length > 0) {
    add(
      `${options.startValues.join(', ')} stand at the FMU's start values: give what the machine runs at by --input`,
    );
  }
  const open = parameters.filter(
    (p) =>
      p.dynamics !== 'constant' && p.timeConstantS === undefined && p.wearHorizonS === undefined,
  );
  if (options.wear && open.length > 0 && estimator.wearHorizonS === DEFAULT_WEAR_HORIZON_S) {
    add(
      `a wear horizon of ${DEFAULT_WEAR_HORIZON_S / 86_400} days is assumed, as the definition gives none: a shorter one widens the bands and makes limits likelier, a longer one the opposite; set wearHorizonS`,
    );
  }
  return findings;
}
