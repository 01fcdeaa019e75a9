import { formatSpan } from './format.js';
import type { Quantity } from './protocol.js';
import type { Store } from './store.js';

/** How old a value is, and whether that is more than its schedule allows. */
export interface Age {
  /** Empty while it is of now. */
  text: string;
  isOld: boolean;
}

/** The age of what is shown of a quantity: of its sensor, or of the calibration that it comes from. */
export function ageOf(store: Store, quantity: Quantity): Age {
  const isSensor = quantity.role === 'measured' || quantity.role === 'input';
  const last = store.last(quantity.id);
  if (last === undefined) return { text: '', isOld: false };
  const ageS = Math.max(0, store.nowX - last[0]);
  const { allowed } = store.status ?? {};
  const isOld =
    allowed !== undefined && ageS > (isSensor ? allowed.measuredS : allowed.calibratedS);
  if (isSensor) return { text: isOld ? `silent for ${formatSpan(ageS)}` : '', isOld };
  const isCarried = store.now(quantity.id) !== last;
  // What is younger than the axis can show is of now.
  if (ageS < 1) return { text: '', isOld };
  const span = formatSpan(ageS);
  return { text: isCarried ? `carried ${span} to now` : `as of ${span} ago`, isOld };
}
