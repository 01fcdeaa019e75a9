import { percentText } from '../../../core/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Fit } from '../fitting/fit.js';
import { type Ridge, ridgeTexts } from '../shape/ridges.js';
import { fromPrior, priorOf } from '../unknowns/prior.js';

/** Deviation, as a share of the prior's, from which a parameter counts as not learnt. */
const NOT_LEARNT = 0.7;
/** Data information, in prior units, below which a parameter does nothing. */
const NOTHING = 1e-4;
/** Prior deviations from which an estimate is a surprise. */
const SURPRISE = 3;
/** Prior deviations beyond what a search may reach from which that decides the result. */
export const FAR_BEYOND = 0.5;
/** Correlation with a parameter at its bound from which another is another beyond it. */
const TIED = 0.3;
/** Ridges that are worth a sentence each. */
const MOST_RIDGES = 3;

/** What the values of parameters say against them, beside their priors and bounds. */
export function parameterFindings(fit: Fit, ridges: readonly Ridge[]): Finding[] {
  const findings: Finding[] = [];
  const n = fit.coordinates.length;
  const parameters = fit.coordinates.filter((c) => c.kind === 'parameter');
  const fromStart = fromPrior(priorOf(fit.coordinates), fit.u);
  let learnt = 0;
  const hardly: { name: string; left: string }[] = [];
  parameters.forEach((c, j) => {
    const sd = Math.sqrt(fit.covariance.covariance[j * n + j]!);
    if (sd < NOT_LEARNT) learnt++;
    if (fit.covariance.information[j * n + j]! < NOTHING) {
      findings.push({
        grade: 'care',
        reason: `${c.name} does nothing in this record: its band is its prior's`,
        about: [c.name],
      });
    } else if (sd >= NOT_LEARNT) {
      hardly.push({ name: c.name, left: percentText(Math.min(1, sd)) });
    }
    const off = c.doubt * Math.abs(fromStart[j]!);
    if (off > SURPRISE) {
      findings.push({
        grade: 'care',
        reason: `${c.name} lies ${off.toFixed(1)} deviations from its prior`,
        about: [c.name],
      });
    }
  });
  if (hardly.length > 0) {
    const about = hardly.map(({ name }) => name);
    const left = [...new Set(hardly.map((h) => h.left))].length === 1 ? [hardly[0]!] : hardly;
    findings.push({
      grade: 'care',
      reason: `${about.join(', ')} ${about.length === 1 ? 'is' : 'are'} hardly better known than before the data (${left.map((h) => h.left).join(', ')} of the prior's deviation)`,
      about,
    });
  }
  const doubt = Math.max(1, ...parameters.map((c) => c.doubt));
  if (doubt > 1) {
    findings.push({
      grade: 'care',
      reason: `the data contradict the priors: all were taken ${doubt.toPrecision(2)} times as wide as stated`,
    });
  }
  if (parameters.length > 0 && learnt === 0) {
    findings.push({ grade: 'unusable', reason: 'no parameter was learnt from this record' });
  }
  for (const [name, by] of Object.entries(fit.beyondBounds)) {
    findings.push({
      grade: by > FAR_BEYOND ? 'unusable' : 'care',
      reason: `${name} stands at its bound; the data want it ${by.toPrecision(2)} prior deviations beyond: check the bound, the units and the model`,
      about: [name],
    });
  }
  findings.push(...tiedFindings(fit));
  for (const reason of ridgeTexts(ridges).slice(0, MOST_RIDGES)) {
    const ridge = ridges.find(({ message }) => message.startsWith(reason))!;
    findings.push({ grade: 'care', reason, about: Object.keys(ridge.direction) });
  }
  return findings;
}

/** Parameters that the data tie to those at a bound: they would be others if it were. */
function tiedFindings({
  beyondBounds,
  coordinates,
  covariance: { covariance: C },
}: Fit): Finding[] {
  const n = coordinates.length;
  const isAt = ({ name }: { name: string }) => name in beyondBounds;
  const tie = (j: number, k: number) =>
    Math.abs(C[j * n + k]!) / Math.sqrt(C[j * n + j]! * C[k * n + k]!);
  const about = coordinates
    .filter(
      (c, k) =>
        c.kind === 'parameter' &&
        !isAt(c) &&
        coordinates.some((other, j) => isAt(other) && tie(j, k) >= TIED),
    )
    .map(({ name }) => name);
  if (about.length === 0) return [];
  const at = Object.keys(beyondBounds);
  const [are, bounds] = [about.length === 1 ? 'is' : 'are', at.length === 1 ? 'bound' : 'bounds'];
  const reason = `${about.join(', ')} ${are} known only as far as the ${bounds} of ${at.join(', ')} ${at.length === 1 ? 'is' : 'are'} right`;
  return [{ grade: 'care', reason, about }];
}
