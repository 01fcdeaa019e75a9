/** Plots to SVG files, drawn by echarts on the server side; loaded only when something is drawn. */
export { type Bar, type BarChart, renderBarChart } from './bar-chart.js';
export { type LineChart, renderLineChart } from './line-chart.js';
export {
  type Band,
  type Limit,
  type LineSeries,
  type Panel,
  type PanelChart,
  renderPanelChart,
} from './panel-chart.js';
