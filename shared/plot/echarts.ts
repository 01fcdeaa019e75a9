import type { EChartsOption } from 'echarts';

/**
 * Colours that stay apart for the colour-blind (Okabe and Ito, 2008, then three of Tol's, 2021):
 * neighbours in a legend differ.
 */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#000000',
  '#882255',
  '#999933',
  '#777777',
] as const;

/** A chart as an SVG document; echarts is loaded when the first is drawn. */
export async function renderChart(
  option: EChartsOption,
  width: number,
  height: number,
): Promise<string> {
  const echarts = await import('echarts');
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    instance.setOption({ animation: false, backgroundColor: '#ffffff', ...option });
    return instance.renderToSVGString();
  } finally {
    instance.dispose();
  }
}
