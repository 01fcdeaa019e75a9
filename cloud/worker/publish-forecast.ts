import {
  FORECAST_AHEAD_S,
  FORECAST_SUFFIXES,
  forecastQuantities,
  forecastStreams,
  type TwinDefinition,
} from '../../shared/config/index.js';
import {
  messageOf,
  nsToSeconds,
  type StreamTqv,
  secondsToNs,
  type TimeMap,
  toMachineTimeS,
} from '../../shared/core/index.js';
import type { Forecast, ForecastEstimate } from '../../shared/twin/index.js';
import type { Forward } from './forward-run.js';

/**
 * A forecast's times lie on a grid, so that a newer forecast of a time takes the place of the older one;
 * it is made anew when a time of the grid comes within reach.
 */
export const FORECAST_GRID_S = 6 * 3600;
/** Times that a forecast is published for, at most. */
export const FORECAST_TIMES = FORECAST_AHEAD_S / FORECAST_GRID_S;
/** SiteWise takes nothing older than a week: what is nearer than this might be too old when it is written. */
const NEAREST_S = 1800;

/** The times of the coming week that a forecast is published for, epoch seconds. */
export function forecastTimesS(nowNs: bigint): number[] {
  const nowS = nsToSeconds(nowNs);
  const first = Math.ceil((nowS + NEAREST_S) / FORECAST_GRID_S);
  const last = Math.floor((nowS + FORECAST_AHEAD_S) / FORECAST_GRID_S);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * FORECAST_GRID_S);
}

/** Whether the machine's time passes as the wall's does: the coming week of a faster one is not a week. */
function runsAtWallPace({ segments }: TimeMap): boolean {
  return (segments.at(-1)?.scale ?? 1) === 1;
}

/**
 * A forecast as samples, each stamped a week before the time that it is of.
 *
 * @param timesS epoch seconds, as {@link forecastTimesS} gives them
 */
export function forecastTqvs(
  definition: TwinDefinition,
  forecast: Forecast,
  timesS: readonly number[],
  timeMap: TimeMap,
): StreamTqv[] {
  const samples: StreamTqv[] = [];
  for (const { alias, role, variable } of forecastQuantities(definition)) {
    const of = role === 'parameter' ? forecast.parameters : forecast.virtualSensors;
    const estimates = of[variable]?.estimates ?? [];
    for (const timeS of timesS) {
      const aheadS = toMachineTimeS(timeMap, secondsToNs(timeS)) - forecast.fromS;
      const at = between(forecast.aheadS, estimates, aheadS);
      if (at === undefined) continue;
      const timeNs = secondsToNs(timeS - FORECAST_AHEAD_S);
      const add = (suffix: string, value: number) => {
        if (Number.isFinite(value)) {
          samples.push({ alias: alias + suffix, timeNs, quality: 'GOOD', value });
        }
      };
      add(FORECAST_SUFFIXES.median, at.median);
      add(FORECAST_SUFFIXES.lower, at.lower95);
      add(FORECAST_SUFFIXES.upper, at.upper95);
    }
  }
  return samples;
}

type Fan = Pick<ForecastEstimate, 'median' | 'lower95' | 'upper95'>;

/** What lies between two times of a forecast, linearly; undefined outside of it. */
function between(
  aheadS: readonly number[],
  estimates: readonly Fan[],
  at: number,
): Fan | undefined {
  const i = aheadS.findIndex((s) => s >= at);
  const [right, rightS] = [estimates[i], aheadS[i]];
  if (right === undefined || rightS === undefined) return undefined;
  if (rightS === at) return right;
  const [left, leftS] = [estimates[i - 1], aheadS[i - 1]];
  if (left === undefined || leftS === undefined) return undefined;
  const share = (at - leftS) / (rightS - leftS);
  const mix = (of: keyof Fan) => left[of] + share * (right[of] - left[of]);
  return { median: mix('median'), lower95: mix('lower95'), upper95: mix('upper95') };
}

/**
 * Publishes the forecast of the coming week, where what has a limit has none up to the newest time of
 * the grid. It is no part of the state: what fails is told, and tried again by the next run.
 */
export async function publishForecast(run: Forward): Promise<void> {
  const { job, deps, progress, signal, calibratorState: state } = run;
  const { definition } = job.twin;
  const [first] = forecastQuantities(definition);
  if (!job.options.forecast || deps.engine.forecast === undefined || first === undefined) return;
  if (state === undefined || progress.stopped || signal.aborted || run.overtime()) return;
  if (run.replayUntilNs !== undefined || !runsAtWallPace(job.timeMap)) return;
  const timesS = forecastTimesS(deps.clock.nowNs());
  const untilS = timesS.at(-1);
  if (untilS === undefined) return;
  let modelRuns = 0;
  try {
    const aliases = forecastStreams(definition).map((s) => s.alias);
    const newest = await deps.reader.latest(aliases, signal);
    const untilNs = secondsToNs(untilS - FORECAST_AHEAD_S);
    if ([...newest.values()].some((tqv) => tqv.timeNs >= untilNs)) return;
    const forecast = await deps.engine.forecast({
      twin: job.twin,
      model: await job.model(),
      state,
      horizonS: toMachineTimeS(job.timeMap, secondsToNs(untilS)) - state.timeS,
      points: FORECAST_TIMES,
      signal,
    });
    modelRuns = forecast.modelRuns;
    const samples = forecastTqvs(definition, forecast, timesS, job.timeMap);
    const { accepted, rejected, retry } = await deps.writer.write(samples, signal);
    progress.valuesWritten += accepted;
    const [refused] = [...rejected, ...retry];
    progress.forecast = {
      values: accepted,
      modelRuns,
      ...(refused === undefined
        ? {}
        : {
            fault: `SiteWise did not take ${rejected.length + retry.length} of its ${samples.length} values (${refused.sample.alias}: ${refused.code}: ${refused.message})`,
          }),
    };
  } catch (error) {
    if (signal.aborted) return;
    progress.forecast = { values: 0, modelRuns, fault: messageOf(error) };
  }
  if (progress.forecast?.fault !== undefined) {
    deps.logger.warn('The forecast was not published', {
      asset: job.assetId,
      reason: progress.forecast.fault,
    });
  }
}
