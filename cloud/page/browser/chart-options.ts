import type uPlot from 'uplot';
import type { ChartContent } from './chart-content.js';
import { drawEarlier, earlierExtent } from './compare.js';
import { drawFans, endOfView, fanExtent } from './fan.js';
import { formatNumber, formatUnit } from './format.js';
import type { Store } from './store.js';
import { palette } from './theme.js';
import { isOnWall } from './wall-mode.js';

/** x unit of the axis: days of the machine, seconds of the wall. */
export const perDay = (axis: ChartContent['axis']) => (axis === 'machine' ? 86_400 : 1);

/** How a chart looks, what is drawn on it, and what a drag does. */
export function chartOptions(store: Store, content: ChartContent, width: number): uPlot.Options {
  const full = content.size === 'full';
  const colors = palette();
  const axis: uPlot.Axis = {
    stroke: colors.muted,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { stroke: colors.grid, width: 1, size: 4 },
    font: `${isOnWall() ? 18 : 11}px system-ui, sans-serif`,
    labelFont: `${isOnWall() ? 18 : 11}px system-ui, sans-serif`,
  };
  // As many digits as tell values of this chart apart.
  const number = ({ scales }: uPlot, value: number | null) =>
    formatNumber(value, ((scales.y?.max ?? 0) - (scales.y?.min ?? 0)) / 10 || undefined);
  const line = (label: string, stroke: string, more: Partial<uPlot.Series>): uPlot.Series => ({
    label,
    stroke,
    width: 2,
    points: { show: false },
    value: number,
    ...more,
  });
  return {
    width,
    height: content.heightPx,
    padding: full ? [8, 10, 0, 0] : [4, 2, 2, 2],
    legend: { show: full, live: true },
    cursor: {
      show: full,
      y: false,
      points: { size: 7 },
      drag: { x: full, y: false, setScale: false },
      sync: { key: 'twinloop' },
    },
    scales: {
      x: {
        time: content.axis === 'wall',
        range: (_, min, max) => spanOf(store, content, min, max),
      },
      y: {
        range: (u, min, max) =>
          rangeOf(
            content,
            min,
            max,
            // Not by the scale of x, which still is the last drawing's.
            fanExtent(
              store,
              content,
              spanOf(store, content, u.data[0][0] ?? 0, u.data[0].at(-1) ?? 0)[1] *
                perDay(content.axis),
            ),
            earlierExtent(store, content),
          ),
      },
    },
    axes: full
      ? [
          {
            ...axis,
            ...(content.axis === 'machine'
              ? { label: 'machine time, days', labelSize: 16, size: 28 }
              : { size: 34 }),
          },
          {
            ...axis,
            size: 66,
            values: (_, ticks) => formatTicks(ticks),
            label: formatUnit(content.unit),
            labelSize: content.unit === '' ? 0 : 16,
          },
        ]
      : [{ show: false }, { show: false }],
    bands: [
      { series: [2, 1], fill: colors.band },
      { series: [7, 6], fill: colors.sensorRange },
    ],
    series: [
      {
        label: content.axis === 'machine' ? 'day' : 'time',
        ...(content.axis === 'machine'
          ? { value: (_: uPlot, v: number | null) => (v === null ? '–' : v.toFixed(2)) }
          : {}),
      },
      line(content.main.isRange === true ? 'lowest' : '95 % from', colors.bandEdge, { width: 1 }),
      line(content.main.isRange === true ? 'highest' : 'to', colors.bandEdge, { width: 1 }),
      line(content.main.label, colors.estimate, {}),
      line(content.sensor?.label ?? '', colors.sensor, {
        show: content.sensor !== undefined,
        width: 1,
      }),
      line('truth (simulator)', colors.truth, {
        show: content.truth !== undefined,
        width: 1.5,
        dash: [6, 4],
      }),
      // Where a row stands for an interval, an average alone would hide a peak.
      line('lowest', colors.sensor, { show: content.sensor !== undefined, width: 0.5 }),
      line('highest', colors.sensor, { show: content.sensor !== undefined, width: 0.5 }),
    ],
    hooks: {
      draw: [
        drawFans(store, content),
        drawEarlier(store, content),
        drawLimits(content),
        drawEvents(store, content),
      ],
      setSelect: [zoomTo(content)],
      setCursor: [showNewest],
      setData: [showNewest],
    },
  };
}

/** A zoomed chart shows just that; one that follows shows a part of the future too. */
function spanOf(
  store: Store,
  content: ChartContent,
  min: number | null,
  max: number | null,
): [number, number] {
  const scale = perDay(content.axis);
  if (store.range !== undefined) return [store.range[0] / scale, store.range[1] / scale];
  const [from, to] = [(min ?? 0) * scale, (max ?? 1) * scale];
  return [from / scale, endOfView(store, content, from, to) / scale];
}

