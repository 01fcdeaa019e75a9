import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import type { Tqv } from '../../../shared/core/index.js';
import { alignStreams } from '../../../shared/twin/data/align.js';
import { agedChannels, agedText } from '../../../shared/twin/readings/aged-channels.js';

const definitionOf = (mode: 'transient' | 'steady-state') =>
  twinSchema.parse({
    name: 'tags',
    fmu: './none.fmu',
    inputs: [{ variable: 'u', alias: '/t/u' }],
    measured: ['a', 'b'].map((variable) => ({ variable, alias: `/t/${variable}` })),
    parameters: [{ variable: 'p', alias: '/t/p', prior: { mean: 1, std: 1 } }],
    simulation: { mode },
  });

/** Readings each 120 s, those of b so much before those of a. */
function samplesOf(earlyS: number, rows = 40, mode: 'transient' | 'steady-state' = 'transient') {
  const definition = definitionOf(mode);
  const tag = (lagS: number): Tqv[] =>
    Array.from({ length: rows }, (_, k) => ({
      timeNs: BigInt(1000 + 120 * k - lagS) * 1_000_000_000n,
      quality: 'GOOD',
      value: k,
    }));
  const streams = new Map([
    ['/t/u', tag(0)],
    ['/t/a', tag(0)],
    ['/t/b', tag(earlyS)],
  ]);
  const { samples } = alignStreams({ definition, streams, untilNs: 10n ** 15n });
  return { definition, samples };
}

describe('readings that count at later times than their own', () => {
  it('are named with the time, of a machine that moves', () => {
    const { definition, samples } = samplesOf(26);
    expect(samples).toHaveLength(40);
    const found = agedChannels(definition, samples);
    expect(found).toEqual([{ variable: 'b', ageS: 26, intervalS: 120 }]);
    expect(agedText(found[0]!)).toMatch(
      /readings of b .* 26 s after their own.* 2(\.0)? min apart/,
    );
  });

  it.each([
    ['at rest', samplesOf(26, 40, 'steady-state')],
    ['of one scan', samplesOf(5)],
    ['of a few samples', samplesOf(26, 10)],
  ])('are not named %s', (_, { definition, samples }) => {
    expect(agedChannels(definition, samples)).toEqual([]);
  });
});
