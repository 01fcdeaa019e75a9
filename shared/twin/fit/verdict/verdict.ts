import { durationText } from '../../../core/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { negligible } from '../least-squares/fit-problem.js';
import type { HeldOut } from '../outputs/held-out.js';
import { rmsPerChannel } from '../record/record.js';
import type { Ridge } from '../shape/ridges.js';
import type { Shape } from '../shape/shape.js';
import { coursesAt, parameterCount } from '../unknowns/coordinates.js';
import { heldOutFindings } from './held-out-findings.js';
import { misfitFindings } from './misfit-findings.js';
import { parameterFindings } from './parameter-findings.js';
import { searchFindings } from './search-findings.js';

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
  const ofSteps = missedBySteps(fit);
  return [
    ...searchFindings(fit),
    ...parameterFindings(fit, ridges),
    // First: what follows may be no more than its trace.
    ...integrationFindings(twin, fit, ofSteps),
    ...residualFindings(fit),
    ...misfitFindings(twin, fit, ofSteps),
    ...wearFindings(fit),
  ];
}

/** Share of a band's deviation from which an error of integration is worth a word. */
const WORTH_A_WORD = 0.5;

/** Share of what a free run misses a channel by from which an error of integration is its cause. */
const CAUSE_SHARE = 0.5;

/** Channels whose misfit is an error of integration by steps, with its size. */
function missedBySteps({ integration, record, prediction }: Fit): ReadonlyMap<number, SteppedMiss> {
  if (integration === undefined || 'unknown' in integration) return new Map();
  const missed = rmsPerChannel(record, record.data, prediction);
  return new Map(
    Array.from(integration.off, (off, c) => [c, { off, inAll: missed[c]! }] as const).filter(
      ([c, miss]) => miss.off > Math.max(CAUSE_SHARE * miss.inAll, negligible(record, c)),
    ),
  );
}

/** Root mean squares of a channel over the record. */
interface SteppedMiss {
  /** What integration by steps is off by. */
  off: number;
  /** What the run misses it by in all. */
  inAll: number;
}

/** Channels that are missed, and parameters whose bands are what they are, because of the steps of the integration. */
function integrationFindings(
  twin: Twin,
  fit: Fit,
  missed: ReadonlyMap<number, SteppedMiss>,
): Finding[] {
  const { integration, coordinates, covariance } = fit;
  if (integration === undefined) return [];
  if ('unknown' in integration) {
    const reason = `what integration by steps misses is not known, and not in the bands: ${integration.unknown}`;
    return [{ grade: 'care', reason }];
  }
  const ofSteps = [...missed].map(([c, { off, inAll }]): Finding => {
    const { variable, unit } = twin.definition.measured[c]!;
    const size = (value: number) => `${value.toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
    return {
      grade: 'care',
      reason: `${variable}: integration by steps is off by about ${size(off)}, where the run misses it by ${size(inAll)} in all: a lower simulation.stepSizeS or simulation.tolerance mends that`,
      about: [variable],
    };
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
