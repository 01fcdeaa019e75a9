import { expect, it } from 'vitest';
import { renderLineChart } from '../../../shared/plot/index.js';

it.each([
  // 180 samples of 0.1 ms are 0.018000000000000002 s: an ulp beyond a tick.
  ['an ulp above a tick', [0.018000000000000002, 0.0181, 0.0239]],
  ['an ulp below a tick', [0.1, 0.2, 0.29999999999999993]],
])('a curve that begins or ends %s is drawn', async (_what, x) => {
  const chart = { title: 't', xLabel: 's', yLabel: 'y' };
  const y = [1, 2, 3];
  const svg = await renderLineChart({
    ...chart,
    series: [{ name: 'a', x, y, lower: y, upper: y }],
  });
  expect(svg).toMatch(/^<svg/);
});
