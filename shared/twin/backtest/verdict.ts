import { percentText } from '../../core/index.js';
import { chiSquareCdf, Z95 } from '../../kalman/index.js';
import type { FitRecord } from '../fit/record/record.js';
import type { Finding, Verdict } from '../report/verdict.js';
import { verdictOf } from '../report/verdict.js';
import type { Twin } from '../types.js';
import type { BacktestOutput, HorizonScore } from './types.js';

/** Why nothing could be tested. */
export interface Unusable {
  reason: string;
}

/** Coverage of 95 % bands that is as it should be. */
const GOOD_COVERAGE = [0.88, 0.995] as const;
/** Below this, bands say nothing. */
const POOR_COVERAGE = 0.7;
/** Bands that hold everything and are this much wider than the errors say nothing either. */
const IDLE_WIDTH = 4;
/** Error against that of a model that is right. */
const FAR_FROM_RIGHT = 3;
/** Differences of halves, in standard deviations, from which a parameter is not one number. */
const CONTRADICTION = 4;

/** What a twin that is right shows this seldom is no chance. */
const CHANCE = 0.01;

/** How probable it is that of `n` predictions with right bands of 95 % at most so many lie inside. */
function atMostInside(inside: number, n: number): number {
  let sum = 0;
  let logTerm = n * Math.log(0.05);
  for (let k = 0; k <= inside; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(((n - k) / (k + 1)) * (0.95 / 0.05));
  }
  return Math.min(1, sum);
}

/** Whether so many outside their bands are no chance: of three predictions, one outside says nothing. */
const isTooFew = ({ coverage95, n }: HorizonScore): boolean =>
  atMostInside(Math.round(coverage95 * n), n) < CHANCE;

/** Whether errors so small beside the bands are no chance. */
const isTooSmall = ({ halfWidth95, rmse, n }: HorizonScore): boolean =>
  chiSquareCdf(n * (Z95 * (rmse / halfWidth95)) ** 2, n) < CHANCE;

/** Predictions from which a mean square is compared with another. */
const FEWEST_ERRORS = 10;

/** Free-run error, as a share of the data's own spread, that is poor. */
const POOR = 0.5;

/** Standard deviation of a channel's values about their mean. */
function spreadOf(record: FitRecord, channel: number): number {
  const values = record.data.filter((v, i) => i % record.channels === channel && !Number.isNaN(v));
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

/**
 * The grade of each quantity, and of the twin as a whole: of what is measured how its predictions came
 * true, of a parameter what speaks against its fit, and whether parts of the record agree on it.
 *
 * @param ofFit what speaks against the fit of the whole record
 */
export function backtestVerdicts(
  twin: Twin,
  tested: Partial<Pick<BacktestOutput, 'horizons' | 'heldOut' | 'splitHalf' | 'yardstick'>> & {
    dead: ReadonlySet<number>;
    record: FitRecord;
  },
  ofFit: readonly Finding[],
  unusable?: Unusable,
): { verdict: Verdict; quantities: Record<string, Verdict> } {
  const { measured, parameters } = twin.definition;
  if (unusable !== undefined) {
    const verdict = verdictOf([{ grade: 'unusable', reason: unusable.reason }, ...ofFit]);
    const names = [...parameters, ...measured].map((q) => q.variable);
    return { verdict, quantities: Object.fromEntries(names.map((name) => [name, verdict])) };
  }
  const quantities: Record<string, Verdict> = {};
  const all: Finding[] = [];
  const judge = (name: string, findings: readonly Finding[]) => {
    const named = findings.map((f) => ({ ...f, reason: `${name}: ${f.reason}`, about: [name] }));
    quantities[name] = verdictOf(named);
    all.push(...named);
  };
  measured.forEach(({ variable }, c) => {
    if (tested.dead.has(c)) {
      judge(variable, [{ grade: 'unusable', reason: 'holds no value that moves' }]);
      return;
    }
    judge(variable, channelFindings(variable, tested, spreadOf(tested.record, c)));
  });
  for (const { variable } of parameters) {
    const compared = tested.splitHalf?.parameters[variable];
    const findings: Finding[] = [];
    if (compared !== undefined && !compared.agree) {
      findings.push({
        grade: compared.z > CONTRADICTION ? 'unusable' : 'care',
        reason: `the record's halves give ${compared.means.map((m) => m.toPrecision(3)).join(' and ')}, ${compared.z.toPrecision(2)} deviations apart`,
      });
    }
    judge(variable, findings);
    // What speaks against the fit as a whole speaks against each of its parameters.
    const found = ofFit.filter(({ about = [variable] }) => about.includes(variable));
    quantities[variable] = verdictOf([
      ...found,
      ...all.filter(({ about }) => about?.includes(variable)),
    ]);
  }
  return { verdict: verdictOf([...all, ...ofFit]), quantities };
}

function channelFindings(
  channel: string,
  tested: Partial<Pick<BacktestOutput, 'horizons' | 'heldOut' | 'yardstick'>>,
  std: number,
): Finding[] {
  const findings: Finding[] = [];
  const scores = (tested.horizons ?? []).filter((h) => h.channel === channel);
  if (scores.length === 0) {
    return [{ grade: 'unusable', reason: 'no prediction of it could be checked' }];
  }
  for (const score of scores) {
    const ahead = score.samples === 'free-run' ? 'in free run' : `${score.samples} samples ahead`;
    if (score.coverage95 < GOOD_COVERAGE[0] && isTooFew(score)) {
      findings.push({
        grade:
          score.coverage95 < POOR_COVERAGE && score.samples !== 'free-run' ? 'unusable' : 'care',
        reason: `${ahead} the 95 % band held ${percentText(score.coverage95)} of ${score.n}`,
      });
    } else if (
      score.samples !== 'free-run' &&
      score.coverage95 > GOOD_COVERAGE[1] &&
      score.halfWidth95 > IDLE_WIDTH * score.rmse &&
      isTooSmall(score)
    ) {
      findings.push({
        grade: 'care',
        reason: `${ahead} the 95 % band is ${(score.halfWidth95 / score.rmse).toPrecision(2)} times as wide as the error: wider than need be`,
      });
    }
    const right = tested.yardstick?.horizons.find(
      (h) => h.channel === channel && h.samples === score.samples,
    );
    if (
      right !== undefined &&
      Math.min(score.n, right.n) >= FEWEST_ERRORS &&
      score.rmse > FAR_FROM_RIGHT * right.rmse
    ) {
      findings.push({
        grade: 'care',
        reason: `${ahead} it misses by ${score.rmse.toPrecision(3)}, a model that is right would by ${right.rmse.toPrecision(3)}`,
      });
    }
    if (score.samples === 'free-run' && score.rmse >= POOR * std) {
      findings.push({
        grade: score.rmse >= std ? 'unusable' : 'care',
        reason: `in free run it misses by ${score.rmse.toPrecision(3)}, a constant by ${std.toPrecision(3)}`,
      });
    }
  }
  const held = tested.heldOut?.find((h) => h.channel === channel);
  if (held !== undefined && held.rmse > held.std) {
    findings.push({
      grade: 'care',
      reason: `when held out it is missed by ${held.rmse.toPrecision(3)}, a constant misses by ${held.std.toPrecision(3)}`,
    });
  }
  return findings;
}
