import { describe, expect, it } from 'vitest';
import { choose, digitsOf } from '../../../shared/twin/propose/choose-parameters.js';

describe('the parameters that a recording can tell', () => {
  const wave = (f: (k: number) => number) => Float64Array.from({ length: 50 }, (_, k) => f(k));
  const [sine, line] = [wave((k) => Math.sin(k / 5)), wave((k) => k / 50)];
  const candidate = (variable: string, start: number, slope: Float64Array | undefined) => ({
    variable,
    start,
    slope,
  });

  it('keeps what can be told apart, though it be hard', () => {
    const near = wave((k) => Math.sin(k / 5) + 0.002 * Math.cos(k));
    const choice = choose([candidate('a', 1, sine), candidate('b', 2, near)], []);
    expect(choice).toEqual({ keep: ['a', 'b'], left: [] });
  });

  it('holds of a ridge what is given to the most digits, of equals the last', () => {
    const twice = sine.map((v) => -2 * v);
    const known = choose([candidate('power', 18.67, sine), candidate('loss', 0.7, twice)], []);
    expect(known.keep).toEqual(['loss']);
    expect(known.left[0]).toMatchObject({ variable: 'power' });
    expect(known.left[0]?.because).toContain('cannot tell it from loss');
    const equal = choose([candidate('a', 0.5, sine), candidate('b', 0.7, twice)], []);
    expect(equal.keep).toEqual(['a']);
  });

  it('leaves out what does nothing, what fails, and what the start could do', () => {
    const choice = choose(
      [
        candidate(
          'idle',
          1,
          wave(() => 0),
        ),
        candidate('fragile', 1, undefined),
        candidate('offset', 1, line),
        candidate('a', 1, sine),
      ],
      [line.map((v) => 3 * v)],
    );
    expect(choice.keep).toEqual(['a']);
    expect(choice.left.map((l) => l.variable)).toEqual(['idle', 'fragile', 'offset']);
  });

  it('counts the digits that a start value was written with', () => {
    expect([18.6655, 250, 0.05, 1, 0].map(digitsOf)).toEqual([6, 2, 1, 1, 1]);
  });
});
