import { type TwinStream, twinStreams } from './streams.js';
import type { TwinDefinition } from './twin.js';

/**
 * How far ahead of its timestamp a forecast's value lies, seconds. SiteWise takes values from seven days
 * ago to ten minutes ahead, so a forecast of the coming week is written a week before its time: a value
 * of `b1_in7d` says what b1 will be seven days after the value's timestamp.
 */
export const FORECAST_AHEAD_S = 7 * 86_400;

/** The composite model that holds the forecast's properties: a model itself has 200 at most. */
export const FORECAST_COMPOSITE = 'forecast';

/** What the names of a quantity's forecast end in. */
export interface ForecastSuffixes {
  median: string;
  lower: string;
  upper: string;
}

/** Median and 95 % band. */
export const FORECAST_SUFFIXES: ForecastSuffixes = {
  median: '_in7d',
  lower: '_in7d_lower',
  upper: '_in7d_upper',
};

/** A quantity whose forecast is published: one with a limit. */
export interface ForecastQuantity {
  variable: string;
  alias: string;
  unit: string;
  role: 'parameter' | 'virtualSensor';
  alarm: { above?: number | undefined; below?: number | undefined };
}

/** The quantities of a twin whose forecast is published: parameters and virtual sensors with a limit. */
export function forecastQuantities(twin: TwinDefinition): ForecastQuantity[] {
  const of = (role: ForecastQuantity['role'], all: TwinDefinition['virtualSensors']) =>
    all.flatMap(({ variable, alias, unit, alarm }) =>
      alarm?.above === undefined && alarm?.below === undefined
        ? []
        : [{ variable, alias, unit, role, alarm }],
    );
  return [...of('parameter', twin.parameters), ...of('virtualSensor', twin.virtualSensors)];
}

/** The streams of a twin's forecast. */
export function forecastStreams(twin: TwinDefinition): TwinStream[] {
  return forecastQuantities(twin).flatMap(({ alias, variable, unit, role }) =>
    Object.values(FORECAST_SUFFIXES).map((suffix: string) => ({
      alias: alias + suffix,
      name: variable + suffix,
      unit,
      dataType: 'DOUBLE' as const,
      role,
      origin: 'twin' as const,
      composite: FORECAST_COMPOSITE,
    })),
  );
}

/** Every stream of a twin's asset: what the machine sends, what calibrations find, and the forecast. */
export function assetStreams(twin: TwinDefinition): TwinStream[] {
  return [...twinStreams(twin), ...forecastStreams(twin)];
}
