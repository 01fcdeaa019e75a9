import { chiSquareQuantile } from '../../kalman/index.js';
import { type Panel, renderPanelChart } from '../../plot/index.js';
import type { Estimate, StepResult, Twin } from '../types.js';
import type { DrawnSteps } from './drawn-steps.js';
import { type Limited, limitsOf } from './limits.js';
import { timeUnitOf } from './time-axis.js';

/** Curves that one panel can tell apart. */
const MOST_CURVES = 9;

interface Item extends Limited {
  variable: string;
  unit: string;
}

/** How far a quantity moved, against how well it is known. */
function movement(estimates: readonly Estimate[]): number {
  const means = estimates.map((e) => e.mean);
  const std = estimates.reduce((sum, e) => sum + e.std, 0) / estimates.length;
  return (Math.max(...means) - Math.min(...means)) / (std || 1);
}

/** Panels of quantities, one per unit; of many the ones with limits and the ones that moved most. */
function quantityPanels(
  steps: readonly StepResult[],
  x: readonly number[],
  kind: 'parameters' | 'virtualSensors',
  items: readonly Item[],
): Panel[] {
  const units = [...new Set(items.map((i) => i.unit))];
  return units.map((unit) => {
    const ofUnit = items
      .filter((i) => i.unit === unit)
      .map((item) => ({ item, estimates: steps.map((s) => s[kind][item.variable]!) }));
    const weight = (q: (typeof ofUnit)[number]) =>
      (q.item.alarm === undefined ? 0 : 1e12) + movement(q.estimates);
    const shown =
      ofUnit.length <= MOST_CURVES
        ? ofUnit
        : ofUnit.toSorted((a, b) => weight(b) - weight(a)).slice(0, MOST_CURVES);
    const what = kind === 'parameters' ? 'parameters' : 'virtual sensors';
    return {
      yLabel: unit === '' ? what : `${what} (${unit})`,
      series: shown.map(({ item, estimates }) => ({
        name: item.variable,
        x,
        y: estimates.map((e) => e.mean),
        lower: estimates.map((e) => e.lower95),
        upper: estimates.map((e) => e.upper95),
      })),
      limits: limitsOf(shown.map((q) => q.item)),
    };
  });
}

/** The NIS per channel, with what a consistent filter gives 95 of 100 times. */
function nisPanel(steps: readonly StepResult[], x: readonly number[]): Panel {
  const channels = Math.max(1, ...steps.map((s) => s.channels));
  const quantile = (share: number) => chiSquareQuantile(share, channels) / channels;
  return {
    yLabel: 'NIS per channel',
    series: [
      {
        name: 'NIS per channel',
        x,
        y: steps.map((s) => (s.channels > 0 && s.nis > 0 ? s.nis / s.channels : Number.NaN)),
        points: true,
      },
    ],
    limits: [
      { value: quantile(0.025), label: '2.5 %' },
      { value: quantile(0.975), label: '97.5 %' },
    ],
    logarithmic: true,
  };
}

/**
 * Parameters and virtual sensors over time with their 95 % bands and limits, and the NIS.
 *
 * @returns an SVG document
 */
export function resultsPlot(twin: Twin, { steps, note }: DrawnSteps): Promise<string> {
  const { parameters, virtualSensors } = twin.definition;
  const spanS = (steps.at(-1)?.timeS ?? 0) - (steps[0]?.timeS ?? 0);
  const [unitS, unit] = timeUnitOf(spanS);
  // Times of day since 1970 say nothing on an axis: then the first sample is its origin.
  const origin = (steps[0]?.timeS ?? 0) > 1e8 ? steps[0]!.timeS : 0;
  const x = steps.map((s) => (s.timeS - origin) / unitS);
  return renderPanelChart({
    title: `${twin.definition.name}: calibration with 95 % bands${note}`,
    xLabel: unit,
    panels: [
      ...quantityPanels(steps, x, 'parameters', parameters),
      ...quantityPanels(steps, x, 'virtualSensors', virtualSensors),
      nisPanel(steps, x),
    ],
    panelHeight: 220,
  });
}
