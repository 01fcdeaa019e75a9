import { durationText } from '../../../core/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { rmsPerChannel } from '../bands/integration-shift.js';
import { type Fit, SAME_OPTIMUM } from '../fitting/fit.js';
import type { HeldOut } from '../outputs/held-out.js';
import { roughNoise } from '../record/channel-values.js';
import { CERTAIN, isCertain, likeliestError, misfitScore } from '../residuals/lack-of-fit.js';
import { varyingFindings } from '../residuals/varying.js';
import { type Ridge, ridgeTexts } from '../shape/ridges.js';
import type { Shape } from '../shape/shape.js';
import { coursesAt, isDisturbed, parameterCount } from '../unknowns/coordinates.js';
import { fromPrior, priorOf } from '../unknowns/prior.js';
import { unseenFindings } from '../unseen/unseen-sensor-errors.js';

/** Deviation, as a share of the prior's, from which a parameter counts as not learnt. */
const NOT_LEARNT = 0.7;
/** Data information, in prior units, below which a parameter does nothing. */
const NOTHING = 1e-4;
/** Prior deviations from which an estimate is a surprise. */
const SURPRISE = 3;
/** Prior deviations beyond a bound from which the bound decides the result. */
const FAR_BEYOND = 0.5;
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
  shape: Shape,
): Finding[] {
  const held = heldOutFindings(twin, fit, heldOut);
  return [
    ...ownFindings(twin, fit, ridges),
    ...shapeFindings(shape),
    ...shortFindings(fit, held.length > 0),
    ...held,
  ];
}

/** What speaks against a fit without any test on other rows. */
export function ownFindings(twin: Twin, fit: Fit, ridges: readonly Ridge[]): Finding[] {
  return [
    ...searchFindings(fit),
    ...parameterFindings(fit, ridges),
    // First: what follows may be no more than its trace.
    ...integrationFindings(twin, fit),
    ...residualFindings(fit),
    ...misfitFindings(twin, fit),
    ...wearFindings(fit),
  ];
}

/** Share of a band's deviation from which an error of integration is worth a word. */
const WORTH_A_WORD = 0.5;

/** Share of what a free run misses a channel by from which an error of integration is its cause. */
const CAUSE_SHARE = 0.5;

/** Channels that are missed, and parameters whose bands are what they are, because of the steps of the integration. */
function integrationFindings(twin: Twin, fit: Fit): Finding[] {
  const { integration, coordinates, covariance } = fit;
  if (integration === undefined) return [];
  if ('unknown' in integration) {
    const reason = `what integration by steps misses is not known, and not in the bands: ${integration.unknown}`;
    return [{ grade: 'care', reason }];
  }
  const missed = rmsPerChannel(fit.record, fit.record.data, fit.prediction);
  const ofSteps = twin.definition.measured.flatMap(({ variable, unit }, c): Finding[] => {
    const off = integration.off[c]!;
    if (!(off > CAUSE_SHARE * missed[c]!)) return [];
    const size = (value: number) => `${value.toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
    return [
      {
        grade: 'care',
        reason: `${variable}: integration by steps is off by about ${size(off)}, where the run misses it by ${size(missed[c]!)} in all: a lower simulation.stepSizeS or simulation.tolerance mends that`,
        about: [variable],
      },
    ];
  });
  const n = coordinates.length;
  const about = coordinates.flatMap(({ kind, name }, j) =>
    kind === 'parameter' &&
    Math.abs(integration.shift[j]!) > WORTH_A_WORD * Math.sqrt(covariance.covariance[j * n + j]!)
      ? [name]
      : [],
  );
  if (about.length === 0) return ofSteps;
  const reason = `the bands of ${about.join(', ')} are mostly the error of integration: a lower simulation.tolerance or simulation.stepSizeS makes them narrower`;
  return [...ofSteps, { grade: 'care', reason, about }];
}

/** How far into the record a step lies. */
const intoText = ({ wear, record }: Fit): string =>
  `${durationText((wear?.changeS ?? record.timesS[0]!) - record.timesS[0]!)} into it`;

/** Parameters that move along the record faster than their horizon says. */
function wearFindings(fit: Fit): Finding[] {
  const { wear, coordinates, u, record } = fit;
  return coursesAt(coordinates, u, record.timesS).flatMap(({ parameter, values }) => {
    const kind = wear?.kinds[parameter];
    if (kind === undefined || kind === '1×') return [];
    const [from, to] = [values[0]!, values.at(-1)!].map((v) => v.toPrecision(3));
    const how =
      { jump: 'by jumps', step: `with a step ${intoText(fit)}` }[kind] ??
      `about ${kind} as fast as its wear horizon says`;
    return [
      {
        grade: 'care' as const,
        reason: `${coordinates[parameter]!.name} moves along the record from ${from} to ${to}, ${how}: its value is that at the record's end`,
        about: [coordinates[parameter]!.name],
      },
    ];
  });
}