/** A dragged span becomes what all charts show. */
const zoomTo = (content: ChartContent) => (u: uPlot) => {
  const { left, width } = u.select;
  if (width < 6) return;
  const at = (px: number) => u.posToVal(px, 'x') * perDay(content.axis);
  const [from, to] = [at(left), at(left + width)];
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (to > from)
    u.root.dispatchEvent(new CustomEvent('zoom', { bubbles: true, detail: [from, to] }));
};

/** A y range that holds the lines and, where they are not far off, the limits. */
function rangeOf(
  content: ChartContent,
  min: number | null,
  max: number | null,
  ...others: readonly (readonly [number, number] | undefined)[]
): [number, number] {
  if (min === null || max === null) return [0, 1];
  let low = Math.min(min, ...others.map((o) => o?.[0] ?? min));
  let high = Math.max(max, ...others.map((o) => o?.[1] ?? max));
  const span = high - low || Math.abs(high) * 1e-3 || 1;
  const { above, below } = content.limit ?? {};
  if (above !== undefined && above > high && above - high < 3 * span) high = above;
  if (below !== undefined && below < low && low - below < 3 * span) low = below;
  const pad = 0.08 * (high - low || span);
  const floor = content.fromZero === true && low >= 0 ? 0 : low - pad;
  return [floor, high + pad];
}

/** A line at each limit, with the forbidden side hatched. */
function drawLimits(content: ChartContent) {
  return (u: uPlot) => {
    const { ctx, bbox } = u;
    const bottom = bbox.top + bbox.height;
    for (const side of ['above', 'below'] as const) {
      const limit = content.limit?.[side];
      if (limit === undefined) continue;
      const y = u.valToPos(limit, 'y', true);
      if (y < bbox.top || y > bottom) continue;
      ctx.save();
      hatch(ctx, bbox, side === 'above' ? [bbox.top, y] : [y, bottom]);
      ctx.setLineDash([]);
      ctx.strokeStyle = palette().ink;
      ctx.lineWidth = 1.2 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    }
  };
}

function hatch(
  ctx: CanvasRenderingContext2D,
  { left, width }: uPlot.BBox,
  [top, bottom]: readonly [number, number],
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, bottom - top);
  ctx.clip();
  ctx.strokeStyle = palette().hatch;
  ctx.lineWidth = devicePixelRatio;
  const height = bottom - top;
  ctx.beginPath();
  for (let x = left - height; x < left + width; x += 7 * devicePixelRatio) {
    ctx.moveTo(x, bottom);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

/** Marks the time of each event of the quantity along the bottom. */
function drawEvents(store: Store, content: ChartContent) {
  return (u: uPlot) => {
    if (content.subject === undefined) return;
    const { ctx, bbox } = u;
    const scale = perDay(content.axis);
    const right = bbox.left + bbox.width;
    const height = 4 * devicePixelRatio;
    for (const event of store.events) {
      if (event.subject !== content.subject) continue;
      const from = Math.max(bbox.left, u.valToPos(event.sinceX / scale, 'x', true));
      // One that stands is known to stand until now, not beyond.
      const until = event.untilX ?? store.nowX;
      const to = Math.min(right, u.valToPos(until / scale, 'x', true));
      if (to <= bbox.left || from >= right) continue;
      ctx.save();
      const { alarm, warn, muted } = palette();
      ctx.fillStyle = { alarm, warning: warn, note: muted }[event.level];
      ctx.fillRect(from, bbox.top + bbox.height - height, Math.max(2, to - from), height);
      ctx.restore();
    }
  };
}

/** While nobody points at an instant, the readout shows the newest value of each line. */
export function showNewest(plot: uPlot): void {
  if (plot.cursor.idx !== null && plot.cursor.idx !== undefined) return;
  const idxs = plot.data.map((values) => {
    let i = values.length - 1;
    while (i > 0 && (values[i] === null || values[i] === undefined)) i--;
    return i;
  });
  if (plot.data[0].length > 0) plot.setLegend({ idxs });
}

/** Ticks of an axis with as many decimals as tell them apart. */
function formatTicks(ticks: readonly number[]): string[] {
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) || 1;
  let decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  // A step of 2.5 needs a digit more than its size tells.
  const scaled = step * 10 ** decimals;
  if (Math.abs(scaled - Math.round(scaled)) > 1e-6) decimals++;
  decimals = Math.min(8, decimals);
  return ticks.map((tick) =>
    Math.abs(tick) >= 1e7 || (tick !== 0 && Math.abs(tick) < 1e-6)
      ? tick.toExponential(1)
      : tick.toFixed(decimals).replace('-', '−'),
  );
}
