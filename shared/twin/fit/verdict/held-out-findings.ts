import { percentText } from '../../../core/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import type { HeldOut } from '../outputs/held-out.js';
import { roughNoise } from '../record/channel-values.js';

/** Held-out error, as a share of the data's own spread. */
const POOR = 0.5;
/** Least share of held-out samples in the 95 % band. */
const LEAST_COVERAGE = 0.8;

/** What rows that a fit has not seen say against it. */
export function heldOutFindings(twin: Twin, fit: Fit, heldOut: HeldOut | undefined): Finding[] {
  if (heldOut === undefined) {
    return [{ grade: 'care', reason: 'too few samples to hold any out: the fit is untested' }];
  }
  return Object.entries(heldOut.channels).flatMap(([name, { rmse, std, coverage95 }]) => {
    const findings: Finding[] = [];
    // Where nothing but noise moves, a constant cannot be beaten.
    const noise = noiseOf(twin, fit, name);
    if (rmse >= 2 * noise && rmse >= POOR * std) {
      findings.push(
        rmse >= std
          ? {
              grade: 'unusable',
              reason: `${name}: on rows held out the free run misses by ${rmse.toPrecision(3)}, a constant by ${std.toPrecision(3)}`,
              about: [name],
            }
          : {
              grade: 'care',
              reason: `${name}: on rows held out the free run misses by ${rmse.toPrecision(3)}, more than half of what a constant would (${std.toPrecision(3)})`,
              about: [name],
            },
      );
    }
    if (coverage95 < LEAST_COVERAGE) {
      findings.push({
        grade: 'care',
        reason: `${name}: only ${percentText(coverage95)} of the rows held out lie in their 95 % band`,
        about: [name],
      });
    }
    return findings;
  });
}

/**
 * A channel's noise: what is stated, else what residuals and neighbouring values both allow. Residuals
 * alone would excuse a model that explains nothing.
 */
function noiseOf(twin: Twin, { record, residualModels }: Fit, name: string): number {
  const c = twin.definition.measured.findIndex((m) => m.variable === name);
  const values = record.data.filter((_, i) => i % record.channels === c);
  return (
    twin.definition.measured[c]!.noiseStd ?? Math.min(residualModels[c]!.white, roughNoise(values))
  );
}
