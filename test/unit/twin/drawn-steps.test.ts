import { describe, expect, it } from 'vitest';
import type { StepResult } from '../../../shared/twin/index.js';
import { DrawnSteps } from '../../../shared/twin/report/drawn-steps.js';

function drawn(count: number): DrawnSteps {
  const steps = new DrawnSteps();
  for (let k = 0; k < count; k++) {
    steps.take({ timeS: k } as StepResult);
    steps.take({ timeS: k + 0.5, skipped: 'no-usable-channel' } as StepResult);
  }
  return steps;
}

describe('steps for pictures', () => {
  it('are all that were assimilated, of a run that is not long', () => {
    const { steps, note } = drawn(7000);
    expect(steps.map((s) => s.timeS)).toEqual(Array.from({ length: 7000 }, (_, k) => k));
    expect(note).toBe('');
  });

  it.each([
    [8000, 2],
    [50_000, 8],
  ])('of %i are one of %i, which is said', (count, every) => {
    const { steps, note } = drawn(count);
    expect(steps.map((s) => s.timeS)).toEqual(
      Array.from({ length: Math.ceil(count / every) }, (_, k) => k * every),
    );
    expect(note).toBe(`, one sample of ${every}`);
  });
});
