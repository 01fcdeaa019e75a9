import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LayoutComponent } from '../../../simulators/monitor/page/protocol.js';
import { tangentBetween } from '../../../simulators/monitor/page/web-path.js';

const component = (x: number, y: number, radiusM: number, over: boolean): LayoutComponent => ({
  id: 'r',
  kind: 'roller',
  x,
  y,
  radiusM,
  web: over ? 'over' : 'under',
});

it('touches both rollers, at right angles to their radii and on the sides that are asked for', () => {
  const size = fc.double({ min: 0.02, max: 0.14, noNaN: true });
  const height = fc.double({ min: -0.5, max: 0.5, noNaN: true });
  fc.assert(
    fc.property(size, size, height, fc.boolean(), fc.boolean(), (ra, rb, y, overA, overB) => {
      const a = component(0, 0, ra, overA);
      const b = component(0.5, y, rb, overB);
      const { from, to } = tangentBetween(a, b);
      const span = { x: to.x - from.x, y: to.y - from.y };
      for (const [c, p] of [
        [a, from],
        [b, to],
      ] as const) {
        const radius = { x: p.x - c.x, y: p.y + c.y };
        expect(Math.hypot(radius.x, radius.y)).toBeCloseTo(c.radiusM, 10);
        expect(radius.x * span.x + radius.y * span.y).toBeCloseTo(0, 10);
        // On screens y grows downwards: over is to the left of the web's way, with negative turn.
        const turn = span.x * radius.y - span.y * radius.x;
        expect(turn < 0).toBe(c.web === 'over');
      }
    }),
  );
});