function shapeFindings({ rough, flatter, pulled }: Shape): Finding[] {
  const findings: Finding[] = [];
  if (pulled.length > 0) {
    const about = pulled.map(({ name }) => name);
    const far = pulled.map(({ by }) => by.toPrecision(2)).join(', ');
    const [were, their] =
      about.length === 1 ? ['was', 'its band was'] : ['were', 'their bands were'];
    findings.push({
      grade: 'care',
      reason: `${about.join(', ')} ${were} pulled ${far} prior deviations further than this record is worth, by residuals that follow each other: ${their} widened to hold where the pull began as well`,
      about,
    });
  }
  if (rough) {
    findings.push({
      grade: 'unusable',
      reason:
        'the model is not smooth in its parameters: searches from near the best fit end elsewhere, so a band would tell of its own neighbourhood only; check whether it switches between time steps, or fit shorter records',
    });
  }
  if (flatter > 1) {
    findings.push({
      grade: 'care',
      reason: `the data tell less than a straight line through the fit promises: bands were widened up to ${flatter.toPrecision(2)} times`,
    });
  }
  return findings;
}

/** Independent samples below which only a test on other rows speaks for a fit. */
const HARDLY_ANY = 2;

/** A record that is worth hardly one sample, and a free run that other rows do not bear out. */
function shortFindings(fit: Fit, untested: boolean): Finding[] {
  const { nEff } = fit.covariance;
  if (nEff >= HARDLY_ANY || !untested) return [];
  return [
    {
      grade: 'unusable',
      reason: `what the model lacks lasts as long as the record (worth ${nEff.toPrecision(2)} independent samples), and rows held out do not bear the fit out`,
    },
  ];
}

