import { COLOURS, renderChart } from './echarts.js';

/** One bar. */
export interface Bar {
  name: string;
  value: number;
  /** Index of its group; decides its colour. */
  group: number;
}

/** Horizontal bars, the first on top. */
export interface BarChart {
  title: string;
  valueLabel: string;
  /** Names of the groups, for the legend. */
  groups: readonly string[];
  bars: readonly Bar[];
  /** Pixels; default 960. */
  width?: number;
}

const BAR_PX = 22;

/**
 * Draws bars with their names.
 *
 * @returns an SVG document
 */
export function renderBarChart(chart: BarChart): Promise<string> {
  const digits = Math.max(...chart.bars.map((b) => Math.abs(b.value))) < 0.01 ? 5 : 2;
  return renderChart(
    {
      title: { text: chart.title, left: 'center', top: 8, textStyle: { fontSize: 15 } },
      legend: { top: 36, data: [...chart.groups] },
      grid: { left: 24, right: 64, top: 68, bottom: 44, containLabel: true },
      xAxis: {
        type: 'value',
        name: chart.valueLabel,
        nameLocation: 'middle',
        nameGap: 28,
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: chart.bars.map((b) => b.name),
        axisTick: { show: false },
        axisLabel: { interval: 0 },
      },
      series: chart.groups.map((name, group) => ({
        type: 'bar',
        name,
        stack: 'all',
        itemStyle: { color: COLOURS[group % COLOURS.length] as string },
        label: {
          show: true,
          position: 'right',
          formatter: ({ value }) => (value === '-' ? '' : Number(value).toFixed(digits)),
        },
        data: chart.bars.map((b) => (b.group === group ? b.value : '-')),
      })),
    },
    chart.width ?? 960,
    112 + BAR_PX * chart.bars.length,
  );
}
