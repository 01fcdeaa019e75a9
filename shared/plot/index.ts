/** Plots to SVG files, drawn by echarts on the server side; loaded only when something is drawn. */
export { type LineChart, type LineSeries, renderLineChart } from './line-chart.js';
