import type uPlot from 'uplot';
import type { ChartContent } from './chart-content.js';
import type { Outlook, OutlookSeries } from './protocol.js';
import type { Store } from './store.js';
import { palette } from './theme.js';

/** Share of the span shown that the future may take. */
const AHEAD_SHARE = 0.6;
const DAY_S = 86_400;
const OPACITY = [0.32, 0.2, 0.12] as const;

/** Where a chart that follows the newest value ends: a part of the span ahead, at most the horizon. */
export function endOfView(store: Store, content: ChartContent, from: number, to: number): number {
  const end = store.outlook?.x.at(-1);
  if (end === undefined || store.range !== undefined || seriesOf(store, content).length === 0) {
    return to;
  }
  if (content.showsFuture !== true) return Math.max(to, Math.min(end, store.nowX));
  return Math.max(to, Math.min(end, to + Math.max(AHEAD_SHARE * (to - from), DAY_S / 24)));
}

interface Fan {
  outlook: Outlook;
  series: OutlookSeries;
  color: string;
  isTried: boolean;
}

/** Today's course, and beside it the one of a change that is tried. */
function seriesOf(store: Store, content: ChartContent): Fan[] {
  const { ahead } = content;
  if (ahead === undefined) return [];
  const colors = palette();
  const fans: Fan[] = [];
  const add = (outlook: Outlook | undefined, isTried: boolean) => {
    const series = outlook?.series[ahead];
    if (outlook === undefined || series === undefined) return;
    fans.push({ outlook, series, color: isTried ? colors.whatIf : colors.estimate, isTried });
  };
  add(store.outlook, false);
  if (content.showsFuture === true) add(store.tried, true);
  return fans;
}

/** Lowest and highest value of the fans' 80 % bands up to a time. */
export function fanExtent(
  store: Store,
  content: ChartContent,
  untilX: number,
): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { outlook, series } of seriesOf(store, content)) {
    const [lower, upper] = series.bands[1] ?? [[], []];
    outlook.x.forEach((x, k) => {
      if (x > untilX || x < store.fromX || (content.showsFuture !== true && x > store.nowX)) return;
      low = Math.min(low, lower[k] ?? low);
      high = Math.max(high, upper[k] ?? high);
    });
  }
  return low <= high ? [low, high] : undefined;
}

/** Draws the fans, the line of the present, and when the limit is reached. */
export function drawFans(store: Store, content: ChartContent) {
  return (u: uPlot) => {
    const fans = seriesOf(store, content);
    if (fans.length === 0) return;
    const { ctx, bbox } = u;
    const scale = content.axis === 'machine' ? DAY_S : 1;
    const px = (x: number) => u.valToPos(x / scale, 'x', true);
    const py = (y: number) => u.valToPos(y, 'y', true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const nowPx = px(store.nowX);
    const [today] = fans;
    if (today !== undefined) {
      clipped(ctx, bbox, [bbox.left, nowPx], () => drawCarried(ctx, today, px, py));
    }
    if (content.showsFuture === true) {
      clipped(ctx, bbox, [nowPx, bbox.left + bbox.width], () => {
        for (const fan of fans) drawFan(ctx, fan, px, py);
      });
      drawNow(ctx, nowPx, bbox);
      for (const fan of fans) drawReached(ctx, fan, content, px, py, bbox);
    }
    ctx.restore();
  };
}

type ToPixels = (value: number) => number;

/** Draws within a part of the chart's width. */
function clipped(
  ctx: CanvasRenderingContext2D,
  bbox: uPlot.BBox,
  [from, to]: readonly [number, number],
  draw: () => void,
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(from, bbox.top, Math.max(0, to - from), bbox.height);
  ctx.clip();
  draw();
  ctx.restore();
}

/** From the last calibration to now: its band, and the line dashed, as nothing has confirmed it yet. */
function drawCarried(ctx: CanvasRenderingContext2D, fan: Fan, px: ToPixels, py: ToPixels): void {
  const { x } = fan.outlook;
  const [lower, upper] = fan.series.bands[2] ?? [[], []];
  ctx.fillStyle = palette().band;
  ctx.beginPath();
  for (const [k, at] of x.entries()) ctx.lineTo(px(at), py(upper[k] ?? 0));
  for (let k = x.length - 1; k >= 0; k--) ctx.lineTo(px(x[k] ?? 0), py(lower[k] ?? 0));
  ctx.closePath();
  ctx.fill();
  ctx.strokeStyle = fan.color;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  for (const [k, at] of x.entries()) ctx.lineTo(px(at), py(fan.series.median[k] ?? 0));
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawFan(ctx: CanvasRenderingContext2D, fan: Fan, px: ToPixels, py: ToPixels): void {
  const { x } = fan.outlook;
  const ratio = devicePixelRatio;
  ctx.fillStyle = fan.color;
  ctx.strokeStyle = fan.color;
  [...fan.series.bands].reverse().forEach(([lower, upper], i) => {
    ctx.globalAlpha = OPACITY[2 - i] ?? OPACITY[2];
    ctx.beginPath();
    for (const [k, at] of x.entries()) ctx.lineTo(px(at), py(upper[k] ?? 0));
    for (let k = x.length - 1; k >= 0; k--) ctx.lineTo(px(x[k] ?? 0), py(lower[k] ?? 0));
    ctx.closePath();
    ctx.fill();
  });
  ctx.globalAlpha = 1;
  ctx.lineWidth = 1.6 * ratio;
  ctx.setLineDash(
    fan.isTried ? [7 * ratio, 3 * ratio, 2 * ratio, 3 * ratio] : [2 * ratio, 3 * ratio],
  );
  ctx.beginPath();
  for (const [k, at] of x.entries()) ctx.lineTo(px(at), py(fan.series.median[k] ?? 0));
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawNow(ctx: CanvasRenderingContext2D, x: number, bbox: uPlot.BBox): void {
  const { ink } = palette();
  const ratio = devicePixelRatio;
  ctx.strokeStyle = ink;
  ctx.fillStyle = ink;
  ctx.lineWidth = ratio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.fillText('now', x - 4 * ratio, bbox.top + 11 * ratio);
}

/** A bar on the limit: 80 % of the courses reach it within, half of them by its tick. */
function drawReached(
  ctx: CanvasRenderingContext2D,
  { outlook, series, color, isTried }: Fan,
  content: ChartContent,
  px: ToPixels,
  py: ToPixels,
  bbox: uPlot.BBox,
): void {
  const limit = content.limit?.above ?? content.limit?.below;
  const [early, middle, late] = series.reachedS ?? [null, null, null];
  if (limit === undefined || early === null || late === 0) return;
  const colors = palette();
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  const from = px(outlook.fromX + early);
  const to = late === null ? right + 12 * ratio : px(outlook.fromX + late);
  const y = py(limit);
  const height = 9 * ratio;
  ctx.beginPath();
  ctx.roundRect(from, y - height / 2, Math.max(3 * ratio, to - from), height, height / 2);
  ctx.lineWidth = 1.2 * ratio;
  if (!isTried) {
    ctx.fillStyle = colors.ahead;
    ctx.fill();
  }
  ctx.strokeStyle = isTried ? color : colors.aheadEdge;
  ctx.stroke();
  if (middle === null) return;
  const tick = px(outlook.fromX + middle);
  ctx.strokeStyle = isTried ? color : colors.ink;
  ctx.lineWidth = 2 * ratio;
  ctx.beginPath();
  ctx.moveTo(tick, y - height * 0.8);
  ctx.lineTo(tick, y + height * 0.8);
  ctx.stroke();
}
