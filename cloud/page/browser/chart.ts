import uPlot from 'uplot';
import type { ChartContent } from './chart-content.js';
import { chartOptions, perDay, showNewest } from './chart-options.js';
import { h } from './dom.js';
import type { Row } from './protocol.js';
import type { Store } from './store.js';

/** A chart on the page. */
export interface Chart {
  element: HTMLElement;
  update(): void;
  destroy(): void;
}

type Columns = [number[], ...(number | null)[][]];

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

/** Makes a chart; it draws itself anew with `update`, only while it is in view. */
export function createChart(store: Store, content: ChartContent): Chart {
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

  function draw(): void {
    stale = false;
    const width = Math.floor(element.clientWidth);
    if (width < 40) return;
    const data = columnsOf(store, content) as uPlot.AlignedData;
    if (plot === undefined) {
      plot = new uPlot(chartOptions(store, content, width), data, element);
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

/** uPlot lists hidden series in its legend; what a chart does not have is left out. */
function hideUnused(plot: uPlot, content: ChartContent): void {
  const rows = plot.root.querySelectorAll<HTMLElement>('.u-series');
  if (content.sensor === undefined) rows[4]?.remove();
  if (content.truth === undefined) rows[5]?.remove();
  rows[6]?.remove();
  rows[7]?.remove();
}
