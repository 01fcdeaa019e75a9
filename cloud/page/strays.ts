import { Z95 } from '../../shared/kalman/index.js';
import type { Forecast, Twin } from '../../shared/twin/index.js';
import type { Alarm } from './browser/protocol.js';

/** The newest readings of one quantity. */
export interface Reading {
  /** Seconds of the axis. */
  x: number;
  value: number;
  /** The one before, where it is usable. */
  before?: number | undefined;
}

/** Deviations from what the twin expects at which a reading counts as outside its band. */
const OUTSIDE = 5;

/**
 * Sensors whose last two readings both lie outside the band in which the twin expects them now: one
 * alone may be a slip of the line. States of rest only; a moving machine is judged by its calibration.
 *
 * @param noiseStd assumed noise of each channel
 * @param readings by `measured:<variable>`
 */
export function strays(
  twin: Twin,
  forecast: Forecast,
  noiseStd: Float64Array,
  readings: ReadonlyMap<string, Reading>,
): Alarm[] {
  if (twin.definition.simulation.mode !== 'steady-state') return [];
  const { aheadS, fromS } = forecast;
  return twin.definition.measured.flatMap((channel, c): Alarm[] => {
    const reading = readings.get(`measured:${channel.variable}`);
    const series = forecast.measured[channel.variable];
    if (reading?.before === undefined || series === undefined || reading.x <= fromS) return [];
    const at = aheadS.findIndex((s) => s >= reading.x - fromS);
    // Beyond the horizon nothing is expected any more.
    const expected = series.estimates[at];
    if (at < 0 || expected === undefined) return [];
    const { median, lower95, upper95 } = expected;
    // By its band: of few courses that part ways the deviation is large, and would hide a reading that is off.
    const [below, above] = [median - lower95, upper95 - median].map((half) =>
      Math.hypot(half / Z95, noiseStd[c] ?? 0),
    ) as [number, number];
    const off = (value: number) => (value - median) / (value < median ? below : above);
    const [now, before] = [off(reading.value), off(reading.before)];
    if (!(Math.min(now, before) > OUTSIDE || Math.max(now, before) < -OUTSIDE)) return [];
    const digits = (v: number) => String(Number(v.toPrecision(6)));
    const unit = channel.unit === '' ? '' : ` ${channel.unit}`;
    return [
      {
        level: 'warning',
        code: 'left-band',
        subject: channel.variable,
        message: `It reads ${digits(reading.value)}${unit}; the twin expects ${digits(median - Z95 * below)} to ${digits(median + Z95 * above)}${unit}. Since the last calibration the machine, or the sensor, has changed.`,
      },
    ];
  });
}
