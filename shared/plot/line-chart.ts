import type { EChartsOption, SeriesOption } from 'echarts';

/** One curve, with a band around it where bounds are given; all arrays of one length. */
export interface LineSeries {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Lower edge of the band. */
  lower?: ArrayLike<number>;
  /** Upper edge of the band. */
  upper?: ArrayLike<number>;
  /** Points without a line, as for measurements. */
  points?: boolean;
  /** Steps instead of a slope, as for discrete variables. */
  step?: boolean;
}

export interface LineChart {
  title: string;
  xLabel: string;
  yLabel: string;
  series: readonly LineSeries[];
  /** Pixels; default 960 × 480. */
  width?: number;
  height?: number;
}

/** Colours that stay apart for the colour-blind (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

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

const finite = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : '-';

function toSeries(series: LineSeries, colour: string): SeriesOption[] {
  const indices = thin(series.y);
  const line: SeriesOption = {
    type: series.points === true ? 'scatter' : 'line',
    name: series.name,
    data: indices.map((i) => [series.x[i] as number, finite(series.y[i])]),
    symbolSize: 3,
    itemStyle: { color: colour },
    z: 3,
    ...(series.points === true
      ? {}
      : {
          showSymbol: false,
          lineStyle: { color: colour, width: 1.5 },
          ...(series.step === true && { step: 'end' as const }),
        }),
  };
  const { lower, upper } = series;
  if (lower === undefined || upper === undefined) return [line];
  // A polygon there and back: bands may cross zero, which stacked areas can't.
  const edge = indices.filter((i) => Number.isFinite(lower[i]) && Number.isFinite(upper[i]));
  const outline = [
    ...edge.map((i) => [series.x[i] as number, upper[i] as number]),
    ...[...edge].reverse().map((i) => [series.x[i] as number, lower[i] as number]),
  ];
  const band: SeriesOption = {
    type: 'custom',
    name: series.name,
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
  return [line, band];
}

/**
 * Draws curves and their bands.
 *
 * @returns an SVG document
 */
export async function renderLineChart(chart: LineChart): Promise<string> {
  const echarts = await import('echarts');
  const instance = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: chart.width ?? 960,
    height: chart.height ?? 480,
  });
  try {
    const option: EChartsOption = {
      animation: false,
      backgroundColor: '#ffffff',
      title: { text: chart.title, left: 'center', textStyle: { fontSize: 15 } },
      legend: {
        type: 'scroll',
        bottom: 4,
        data: chart.series.map((s) => s.name),
      },
      grid: { left: 84, right: 24, top: 44, bottom: 84 },
      xAxis: {
        type: 'value',
        name: chart.xLabel,
        nameLocation: 'middle',
        nameGap: 28,
        scale: true,
      },
      yAxis: {
        type: 'value',
        name: chart.yLabel,
        nameLocation: 'middle',
        nameGap: 64,
        scale: true,
      },
      series: chart.series.flatMap((s, i) => toSeries(s, COLOURS[i % COLOURS.length] as string)),
    };
    instance.setOption(option);
    return instance.renderToSVGString();
  } finally {
    instance.dispose();
  }
}
