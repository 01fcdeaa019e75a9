import type { Finding } from '../../report/verdict.js';
import { type Fit, type FitStart, SAME_OPTIMUM } from '../fitting/fit.js';
import { CERTAIN } from '../residuals/lack-of-fit.js';
import { isDisturbed, uOf } from '../unknowns/coordinates.js';
import { FAR_BEYOND } from './parameter-findings.js';

/** What the ends of searches say against the best of them. */
export function searchFindings(fit: Fit): Finding[] {
  const findings: Finding[] = [];
  const failed = fit.starts.filter((s) => s.error !== undefined);
  const ended = fit.starts.filter((s) => s.error === undefined);
  if (failed.length > 0) {
    findings.push({
      grade: 'care',
      reason: `the model failed from ${failed.length} of ${fit.starts.length} starts: ${failed[0]!.error}`,
    });
  }
  const elsewhere = ended.filter((s) => s.nats! > SAME_OPTIMUM);
  if (elsewhere.length > 0 && elsewhere.length >= ended.length - 1 && ended.length > 1) {
    const lone = `only one of ${ended.length} searches reached the best fit`;
    // A disturbance makes valleys in which searches end underway, not optima of their own.
    const disturbed = isDisturbed(fit.coordinates);
    const unexplained = fit.misfit.channels.some(({ size }) => size >= CERTAIN);
    findings.push(
      unexplained && !disturbed
        ? {
            grade: 'unusable',
            reason: `${lone}, and its residuals are larger than the stated noise: the best fit was probably not found, or the model switches otherwise than the machine, and a band would tell of its own neighbourhood only`,
          }
        : {
            grade: 'care',
            reason: `${lone}: there may be a better one, and its band tells of its own neighbourhood only`,
          },
    );
  }
  for (const mode of fit.secondModes) {
    const at = Object.entries(mode).map(([name, v]) => `${name} ${v.toPrecision(3)}`);
    findings.push({ grade: 'care', reason: `a second fit is as good: ${at.join(', ')}` });
  }
  const best = ended.filter((s) => s.nats! <= SAME_OPTIMUM);
  if (!best.some((s) => s.converged)) findings.push(underwayFinding(fit, best));
  return findings;
}

/** What it means that the best searches ended before they were at an optimum. */
function underwayFinding({ coordinates }: Fit, best: readonly FitStart[]): Finding {
  const kept = best.find((s) => s.refused !== undefined);
  if (kept === undefined) return { grade: 'care', reason: 'no search has converged' };
  const { at, nats, error } = kept.refused!;
  // Residuals of a search that was kept from its optimum follow each other, so that nats alone say little.
  const far = coordinates.some(
    (c) =>
      c.kind === 'parameter' &&
      Math.abs(uOf(c, at[c.name]!) - uOf(c, kept.to![c.name]!)) > FAR_BEYOND,
  );
  const there = Object.entries(at).map(([name, v]) => `${name} ${v.toPrecision(3)}`);
  const noAnswer = `at ${there.join(', ')} the model gave no answer (${error.replace(/\.$/, '')})`;
  return far || nats > SAME_OPTIMUM
    ? {
        grade: 'unusable',
        reason: `the search ended where the model begins to fail, and the data want it beyond: ${noAnswer}; the bands know nothing of what lies there: mend the model, or state bounds within which it runs`,
      }
    : { grade: 'care', reason: `no search has converged: ${noAnswer}` };
}
