import type uPlot from 'uplot';
import type { ChartContent } from './chart-content.js';
import { formatNumber, formatUnit, formatWhen } from './format.js';
import type { Machine, Quantity, Row } from './protocol.js';
import type { Store } from './store.js';
import { palette } from './theme.js';

/** A span of the same length, and how far it is moved to lie over the one shown. */
export interface EarlierSpan {
  from: number;
  to: number;
  shiftS: number;
}

const DAY_S = 86_400;

/** @returns undefined where nothing is compared, or the span shown has no beginning */
function earlierSpan(store: Store): EarlierSpan | undefined {
  const { comparison, fromX } = store;
  const toX = Math.min(store.toX, store.newestX);
  if (comparison === undefined || !Number.isFinite(fromX) || toX <= fromX) return undefined;
  // Events come with the latest beginning first.
  const event = store.events.find((e) => e.sinceX <= toX);
  const to = comparison === 'before' ? fromX : event?.sinceX;
  if (to === undefined) return undefined;
  return { from: to - (toX - fromX), to, shiftS: toX - to };
}

function rowsWithin(store: Store, channel: string, from: number, to: number): Row[] {
  return store.rows(channel).filter((r) => r[0] >= from && r[0] <= to && r[1] !== null);
}

/** Lowest and highest value of the earlier span. */
export function earlierExtent(store: Store, content: ChartContent): [number, number] | undefined {
  const span = content.size === 'full' ? earlierSpan(store) : undefined;
  if (span === undefined) return undefined;
  const values = rowsWithin(store, content.main.channel, span.from, span.to).map((r) => r[1] ?? 0);
  return values.length === 0 ? undefined : [Math.min(...values), Math.max(...values)];
}

/** Draws the earlier span over the one shown, as round dots. */
export function drawEarlier(store: Store, content: ChartContent) {
  return (u: uPlot) => {
    const span = content.size === 'full' ? earlierSpan(store) : undefined;
    if (span === undefined) return;
    const { ctx, bbox } = u;
    const scale = content.axis === 'machine' ? DAY_S : 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = palette().ink;
    const radius = 1.6 * devicePixelRatio;
    let before = Number.NEGATIVE_INFINITY;
    for (const [x, value] of rowsWithin(store, content.main.channel, span.from, span.to)) {
      const at = u.valToPos((x + span.shiftS) / scale, 'x', true);
      // Dots that touch would be a line.
      if (at - before < 3 * radius) continue;
      before = at;
      ctx.beginPath();
      ctx.arc(at, u.valToPos(value ?? 0, 'y', true), radius, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  };
}

/** What has changed since the earlier span, in words; empty while nothing is compared. */
export function comparedText(store: Store, machine: Machine, quantity: Quantity): string {
  const span = earlierSpan(store);
  if (span === undefined) return '';
  const when = `${formatWhen(span.from, machine.axis)} to ${formatWhen(span.to, machine.axis)}`;
  const channel = quantity.estimate ?? quantity.id;
  const meanOf = (from: number, to: number) => {
    const rows = rowsWithin(store, channel, from, to);
    return rows.length === 0 ? undefined : rows.reduce((s, r) => s + (r[1] ?? 0), 0) / rows.length;
  };
  const now = meanOf(store.fromX, Math.min(store.toX, store.newestX));
  const then = meanOf(span.from, span.to);
  if (then === undefined) return `Dots: nothing is known of ${when}.`;
  if (now === undefined) return '';
  const width = Math.max(Math.abs(now - then), 1e-3 * Math.abs(now)) || undefined;
  const unit = quantity.unit === '' ? '' : ` ${formatUnit(quantity.unit)}`;
  const change = formatNumber(now - then, width);
  return `Mean ${formatNumber(now, width)}${unit}; dots, ${when}: ${formatNumber(then, width)}${unit} (change ${now > then ? '+' : ''}${change}).`;
}
