import type { TwinDefinition } from '../../config/index.js';
import { parseUnit } from '../../fmi/index.js';
import { squareRootOfStack } from '../../kalman/index.js';
import { INITIAL_TREND, initialCalibratorState } from '../calibrator/initial-state.js';
import { ENOUGH, type FirstValues } from '../filter/first-values.js';
import { filterSettings } from '../filter/settings.js';
import type { CalibratorState, Twin } from '../types.js';
import { type AssetState, type Mark, noArrivals } from './asset-state.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { ledgerAliases } from './ledger.js';

/** Factor on the standard deviations of what is taken over, where nothing else is asked for. */
const WIDEN = 2;
/** Standard deviations by which a mean may lie outside the new bounds. */
const OUTSIDE = 2;

/** How a state is taken over. */
export interface MigrationOptions {
  /** Factor on standard deviations; a parameter never gets wider than its new prior by it. Default 2. */
  widen?: number;
  /** Old names of parameters by their new ones. */
  renamed?: Readonly<Record<string, string>>;
}

/** What became of the knowledge that a state held. */
export interface Migration {
  /** Parameters taken over, `from` their old name where that has changed. */
  kept: { variable: string; from?: string; mean: number; stdBefore: number; std: number }[];
  /** Parameters that begin at their priors, and why. */
  fromPrior: { variable: string; reason: string; mean: number; std: number }[];
  /** Parameters that the twin no longer has, with what was known of them. */
  removed: { variable: string; mean: number; std: number }[];
  /** Measured variables whose noise begins anew. */
  noiseAnew: string[];
}

const sameScale = (a: string, b: string): boolean => {
  if (a.trim() === b.trim()) return true;
  const [x, y] = [parseUnit(a), parseUnit(b)];
  return x !== undefined && y !== undefined && x.factor === y.factor && x.offset === y.offset;
};

/** Standard deviation of row i of a factor. */
const rowStd = (S: Float64Array, N: number, i: number) =>
  Math.hypot(...S.subarray(i * N, (i + 1) * N));

/** By how much a standard deviation grows: to no more than before any data, and never less than it is. */
const growth = (widen: number, std: number, first: number) =>
  std === 0 ? 1 : Math.min(widen, Math.max(1, first / std));

/**
 * A state of one version of a twin as one of another. Parameters are taken over by name, widened, with
 * their correlations and trends; new ones begin at their priors. What belongs to the old model alone
 * (continuous states, linearisations, tests on innovations) begins anew; fits of constants are due again.
 *
 * @param from the definition that the state is of
 */
export function migrateState(
  state: CalibratorState,
  from: TwinDefinition,
  to: Twin,
  options: MigrationOptions = {},
): { state: CalibratorState; migration: Migration } {
  const { widen = WIDEN, renamed = {} } = options;
  const { parameters } = to.definition;
  const settings = filterSettings(to);
  const first = initialCalibratorState(to).filter;
  const [n, old] = [parameters.length, from.parameters.length];
  const [N, M] = [2 * n, 2 * old];
  const migration: Migration = { kept: [], fromPrior: [], removed: [], noiseAnew: [] };
  const x = first.x.slice();
  // Columns of the new square root: those of the old one, then one for each row that begins anew.
  const rows = new Float64Array((M + N) * N);
  const anew = (i: number) => {
    rows[(M + i) * N + i] = first.S[i * N + i]!;
  };
  const carry = (i: number, at: number, factor: number) => {
    x[i] = state.filter.x[at]!;
    for (let c = 0; c < M; c++) rows[c * N + i] = factor * state.filter.S[at * M + c]!;
  };
  const taken = new Set<string>();
  parameters.forEach((p, i) => {
    const name = renamed[p.variable] ?? p.variable;
    const at = from.parameters.findIndex((q) => q.variable === name);
    const mean = state.filter.x[at] ?? Number.NaN;
    const stdBefore = at < 0 ? Number.NaN : rowStd(state.filter.S, M, at);
    const factor = growth(widen, stdBefore, p.prior.std);
    const std = factor * stdBefore;
    const reason =
      at < 0
        ? 'new'
        : !sameScale(from.parameters[at]!.unit, p.unit)
          ? `its unit was ${from.parameters[at]!.unit || 'none'}, now ${p.unit || 'none'}`
          : (p.lower !== undefined && mean + OUTSIDE * std < p.lower) ||
              (p.upper !== undefined && mean - OUTSIDE * std > p.upper)
            ? `${mean} lies outside its bounds now`
            : undefined;
    if (at >= 0) taken.add(name);
    if (reason !== undefined) {
      anew(i);
      anew(n + i);
      migration.fromPrior.push({ variable: p.variable, reason, ...p.prior });
      return;
    }
    carry(i, at, factor);
    const before = { mean, stdBefore, std };
    migration.kept.push({
      variable: p.variable,
      ...(at >= 0 && name !== p.variable ? { from: name } : {}),
      ...before,
    });
    if (!settings.trend[i]) return;
    const trendStd = rowStd(state.filter.S, M, old + at);
    if (from.parameters[at]!.dynamics !== 'trend' || trendStd === 0) anew(n + i);
    else carry(n + i, old + at, growth(widen, trendStd, INITIAL_TREND * settings.range[i]!));
  });
  from.parameters.forEach((q, at) => {
    if (taken.has(q.variable)) return;
    const { x: means, S } = state.filter;
    migration.removed.push({ variable: q.variable, mean: means[at]!, std: rowStd(S, M, at) });
  });
  /** Of each channel where its noise was before; below 0 where it begins anew. */
  const places = to.definition.measured.map(({ variable, noiseStd, unit }) => {
    const at = from.measured.findIndex((c) => c.variable === variable);
    const before = from.measured[at];
    const holds =
      before !== undefined && before.noiseStd === noiseStd && sameScale(before.unit, unit);
    if (!holds) migration.noiseAnew.push(variable);
    return holds ? at : -1;
  });
  const noise = (of: Float64Array, fallback: Float64Array) =>
    fallback.map((value, i) => of[places[i]!] ?? value);
  const { noiseStd, firstNoise } = state.filter;
  const filter = {
    ...first,
    x,
    S: squareRootOfStack(rows, M + N, N),
    noiseStd: noise(noiseStd, first.noiseStd),
    firstNoise: noise(firstNoise ?? noiseStd, first.noiseStd),
    firstValues: movedFirstValues(state.filter.firstValues, first.firstValues, places),
  };
  const { timeS, timeNs, sampleCount } = state;
  return { state: { twinHash: to.hash, timeS, timeNs, sampleCount, filter }, migration };
}

