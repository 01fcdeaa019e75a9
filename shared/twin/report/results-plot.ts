import { chiSquareQuantile } from '../../kalman/index.js';
import { type Limit, type Panel, renderPanelChart } from '../../plot/index.js';
import type { Estimate, StepResult, Twin } from '../types.js';
import type { DrawnSteps } from './drawn-steps.js';
import { type Limited, limitsOf } from './limits.js';
import { timeUnitOf } from './time-axis.js';

/** Curves that one panel can tell apart. */
const MOST_CURVES = 9;
/** Curves further apart in size than this are not drawn on one axis: the smaller would be a line at zero. */
const MOST_RATIO = 10;
/** Share of the samples at either end whose bands may lie beyond an axis. */
const REST = 0.1;
const WHAT = { parameters: 'parameters', virtualSensors: 'virtual sensors' } as const;

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

interface Quantity {
  item: Item;
  estimates: readonly Estimate[];
}

/** Quantities whose curves one axis can show: of one unit, each at least a tenth as large as the largest. */
function byUnitAndSize(quantities: readonly Quantity[]): Quantity[][] {
  const sized = quantities.map((q) => ({
    q,
    size: Math.max(...q.estimates.map((e) => Math.abs(e.mean))),
  }));
  const groups: (typeof sized)[] = [];
  for (const one of sized) {
    const fitting = groups.find((group) => {
      const sizes = [...group, one].map((g) => g.size);
      return (
        group[0]!.q.item.unit === one.q.item.unit &&
        Math.max(...sizes) <= MOST_RATIO * Math.min(...sizes)
      );
    });
    if (fitting === undefined) groups.push([one]);
    else fitting.push(one);
  }
  return groups.map((group) => group.map(({ q }) => q));
}

/**
 * Ends of an axis that show the curves: all means and limits, and the bands as they are at most of the
 * samples and at the last, so that a prior's band of the first samples does not make a line of all others.
 */
function shownExtent(quantities: readonly Quantity[], limits: readonly Limit[]) {
  const held = limits.map((l) => l.value);
  for (const { estimates } of quantities) {
    const lower = estimates.map((e) => e.lower95).toSorted((a, b) => a - b);
    const upper = estimates.map((e) => e.upper95).toSorted((a, b) => a - b);
    const rest = Math.floor(REST * (estimates.length - 1));
    const last = estimates.at(-1)!;
    held.push(lower[rest]!, upper[estimates.length - 1 - rest]!, last.lower95, last.upper95);
    for (const { mean } of estimates) held.push(mean);
  }
  return { show: [Math.min(...held), Math.max(...held)] as const };
}

/** Panels of quantities, one per unit and size; of many the ones with limits and the ones that moved most. */
export function quantityPanels(
  steps: readonly StepResult[],
  x: readonly number[],
  kind: 'parameters' | 'virtualSensors',
  items: readonly Item[],
): Panel[] {
  if (steps.length === 0) return [];
  const quantities = items.map((item) => ({
    item,
    estimates: steps.map((s) => s[kind][item.variable]!),
  }));
  const weight = (q: Quantity) => (q.item.alarm === undefined ? 0 : 1e12) + movement(q.estimates);
  return byUnitAndSize(quantities).map((group) => {
    const shown =
      group.length <= MOST_CURVES
        ? group
        : group.toSorted((a, b) => weight(b) - weight(a)).slice(0, MOST_CURVES);
    const { unit } = group[0]!.item;
    const limits = limitsOf(shown.map((q) => q.item));
    const what = shown.length === 1 ? shown[0]!.item.variable : WHAT[kind];
    return {
      yLabel: unit === '' ? what : `${what} (${unit})`,
      series: shown.map(({ item, estimates }) => ({
        name: item.variable,
        x,
        y: estimates.map((e) => e.mean),
        lower: estimates.map((e) => e.lower95),
        upper: estimates.map((e) => e.upper95),
      })),
      limits,
      ...shownExtent(shown, limits),
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
