import { formatNumber, formatUnit } from './format.js';
import { nameOf } from './names.js';
import type { Alarm, Machine, PageEvent, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** Thing, verb and limit, e.g. `Drag of R9 is above 0.1`; undefined where only the kind is known. */
export function titleOf(
  alarm: Alarm,
  quantity: Quantity | undefined,
  machine: Machine | undefined,
): string | undefined {
  if (quantity === undefined) return alarm.title;
  const name = nameOf(quantity, machine?.layout);
  if (alarm.code !== 'limit') return `${name}: ${(alarm.title ?? alarm.code).toLowerCase()}`;
  const { above, below, verb } = quantity.limit ?? {};
  if (verb !== undefined) return `${name} ${verb}`;
  // With two limits the message tells which one it is.
  const isBelow = below !== undefined && (above === undefined || / below /.test(alarm.message));
  const limit = isBelow ? below : above;
  const unit = quantity.unit === '' ? '' : ` ${formatUnit(quantity.unit)}`;
  return `${name} is ${isBelow ? 'below' : 'above'} ${formatNumber(limit)}${unit}`;
}

/** The value farthest beyond the limit while an event stood, with its unit; empty without one. */
export function peakOf(event: PageEvent, quantity: Quantity | undefined, store: Store): string {
  if (event.code !== 'limit' || quantity === undefined) return '';
  const isBelow = quantity.limit?.above === undefined;
  let peak: number | undefined;
  let width = 0;
  let ofAverages = false;
  for (const [x, value, lower, upper] of store.rows(quantity.id)) {
    if (x < event.sinceX || x >= (event.untilX ?? Number.POSITIVE_INFINITY)) continue;
    if (value === null || (peak !== undefined && (isBelow ? value >= peak : value <= peak)))
      continue;
    peak = value;
    width = (upper ?? value) - (lower ?? value);
    ofAverages = x < (store.status?.past?.untilX ?? Number.NEGATIVE_INFINITY);
  }
  if (peak === undefined) return '';
  const unit = quantity.unit === '' ? '' : ` ${formatUnit(quantity.unit)}`;
  // Within an interval the value went beyond its average.
  const bound = ofAverages ? (isBelow ? 'at most ' : 'at least ') : '';
  return `${bound}${formatNumber(peak, width)}${unit}`;
}
