import type { ChartContent } from './chart-content.js';
import type { Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';
import { isOnWall } from './wall-mode.js';

/** What to draw for a quantity. */
export function contentOf(
  store: Store,
  machine: Machine,
  quantity: Quantity,
  size: ChartContent['size'],
): ChartContent {
  const truth = `truth:${quantity.variable}`;
  const hasTruth = quantity.role !== 'measured' && store.rows(truth).length > 0;
  const measured = quantity.role === 'measured';
  return {
    main: {
      channel: quantity.estimate ?? quantity.id,
      label: quantity.role === 'input' ? 'set' : 'twin',
      isRange: quantity.role === 'input',
    },
    sensor: measured ? { channel: quantity.id, label: 'sensor' } : undefined,
    truth: hasTruth ? truth : undefined,
    unit: quantity.unit,
    limit: quantity.limit,
    subject: quantity.variable,
    ahead: quantity.role === 'input' ? undefined : quantity.id,
    showsFuture: size === 'full' && quantity.limit !== undefined,
    axis: machine.axis,
    size,
    heightPx: size === 'full' ? (isOnWall() ? 300 : 240) : 64,
    fromZero: quantity.role === 'parameter',
  };
}
