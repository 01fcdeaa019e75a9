import { type Panel, renderPanelChart } from '../../plot/index.js';
import { limitsOf } from '../report/limits.js';
import { timeUnitOf } from '../report/time-axis.js';
import type { Twin } from '../types.js';
import type { ForecastSeries } from './fan.js';
import type { Forecast } from './forecast.js';

/** Fans that one picture shows without being asked. */
const MOST = 4;
const lastOf = (values: readonly number[] | undefined) => values?.at(-1) ?? 0;

/**
 * Fan charts with their limits, and the probability over time of having passed them.
 *
 * @param names what to show; default: what is most likely to pass its limit
 * @returns an SVG document
 */
export function forecastPlot(
  twin: Twin,
  result: Forecast,
  names: readonly string[] = [],
): Promise<string> {
  const all: Record<string, ForecastSeries> = { ...result.parameters, ...result.virtualSensors };
  const items = [...twin.definition.parameters, ...twin.definition.virtualSensors];
  const limited = Object.keys(all).filter((name) => all[name]!.passedLimit !== undefined);
  const likely = limited.sort((a, b) => lastOf(all[b]!.passedLimit) - lastOf(all[a]!.passedLimit));
  const fallback = likely.length > 0 ? likely : Object.keys(all);
  const shown = names.length > 0 ? names : fallback.slice(0, MOST);
  const [unitS, unit] = timeUnitOf(lastOf(result.aheadS));
  const x = result.aheadS.map((s) => s / unitS);
  const fans = shown.map((name): Panel => {
    const { estimates } = all[name]!;
    const item = items.find((i) => i.variable === name);
    const band = (
      lower: 'lower50' | 'lower80' | 'lower95',
      upper: 'upper50' | 'upper80' | 'upper95',
    ) => ({
      lower: estimates.map((e) => e[lower]),
      upper: estimates.map((e) => e[upper]),
    });
    return {
      yLabel: item?.unit === undefined || item.unit === '' ? name : `${name} (${item.unit})`,
      series: [
        {
          name: 'median; 50, 80, 95 %',
          x,
          y: estimates.map((e) => e.median),
          bands: [
            band('lower95', 'upper95'),
            band('lower80', 'upper80'),
            band('lower50', 'upper50'),
          ],
        },
      ],
      limits: item === undefined ? [] : limitsOf([item]),
    };
  });
  const passing = shown.filter((name) => all[name]!.passedLimit !== undefined);
  const probability: Panel[] =
    passing.length === 0
      ? []
      : [
          {
            yLabel: 'probability passed',
            series: passing.map((name) => ({ name, x, y: all[name]!.passedLimit! })),
            min: 0,
            max: 1,
          },
        ];
  return renderPanelChart({
    title: `${result.twin}: forecast, and when limits are passed`,
    xLabel: `${unit} ahead`,
    panels: [...fans, ...probability],
    panelHeight: 210,
  });
}
