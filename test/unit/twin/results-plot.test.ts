import { describe, expect, it } from 'vitest';
import type { StepResult } from '../../../shared/twin/index.js';
import { quantityPanels } from '../../../shared/twin/report/results-plot.js';

const SAMPLES = 100;
const x = Array.from({ length: SAMPLES }, (_, k) => k);

/** Quantities that stand still, their bands ten times as wide before a fit after a few samples. */
const stepsOf = (means: Record<string, number>): StepResult[] =>
  x.map(
    (k) =>
      ({
        parameters: Object.fromEntries(
          Object.entries(means).map(([name, mean]) => {
            const half = (k < 5 ? 1 : 0.1) * Math.abs(mean);
            return [name, { mean, std: half / 2, lower95: mean - half, upper95: mean + half }];
          }),
        ),
      }) as unknown as StepResult,
  );

const panelsOf = (means: Record<string, number>, units: Record<string, string> = {}) =>
  quantityPanels(
    stepsOf(means),
    x,
    'parameters',
    Object.keys(means).map((variable) => ({ variable, unit: units[variable] ?? '' })),
  );
const curves = (panels: ReturnType<typeof panelsOf>) =>
  panels.map((p) => p.series.map((s) => s.name));

describe('panels of quantities over time', () => {
  it('keep apart what one axis cannot show, and say which each is', () => {
    const panels = panelsOf({ ka: 11.5, kn: 17.6, mass: 12_000 });
    expect(curves(panels)).toEqual([['ka', 'kn'], ['mass']]);
    expect(panels.map((p) => p.yLabel)).toEqual(['parameters', 'mass']);
  });

  it('hold each curve together with all others of its size, in whatever order they come', () => {
    expect(curves(panelsOf({ a: 1, b: 12, c: 4 }))).toEqual([['a', 'c'], ['b']]);
    expect(curves(panelsOf({ a: -5, b: 5 }))).toEqual([['a', 'b']]);
  });

  it('keep units apart', () => {
    const panels = panelsOf({ a: 5, b: 6 }, { a: 'm', b: 's' });
    expect(panels.map((p) => p.yLabel)).toEqual(['a (m)', 'b (s)']);
  });

  it('show the bands that stand, not those of the first samples alone', () => {
    const [panel] = panelsOf({ a: 10 });
    expect(panel!.show).toEqual([9, 11]);
    expect(Math.max(...(panel!.series[0]!.upper as number[]))).toBe(20);
  });

  it('show a limit that no curve has reached', () => {
    const [panel] = quantityPanels(stepsOf({ a: 10 }), x, 'parameters', [
      { variable: 'a', unit: '', alarm: { above: 30 } },
    ]);
    expect(panel!.show![1]).toBe(30);
  });

  it('are none of a run without a sample', () => {
    expect(quantityPanels([], [], 'parameters', [{ variable: 'a', unit: '' }])).toEqual([]);
  });
});