/** What residuals, and errors of sensors that no residual would show, say against the model. */
function misfitFindings(twin: Twin, fit: Fit): Finding[] {
  const { measured } = twin.definition;
  const { misfit } = fit;
  const findings: Finding[] = [];
  const care = (reason: string, about: string[]) =>
    void findings.push({ grade: 'care', reason, about });
  const shown = likeliestError(misfit);
  if (shown !== undefined && isCertain(shown)) {
    const { variable, noiseStd, unit } = measured[shown.channel]!;
    const size = Math.abs(shown.size).toPrecision(2);
    const times =
      noiseStd === undefined
        ? ''
        : `, ${(Math.abs(shown.size) / noiseStd).toPrecision(2)} times its noise`;
    const what =
      shown.kind === 'offset'
        ? `reads ${size}${unit === '' ? '' : ` ${unit}`} ${shown.size > 0 ? 'more' : 'less'} than the model can have it${times}`
        : `drifts against the model by ${size}${unit === '' ? '' : ` ${unit}`} along the record${times}`;
    care(
      `${variable} ${what}: an error of the sensor, or a term that the model lacks; the bands hold with either`,
      [variable],
    );
  }
  misfit.channels.forEach(({ size, memory, pattern, follows, outliers }, c) => {
    const { variable, noiseStd } = measured[c]!;
    if (outliers > 0) {
      care(
        `${variable}: ${outliers} ${outliers === 1 ? 'value lies' : 'values lie'} far beyond the noise: outliers`,
        [variable],
      );
    }
    const worst = misfitScore({ size, memory, pattern });
    if (worst < CERTAIN) return;
    const how =
      worst === pattern
        ? `follow ${follows}`
        : worst === memory
          ? 'follow each other'
          : `are ${(fit.noiseStd[c]! / noiseStd!).toPrecision(3)} times the stated noise`;
    care(
      `${variable}: the model lacks something: its residuals ${how} (${Number(worst.toPrecision(2))} deviations from chance)`,
      [variable],
    );
  });
  fit.coordinates.forEach(({ kind, name }, j) => {
    const by = misfit.channels.flatMap(({ carried }, c) =>
      kind === 'parameter' && carried[j]! >= CERTAIN ? [measured[c]!.variable] : [],
    );
    if (by.length === 0) return;
    care(
      `${name} is not to be trusted: the misfit of ${by.join(', ')} lies in its direction, as if it were another along the record`,
      [name],
    );
  });
  // Noise of an input that was found is what residuals follow.
  const explained = (fit.inputNoise?.found.length ?? 0) > 0;
  const { varying } = misfit;
  const isNamed = misfit.channels.some(
    ({ carried }) => varying !== undefined && carried[varying.unknown]! >= CERTAIN,
  );
  if (!explained && !isNamed) findings.push(...varyingFindings(fit.coordinates, varying));
  findings.push(...unseenFindings(twin, fit));
  return findings;
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
  if (!best.some((s) => s.converged)) {
    const kept = best.map((s) => s.refused).find((r) => r !== undefined && r.nats > SAME_OPTIMUM);
    if (kept === undefined) findings.push({ grade: 'care', reason: 'no search has converged' });
    else {
      const at = Object.entries(kept.at).map(([name, v]) => `${name} ${v.toPrecision(3)}`);
      findings.push({
        grade: 'unusable',
        reason: `the search ended where the model begins to fail, and the data want it beyond: at ${at.join(', ')} the model gave no answer (${kept.error.replace(/\.$/, '')}); the bands know nothing of what lies there: mend the model, or state bounds within which it runs`,
      });
    }
  }
  return findings;
}

function parameterFindings(fit: Fit, ridges: readonly Ridge[]): Finding[] {
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
      hardly.push({ name: c.name, left: percent(Math.min(1, sd)) });
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
  for (const reason of ridgeTexts(ridges).slice(0, MOST_RIDGES)) {
    const ridge = ridges.find(({ message }) => message.startsWith(reason))!;
    findings.push({ grade: 'care', reason, about: Object.keys(ridge.direction) });
  }
  return findings;
}

function residualFindings(fit: Fit): Finding[] {
  const findings: Finding[] = [];
  const { nEff } = fit.covariance;
  const parameters = parameterCount(fit.coordinates);
  if (nEff < 2 * parameters) {
    findings.push({
      grade: 'care',
      reason: `the record is too short for its own disturbance: worth ${nEff.toPrecision(2)} independent samples for ${parameters} parameters`,
    });
  }
  for (const rail of fit.record.rails) {
    if (!rail.detected) continue;
    findings.push({
      grade: 'care',
      reason: `${rail.variable} seems to end at ${rail.value}: ${rail.samples} samples there were taken as missing; state it as measured[].rail`,
      about: [rail.variable],
    });
  }
  return findings;
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

function heldOutFindings(twin: Twin, fit: Fit, heldOut: HeldOut | undefined): Finding[] {
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
        reason: `${name}: only ${percent(coverage95)} of the rows held out lie in their 95 % band`,
        about: [name],
      });
    }
    return findings;
  });
}
