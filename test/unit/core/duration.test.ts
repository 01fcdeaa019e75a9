import { expect, it } from 'vitest';
import { durationText, secondsText } from '../../../shared/core/index.js';

it('says times in the unit that suits them, with the seconds beside where these are asked for', () => {
  for (const [s, said, counted] of [
    [0.02, '0.02 s', '0.02 s'],
    [119, '119 s', '119 s'],
    [2057, '34.3 min', '34.3 min (2057 s)'],
    [86_400, '24.0 h', '24.0 h (86400 s)'],
    [920_000_000, '29.2 years', '29.2 years (9.20e8 s)'],
    [229_837_627, '7.3 years', '7.3 years (2.30e8 s)'],
  ] as const) {
    expect(durationText(s)).toBe(said);
    expect(secondsText(s)).toBe(counted);
  }
});
