import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tangentBetween, type Wheel, wrapAngle, wrapPoints } from '../../../shared/scene/index.js';

const wheel = (x: number, y: number, radiusM: number, over: boolean): Wheel => ({
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
      const a = wheel(0, 0, ra, overA);
      const b = wheel(0.5, y, rb, overB);
      const { from, to } = tangentBetween(a, b);
      const span = { x: to.x - from.x, y: to.y - from.y };
      for (const [c, p] of [
        [a, from],
        [b, to],
      ] as const) {
        const radius = { x: p.x - c.x, y: p.y - c.y };
        expect(Math.hypot(radius.x, radius.y)).toBeCloseTo(c.radiusM, 10);
        expect(radius.x * span.x + radius.y * span.y).toBeCloseTo(0, 10);
        // Over is to the left of the web's way.
        const turn = span.x * radius.y - span.y * radius.x;
        expect(turn > 0).toBe(c.web === 'over');
      }
    }),
  );
});

it('wraps a roller from where the web arrives to where it leaves, in the sense of its run', () => {
  const over = wheel(0, 0, 1, true);
  const [left, top, right] = [
    { x: -1, y: 0 },
    { x: 0, y: 1 },
    { x: 1, y: 0 },
  ];
  expect(wrapAngle(over, left, right)).toBeCloseTo(Math.PI);
  expect(wrapPoints(over, left, right, 2)[1]).toEqual({
    x: expect.closeTo(top.x),
    y: expect.closeTo(top.y),
  });
  expect(wrapPoints({ ...over, web: 'under' }, left, right, 2)[1]?.y).toBeCloseTo(-1);
  expect(wrapPoints(over, left, right, 2, 2).at(-1)).toEqual({
    x: expect.closeTo(2),
    y: expect.closeTo(0),
  });
});
