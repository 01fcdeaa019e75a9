import { type LineSeries, type Panel, renderPanelChart } from './panel-chart.js';

/** Curves on one pair of axes. */
export interface LineChart extends Panel {
  title: string;
  xLabel: string;
  series: readonly LineSeries[];
}

/**
 * Draws curves and their bands.
 *
 * @returns an SVG document
 */
export function renderLineChart({ title, xLabel, ...panel }: LineChart): Promise<string> {
  return renderPanelChart({ title, xLabel, panels: [panel], panelHeight: 400 });
}
