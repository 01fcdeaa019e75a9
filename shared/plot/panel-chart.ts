import type { EChartsOption, SeriesOption } from 'echarts';
import { COLOURS, renderChart } from './echarts.js';

/** A band between two curves. */
export interface Band {
  lower: ArrayLike<number>;
  upper: ArrayLike<number>;
}

/** One curve, with bands around it where given; all arrays of one length. */
export interface LineSeries {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Lower edge of a band. */
  lower?: ArrayLike<number>;
  /** Upper edge of a band. */
  upper?: ArrayLike<number>;
  /** Bands within each other, the widest first, as in a fan chart. */
  bands?: readonly Band[];
  /** Points without a line, as for measurements. */
  points?: boolean;
  /** Steps instead of a slope, as for discrete variables. */
  step?: boolean;
}

/** A value that is drawn across a panel. */
export interface Limit {
  value: number;
  label: string;
}

/** Curves on one pair of axes. */
export interface Panel {
  yLabel: string;
  series: readonly LineSeries[];
  limits?: readonly Limit[];
  /** What the y axis holds at least; default: all curves and bands. What lies beyond is cut off. */
  show?: readonly [number, number];
  /** Fixed ends of the y axis; default: from the curves. */
  min?: number;
  max?: number;
  logarithmic?: boolean;
}

/** Panels below each other over one x axis. */
export interface PanelChart {
  title: string;
  xLabel: string;
  panels: readonly Panel[];
  /** Pixels; default 960 wide, 260 high a panel. */
  width?: number;
  panelHeight?: number;
}

const LEFT = 88;
const RIGHT = 190;
const TOP = 44;
const GAP = 34;
const BOTTOM = 52;
/** Rows of a panel's legend beside it. */
const LEGEND_ROW = 18;

/** Points per curve beyond which a picture gains nothing. */
const MAX_POINTS = 4000;