/** The first values of channels that go on, and none yet of those that begin anew. */
function movedFirstValues(
  before: FirstValues | undefined,
  anew: FirstValues | undefined,
  places: readonly number[],
): FirstValues | undefined {
  if (anew === undefined) return undefined;
  const had = anew.had.map((n, i) => (places[i]! < 0 ? n : (before?.had[places[i]!] ?? ENOUGH)));
  if (had.every((n) => n >= ENOUGH)) return undefined;
  const values = anew.values.map((v, k) => {
    const at = places[Math.floor(k / ENOUGH)]!;
    return at < 0 ? v : (before?.values[at * ENOUGH + (k % ENOUGH)] ?? v);
  });
  return { had, values };
}

/**
 * What is kept of an asset, with the states in it taken over to another version of its twin; the
 * history too, so that late readings still find their place. Where other streams are read than before,
 * their account begins at the watermark.
 *
 * @param from the definition that the states are of
 * @param to the asset's own, with its aliases
 * @throws TwinError as {@link decodeCheckpoint}, of the newest state
 */
export function migrateAssetState(
  state: AssetState,
  from: TwinDefinition,
  to: Twin,
  options: MigrationOptions = {},
): { state: AssetState; migration?: Migration; lost: number } {
  const old: Twin = { definition: from, fmuPath: '', hash: state.twinHash };
  let migration: Migration | undefined;
  const take = (checkpoint: Uint8Array): Uint8Array => {
    if (checkpoint.length === 0) return checkpoint;
    const made = migrateState(decodeCheckpoint(checkpoint, old), from, to, options);
    ({ migration } = made);
    return encodeCheckpoint(made.state);
  };
  const aliases = ledgerAliases(to.definition);
  const known = state.arrivals.aliases;
  const same = known.length === 0 || known.join('\n') === aliases.join('\n');
  const inputs = (mark: Mark): Mark['inputs'] =>
    Object.fromEntries(Object.entries(mark.inputs).filter(([alias]) => aliases.includes(alias)));
  const moved = <T extends Mark>(mark: T): T => {
    const kept: T = {
      ...mark,
      inputs: inputs(mark),
      ...(same ? {} : { partial: [] }),
      checkpoint: take(mark.checkpoint),
    };
    // Where inputs have been is known by their places, which may be others now.
    delete kept.ranges;
    return kept;
  };
  const marks = state.marks.flatMap((mark) => {
    try {
      return [moved(mark)];
    } catch {
      // One that is damaged was of no use before either; the caller says how many.
      return [];
    }
  });
  // Channels are watched anew: they may be others.
  const { windowNs, fault: _fault, channels: _channels, ...rest } = moved(state);
  const arrivals = same
    ? state.arrivals
    : { ...noArrivals(state.watermarkNs, state.arrivals.bucketS), aliases };
  return {
    state: {
      ...rest,
      ...(windowNs !== undefined && same ? { windowNs } : {}),
      twinHash: to.hash,
      marks,
      arrivals,
    },
    ...(migration === undefined ? {} : { migration }),
    lost: state.marks.length - marks.length,
  };
}
