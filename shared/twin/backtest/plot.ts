import { type Panel, renderPanelChart } from '../../plot/index.js';
import type { BacktestOutput } from './types.js';

/**
 * Coverage by horizon, and the histograms of the probability integral transform.
 *
 * @returns an SVG document; `undefined` where nothing was tested
 */
export async function backtestPlot(output: BacktestOutput): Promise<string | undefined> {
  const channels = [...new Set(output.horizons.map((h) => h.channel))];
  if (channels.length === 0) return undefined;
  const tenths = Array.from({ length: 10 }, (_, i) => i + 0.5);
  const panels = channels.map((channel): Panel => {
    const pits = Object.entries(output.pit[channel] ?? {});
    return {
      yLabel: `${channel}: share per tenth`,
      series: pits.map(([samples, { counts }]) => {
        const n = counts.reduce((sum, c) => sum + c, 0);
        return {
          name: samples === 'free-run' ? 'free run' : `${samples} ahead`,
          x: tenths,
          y: counts.map((c) => c / n),
        };
      }),
      limits: [{ value: 0.1, label: 'right' }],
      min: 0,
    };
  });
  return renderPanelChart({
    title: `${output.twin}: where the data fell in the predictions' distributions`,
    xLabel: 'tenth of the predicted distribution',
    panels,
  });
}