/** Indices that keep first, last and the extremes of each bucket: peaks stay visible. */
function thin(y: ArrayLike<number>): number[] {
  if (y.length <= MAX_POINTS) return Array.from({ length: y.length }, (_, i) => i);
  const bucket = y.length / (MAX_POINTS / 2);
  const kept = new Set<number>([0, y.length - 1]);
  for (let begin = 0; begin < y.length; begin += bucket) {
    const from = Math.floor(begin);
    const to = Math.min(y.length, Math.floor(begin + bucket));
    let low = from;
    let high = from;
    for (let i = from; i < to; i++) {
      if ((y[i] as number) < (y[low] as number)) low = i;
      if ((y[i] as number) > (y[high] as number)) high = i;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b);
}

/**
 * A number without what rounding left in its last digits: where a curve begins an ulp beyond a tick,
 * echarts puts the tick outside of the axis and then refuses it.
 */
const rounded = (value: number) => Number(value.toPrecision(12));

const finite = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : '-';

function bandSeries(
  name: string,
  x: ArrayLike<number>,
  { lower, upper }: Band,
  indices: readonly number[],
  colour: string,
  axes: { xAxisIndex: number; yAxisIndex: number },
): SeriesOption {
  // A polygon there and back: bands may cross zero, which stacked areas can't.
  const edge = indices.filter((i) => Number.isFinite(lower[i]) && Number.isFinite(upper[i]));
  const outline = [
    ...edge.map((i) => [rounded(x[i] as number), upper[i] as number]),
    ...[...edge].reverse().map((i) => [rounded(x[i] as number), lower[i] as number]),
  ];
  return {
    type: 'custom',
    name,
    ...axes,
    silent: true,
    itemStyle: { color: colour },
    z: 1,
    data: outline.length > 0 ? outline : [],
    encode: { x: 0, y: 1 },
    clip: true,
    renderItem: (params, api) => {
      if (params.dataIndex !== 0) return null;
      return {
        type: 'polygon',
        shape: { points: outline.map((point) => api.coord(point)) },
        style: { fill: colour, opacity: 0.18 },
      };
    },
  };
}

function toSeries(series: LineSeries, colour: string, panel: number): SeriesOption[] {
  const indices = thin(series.y);
  const axes = { xAxisIndex: panel, yAxisIndex: panel };
  // Names are unique within a panel only; the legend of each panel names its own.
  const name = `${panel}:${series.name}`;
  const line: SeriesOption = {
    type: series.points === true ? 'scatter' : 'line',
    name,
    ...axes,
    data: indices.map((i) => [rounded(series.x[i] as number), finite(series.y[i])]),
    symbolSize: 3,
    itemStyle: { color: colour },
    // Many points would hide the curve that runs through them.
    z: series.points === true ? 2 : 3,
    ...(series.points === true
      ? {}
      : {
          showSymbol: false,
          lineStyle: { color: colour, width: 1.5 },
          ...(series.step === true && { step: 'end' as const }),
        }),
  };
  const { lower, upper } = series;
  const bands = [
    ...(series.bands ?? []),
    ...(lower === undefined || upper === undefined ? [] : [{ lower, upper }]),
  ];
  return [line, ...bands.map((band) => bandSeries(name, series.x, band, indices, colour, axes))];
}

function limitSeries(panel: Panel, index: number): SeriesOption[] {
  if (panel.limits === undefined || panel.limits.length === 0) return [];
  return [
    {
      type: 'line',
      xAxisIndex: index,
      yAxisIndex: index,
      data: [],
      silent: true,
      markLine: {
        symbol: 'none',
        animation: false,
        lineStyle: { color: '#b00020', type: 'dashed', width: 1.2 },
        data: panel.limits.map(({ value, label }) => ({
          yAxis: value,
          label: { formatter: label, position: 'insideEndTop', color: '#b00020', fontSize: 11 },
        })),
      },
    },
  ];
}

/** A step of 1, 2 or 5 times a power of ten that divides a span into about five. */
function tickStep(span: number): number {
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const digit = rough / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/** Lowest value that a logarithmic axis shows. */
const LEAST_OF_LOG = 1e-3;

/** Ends of a panel's y axis that hold its curves, bands and limits, on whole ticks. */
function extent(panel: Panel): { min?: number; max?: number; interval?: number } {
  const given = {
    ...(panel.min === undefined ? {} : { min: panel.min }),
    ...(panel.max === undefined ? {} : { max: panel.max }),
  };
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const hold = (value: number | undefined) => {
    if (value === undefined || !Number.isFinite(value)) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (const { value } of panel.limits ?? []) hold(value);
  for (const value of panel.show ?? []) hold(value);
  for (const s of panel.show === undefined ? panel.series : []) {
    const curves = [s.y, s.lower, s.upper, ...(s.bands ?? []).flatMap((b) => [b.lower, b.upper])];
    for (const curve of curves) for (let i = 0; i < (curve?.length ?? 0); i++) hold(curve![i]);
  }
  if (low > high || (panel.min !== undefined && panel.max !== undefined)) return given;
  if (panel.logarithmic === true) {
    return {
      min: 10 ** Math.floor(Math.log10(Math.max(LEAST_OF_LOG, low))),
      max: 10 ** Math.ceil(Math.log10(Math.max(10 * LEAST_OF_LOG, high))),
      ...given,
    };
  }
  if (high === low) return given;
  const interval = tickStep(high - low);
  return {
    min: rounded(Math.floor(low / interval) * interval),
    max: rounded(Math.ceil(high / interval) * interval),
    interval,
    ...given,
  };
}

/**
 * Draws panels of curves with their bands and limits over one x axis.
 *
 * @returns an SVG document
 */
export function renderPanelChart(chart: PanelChart): Promise<string> {
  const { panels } = chart;
  const width = chart.width ?? 960;
  const height = chart.panelHeight ?? 260;
  const topOf = (i: number) => TOP + i * (height + GAP);
  const labelled = panels.some((p) => p.series.length > 1 || panels.length > 1);
  const right = labelled ? RIGHT : 28;
  const colourOf = (i: number) => COLOURS[i % COLOURS.length] as string;
  const times = panels.flatMap((p) => p.series.flatMap((s) => [s.x[0], s.x[s.x.length - 1]]));
  const ends = [Math.min(...times.map(Number)), Math.max(...times.map(Number))];
  const option: EChartsOption = {
    title: { text: chart.title, left: 'center', top: 8, textStyle: { fontSize: 15 } },
    legend: !labelled
      ? []
      : panels.map((panel, p) => ({
          type: 'plain' as const,
          orient: 'vertical' as const,
          left: width - RIGHT + 12,
          top: topOf(p) - 6,
          height: Math.max(height, LEGEND_ROW * panel.series.length),
          itemGap: 4,
          itemWidth: 18,
          itemHeight: 10,
          icon: 'roundRect',
          textStyle: { fontSize: 11 },
          formatter: (name: string) => name.slice(name.indexOf(':') + 1),
          data: panel.series.map((s) => `${p}:${s.name}`),
        })),
    grid: panels.map((_, p) => ({
      left: LEFT,
      right,
      top: topOf(p),
      height,
      // The panels' axes stay in line, however long their labels are.
      outerBoundsMode: 'none' as const,
    })),
    xAxis: panels.map((_, p) => ({
      type: 'value' as const,
      gridIndex: p,
      scale: true,
      min: 'dataMin' as const,
      max: 'dataMax' as const,
      axisLabel: {
        show: p === panels.length - 1,
        formatter: (value: number) => String(Number(value.toPrecision(4))),
        hideOverlap: true,
        showMinLabel: Number.isInteger(ends[0]),
        showMaxLabel: Number.isInteger(ends[1]),
      },
      splitLine: { lineStyle: { color: '#eee' } },
      ...(p === panels.length - 1 && {
        name: chart.xLabel,
        nameLocation: 'middle' as const,
        nameGap: 28,
      }),
    })),
    yAxis: panels.map((panel, p) => ({
      type: panel.logarithmic === true ? ('log' as const) : ('value' as const),
      gridIndex: p,
      name: panel.yLabel,
      nameLocation: 'middle' as const,
      nameGap: 62,
      scale: true,
      ...extent(panel),
      axisLabel: { formatter: (value: number) => String(Number(value.toPrecision(5))) },
      splitLine: { lineStyle: { color: '#eee' } },
    })),
    series: panels.flatMap((panel, p) => [
      ...panel.series.flatMap((s, i) => toSeries(s, colourOf(i), p)),
      ...limitSeries(panel, p),
    ]),
  };
  return renderChart(option, width, topOf(panels.length - 1) + height + BOTTOM);
}
