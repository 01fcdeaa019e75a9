import type { Logger, TimeMap } from '../../shared/core/index.js';
import { secondsToNs } from '../../shared/core/index.js';
import {
  type Calibrator,
  type CalibratorState,
  type Estimate,
  groupStreams,
  ledgerAliases,
  type Mark,
  MOST_SAMPLES,
  mayRefitBeDue,
  type Sample,
  type TwinModel,
  usableValues,
  type Verdict,
} from '../../shared/twin/index.js';
import type { CalibrationEngine } from './engine.js';
import { inputsBefore, readWindows, type StreamSource, type Streams } from './read-streams.js';

/** What a refit in a run needs. */
export interface RefitInput {
  engine: CalibrationEngine;
  calibrator: Calibrator;
  state: CalibratorState;
  model: () => Promise<TwinModel>;
  source: StreamSource;
  mark: Mark;
  timeMap: TimeMap;
  /** The alignment's window, where it is known. */
  windowNs: bigint | undefined;
  /** Mean time between samples, where it is known: a window is no longer than a fit can take. */
  intervalS: number | undefined;
  logger: Logger;
  signal: AbortSignal;
}

/** What it made of the state. */
export interface Refitted {
  state: CalibratorState;
  parameters: Record<string, Estimate>;
  verdict: Verdict;
  /** The same by quantity. */
  quantities: Record<string, Verdict>;
}

/**
 * Fits an asset's constants anew where its schedule says so: its streams are read again over the
 * window that ends with the estimate.
 *
 * @returns undefined where none is due, or parameters are filtered
 */
export async function refitWhereDue(input: RefitInput): Promise<Refitted | undefined> {
  const { engine, calibrator, state, logger, signal } = input;
  if (engine.createRefitter === undefined) return undefined;
  const { definition } = calibrator.twin;
  const usualS = state.filter.transient?.intervalS ?? input.intervalS;
  if (!mayRefitBeDue(definition, state, usualS)) return undefined;
  const refitter = await engine.createRefitter(calibrator, await input.model(), { logger, signal });
  if (refitter === undefined) return undefined;
  try {
    const { windowS, reachS, firstValues } = refitter.schedule(state);
    const mostS =
      input.intervalS === undefined ? Number.POSITIVE_INFINITY : MOST_SAMPLES * input.intervalS;
    const windowOf = async (spanS: number) =>
      refitter.window(await samplesOf(input, Math.min(spanS, mostS)), state);
    let window = await windowOf(windowS);
    if (reachS > windowS && usableValues(window) < firstValues) window = await windowOf(reachS);
    if (!refitter.isDue(state, window)) return undefined;
    const { state: next, result } = await refitter.refit(state, window, signal);
    const { parameters, verdict, quantities } = result.output;
    return { state: next, parameters, verdict, quantities };
  } finally {
    await refitter.close();
  }
}

/** Later than anything. */
const NEVER_NS = 2n ** 63n - 1n;

/** The samples of a span that ends with the estimate, as the estimate took them. */
async function samplesOf(input: RefitInput, spanS: number): Promise<Sample[]> {
  const { source, mark, timeMap, windowNs } = input;
  const { definition } = source;
  const fromNs = mark.watermarkNs - secondsToNs(spanS);
  const afterNs = fromNs > 0n ? fromNs : 0n;
  const streams: Streams = new Map();
  for await (const part of readWindows(source, afterNs, mark.watermarkNs)) {
    for (const [alias, values] of part.streams) {
      streams.set(alias, [...(streams.get(alias) ?? []), ...values]);
    }
  }
  const inputs = ledgerAliases(definition).filter((alias) =>
    definition.inputs.some((i) => i.alias === alias && i.value === undefined),
  );
  for (const [alias, held] of Object.entries(await inputsBefore(source, inputs, afterNs))) {
    streams.set(alias, [{ ...held, quality: 'GOOD' }, ...(streams.get(alias) ?? [])]);
  }
  const { groups } = groupStreams({
    definition,
    streams,
    afterNs,
    // The estimate took all of it: nothing is waited for.
    untilNs: NEVER_NS,
    timeMap,
    ...(windowNs === undefined ? {} : { windowNs }),
  });
  return groups.flatMap((g) => g.sample ?? []);
}
