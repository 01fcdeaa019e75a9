import uPlot from 'uplot';
import { drawEarlier, earlierExtent } from './compare.js';
import { h } from './dom.js';
import { drawFans, endOfView, fanExtent } from './fan.js';
import { formatNumber, formatUnit } from './format.js';
import type { Limit, Row } from './protocol.js';
import type { Store } from './store.js';
import { palette } from './theme.js';
import { isOnWall } from './wall-mode.js';

/** What a chart draws: channels of the store. */
export interface ChartContent {
  /** Its band and line; `isRange`: the band is of lowest and highest values. */
  main: { channel: string; label: string; isRange?: boolean };
  /** A line of dots: what the sensor said. */
  sensor?: { channel: string; label: string } | undefined;
  /** A dashed line: what the simulator knows. */
  truth?: string | undefined;
  unit: string;
  limit?: Limit | undefined;
  axis: 'machine' | 'wall';
  /** `full` has axes with labels and a readout; `small` is for comparing at a glance. */
  size: 'full' | 'small';
  heightPx: number;
  /** Variable whose events are marked. */
  subject?: string | undefined;
  /** The quantity whose expected course is drawn too: to now, and on where the future is shown. */
  ahead?: string | undefined;
  showsFuture?: boolean;
  /** The vertical range stays at zero or above. */
  fromZero?: boolean;
}

/** A chart on the page. */
export interface Chart {
  element: HTMLElement;
  update(): void;
  destroy(): void;
}

type Columns = [number[], ...(number | null)[][]];

/** x unit of the axis: days of the machine, seconds of the wall. */
const perDay = (axis: ChartContent['axis']) => (axis === 'machine' ? 86_400 : 1);

/** Brings rows of several channels onto one x axis. */
function columnsOf(store: Store, content: ChartContent): Columns {
  const xs = new Map<number, [Row?, Row?, Row?]>();
  const ids = [content.main.channel, content.sensor?.channel, content.truth];
  ids.forEach((id, place) => {
    for (const row of id === undefined ? [] : store.rowsShown(id)) {
      if (row[0] < store.fromX || row[0] > store.toX) continue;
      const entry = xs.get(row[0]) ?? [];
      entry[place] = row;
      xs.set(row[0], entry);
    }
  });
  const sorted = [...xs.entries()].sort((a, b) => a[0] - b[0]);
  const scale = perDay(content.axis);
  // undefined is bridged by a line, null is a gap.
  const column = (place: 0 | 1 | 2, field: 1 | 2 | 3) =>
    sorted.map(([, rows]) => {
      const row = rows[place];
      return (row === undefined ? undefined : row[field]) as number | null;
    });
  return [
    sorted.map(([x]) => x / scale),
    column(0, 2),
    column(0, 3),
    column(0, 1),
    column(1, 1),
    column(2, 1),
    column(1, 2),
    column(1, 3),
  ];
}

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

/** Makes a chart; it draws itself anew with `update`, only while it is in view. */
export function createChart(store: Store, content: ChartContent): Chart {
  const full = content.size === 'full';
  const element = h('div', { class: `chart ${content.size}` });
  let plot: uPlot | undefined;
  let visible = false;
  let stale = true;
  let drawn = '';

  /** Changes when, and only when, there is something new to draw. */
  function revision(): string {
    const ids = [content.main.channel, content.sensor?.channel, content.truth];
    const revisions = ids.map((id) => (id === undefined ? 0 : store.revision(id)));
    return `${revisions.join()};${store.windowS};${store.range?.join() ?? ''};${store.comparison ?? ''};${store.eventsRevision};${store.detailRevision};${content.ahead === undefined ? '' : `${store.outlookRevision};${store.nowX}`}`;
  }

  /** A dragged span becomes what all charts show. */
  function zoomTo(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 6) return;
    const at = (px: number) => u.posToVal(px, 'x') * perDay(content.axis);
    const [from, to] = [at(left), at(left + width)];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (to > from)
      element.dispatchEvent(new CustomEvent('zoom', { bubbles: true, detail: [from, to] }));
  }

  function options(width: number): uPlot.Options {
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
        x: { time: content.axis === 'wall', range: (_, min, max) => spanOf(min, max) },
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
                spanOf(u.data[0][0] ?? 0, u.data[0].at(-1) ?? 0)[1] * perDay(content.axis),
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
        setSelect: [zoomTo],
        setCursor: [showNewest],
        setData: [showNewest],
      },
    };
  }

  /** A zoomed chart shows just that; one that follows shows a part of the future too. */
  function spanOf(min: number | null, max: number | null): [number, number] {
    const scale = perDay(content.axis);
    if (store.range !== undefined) return [store.range[0] / scale, store.range[1] / scale];
    const [from, to] = [(min ?? 0) * scale, (max ?? 1) * scale];
    return [from / scale, endOfView(store, content, from, to) / scale];
  }

  function draw(): void {
    stale = false;
    const width = Math.floor(element.clientWidth);
    if (width < 40) return;
    const data = columnsOf(store, content) as uPlot.AlignedData;
    if (plot === undefined) {
      plot = new uPlot(options(width), data, element);
      hideUnused(plot, content);
      showNewest(plot);
    } else plot.setData(data);
  }

  const inView = new IntersectionObserver((entries) => {
    visible = entries.some((e) => e.isIntersecting);
    if (visible && stale) draw();
  });
  inView.observe(element);
  const resized = new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (plot !== undefined && width >= 40 && width !== plot.width) {
      plot.setSize({ width, height: content.heightPx });
    } else if (plot === undefined && visible) draw();
  });
  resized.observe(element);
  // On paper everything is in view.
  const beforePrint = () => draw();
  window.addEventListener('beforeprint', beforePrint);

  return {
    element,
    update() {
      const now = revision();
      if (now === drawn) return;
      drawn = now;
      if (visible) draw();
      else stale = true;
    },
    destroy() {
      inView.disconnect();
      resized.disconnect();
      window.removeEventListener('beforeprint', beforePrint);
      plot?.destroy();
    },
  };
}

/** While nobody points at an instant, the readout shows the newest value of each line. */
function showNewest(plot: uPlot): void {
  if (plot.cursor.idx !== null && plot.cursor.idx !== undefined) return;
  const idxs = plot.data.map((values) => {
    let i = values.length - 1;
    while (i > 0 && (values[i] === null || values[i] === undefined)) i--;
    return i;
  });
  if (plot.data[0].length > 0) plot.setLegend({ idxs });
}

/** uPlot lists hidden series in its legend; what a chart does not have is left out. */
function hideUnused(plot: uPlot, content: ChartContent): void {
  const rows = plot.root.querySelectorAll<HTMLElement>('.u-series');
  if (content.sensor === undefined) rows[4]?.remove();
  if (content.truth === undefined) rows[5]?.remove();
  rows[6]?.remove();
  rows[7]?.remove();
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
