import type { Finding } from '../report/verdict.js';
import type { Twin } from '../types.js';
import { type Fit, SAME_OPTIMUM } from './fit.js';
import type { Ridge } from './ridges.js';
import type { HeldOut } from './types.js';

/** Deviation, as a share of the prior's, from which a parameter counts as not learnt. */
const NOT_LEARNT = 0.7;
/** Data information, in prior units, below which a parameter does nothing. */
const NOTHING = 1e-4;
/** Prior deviations from which an estimate is a surprise. */
const SURPRISE = 3;
/** Prior deviations beyond a bound from which the bound decides the result. */
const FAR_BEYOND = 0.5;
/** Residuals against stated noise from which the model, not the sensor, makes them. */
const STRUCTURAL = 3;
/** Ridges that are worth a sentence each. */
const MOST_RIDGES = 3;
/** Held-out error, as a share of the data's own spread. */
const POOR = 0.5;
/** Least share of held-out samples in the 95 % band. */
const LEAST_COVERAGE = 0.8;

const percent = (share: number) => `${Math.round(100 * share)} %`;

/** What a fit says against itself. */
export function fitFindings(
  twin: Twin,
  fit: Fit,
  ridges: readonly Ridge[],
  heldOut: HeldOut | undefined,
): Finding[] {
  return [...ownFindings(twin, fit, ridges), ...heldOutFindings(twin, heldOut)];
}

/** What speaks against a fit without any test on other rows. */
export function ownFindings(twin: Twin, fit: Fit, ridges: readonly Ridge[]): Finding[] {
  return [
    ...searchFindings(fit),
    ...parameterFindings(fit, ridges),
    ...residualFindings(twin, fit),
  ];
}

function searchFindings(fit: Fit): Finding[] {
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
    findings.push({
      grade: 'care',
      reason: `only one of ${ended.length} searches reached the best fit: there may be a better one, and its band tells of its own neighbourhood only`,
    });
  }
  for (const mode of fit.secondModes) {
    const at = Object.entries(mode).map(([name, v]) => `${name} ${v.toPrecision(3)}`);
    findings.push({ grade: 'care', reason: `a second fit is as good: ${at.join(', ')}` });
  }
  if (!ended.some((s) => s.converged && s.nats! <= SAME_OPTIMUM)) {
    findings.push({ grade: 'care', reason: 'no search has converged' });
  }
  return findings;
}

function parameterFindings(fit: Fit, ridges: readonly Ridge[]): Finding[] {
  const findings: Finding[] = [];
  const n = fit.coordinates.length;
  const parameters = fit.coordinates.filter((c) => c.kind === 'parameter');
  let learnt = 0;
  parameters.forEach((c, j) => {
    const sd = Math.sqrt(fit.covariance.covariance[j * n + j]!);
    if (sd < NOT_LEARNT) learnt++;
    if (fit.covariance.information[j * n + j]! < NOTHING) {
      findings.push({
        grade: 'care',
        reason: `${c.name} does nothing in this record: its band is its prior's`,
      });
    } else if (sd >= NOT_LEARNT) {
      findings.push({
        grade: 'care',
        reason: `${c.name} is hardly better known than before the data (${percent(sd)} of the prior's deviation)`,
      });
    }
    if (Math.abs(fit.u[j]!) > SURPRISE) {
      findings.push({
        grade: 'care',
        reason: `${c.name} lies ${Math.abs(fit.u[j]!).toFixed(1)} deviations from its prior`,
      });
    }
  });
  if (parameters.length > 0 && learnt === 0) {
    findings.push({ grade: 'unusable', reason: 'no parameter was learnt from this record' });
  }
  for (const [name, by] of Object.entries(fit.beyondBounds)) {
    findings.push({
      grade: by > FAR_BEYOND ? 'unusable' : 'care',
      reason: `${name} stands at its bound; the data want it ${by.toPrecision(2)} prior deviations beyond: check the bound, the units and the model`,
    });
  }
  for (const ridge of ridges.slice(0, MOST_RIDGES))
    findings.push({ grade: 'care', reason: ridge.message.replace(/\.$/, '') });
  return findings;
}

function residualFindings(twin: Twin, fit: Fit): Finding[] {
  const findings: Finding[] = [];
  const { nEff } = fit.covariance;
  const parameters = fit.coordinates.filter((c) => c.kind === 'parameter').length;
  if (nEff < 2 * parameters) {
    findings.push({
      grade: 'care',
      reason: `the record is too short for its own disturbance: worth ${nEff.toPrecision(2)} independent samples for ${parameters} parameters`,
    });
  }
  twin.definition.measured.forEach(({ variable, noiseStd }, c) => {
    if (fit.residualModels[c]!.samples === 0) return;
    const residual = fit.noiseStd[c]!;
    if (noiseStd !== undefined && residual > STRUCTURAL * noiseStd) {
      findings.push({
        grade: 'care',
        reason: `${variable}: the fit misses by ${residual.toPrecision(2)}, ${(residual / noiseStd).toPrecision(2)} times the stated noise: the model lacks something`,
      });
    }
  });
  for (const rail of fit.record.rails) {
    if (!rail.detected) continue;
    findings.push({
      grade: 'care',
      reason: `${rail.variable} seems to end at ${rail.value}: ${rail.samples} samples there were taken as missing; state it as measured[].rail`,
    });
  }
  return findings;
}

function heldOutFindings(twin: Twin, heldOut: HeldOut | undefined): Finding[] {
  if (heldOut === undefined) {
    return [{ grade: 'care', reason: 'too few samples to hold any out: the fit is untested' }];
  }
  return Object.entries(heldOut.channels).flatMap(([name, { rmse, std, coverage95 }]) => {
    const findings: Finding[] = [];
    // Where nothing but noise moves, a constant cannot be beaten.
    const noise = twin.definition.measured.find((c) => c.variable === name)?.noiseStd ?? 0;
    if (rmse >= 2 * noise && rmse >= POOR * std) {
      findings.push(
        rmse >= std
          ? {
              grade: 'unusable',
              reason: `${name}: on rows held out the free run misses by ${rmse.toPrecision(3)}, a constant by ${std.toPrecision(3)}`,
            }
          : {
              grade: 'care',
              reason: `${name}: on rows held out the free run misses by ${rmse.toPrecision(3)}, more than half of what a constant would (${std.toPrecision(3)})`,
            },
      );
    }
    if (coverage95 < LEAST_COVERAGE) {
      findings.push({
        grade: 'care',
        reason: `${name}: only ${percent(coverage95)} of the rows held out lie in their 95 % band`,
      });
    }
    return findings;
  });
}
