import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionPoint } from '../../../shared/core/index.js';

describe('partitionPoint', () => {
  it('finds what counting from the beginning finds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 })),
        fc.integer({ min: -10, max: 10 }),
        (values, limit) => {
          const sorted = values.toSorted((a, b) => a - b);
          const counted = sorted.filter((v) => v <= limit).length;
          expect(partitionPoint(sorted.length, (k) => sorted[k]! <= limit)).toBe(counted);
        },
      ),
    );
  });

  it('asks a logarithm of the length at most', () => {
    let asked = 0;
    partitionPoint(1 << 20, (k) => {
      asked++;
      return k < 777_777;
    });
    expect(asked).toBeLessThanOrEqual(21);
  });
});
