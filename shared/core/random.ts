import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Reproducible random numbers; passed in, never global. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

const WARM_UP_DRAWS = 32;

/** Murmur3's finaliser: neighbouring seeds give unrelated states. */
function scramble(seed: number): number {
  let h = seed | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * A seeded generator: xoroshiro128+ for bits, Marsaglia's polar method for normals.
 *
 * @param seed any 32-bit integer
 */
export function createRng(seed: number): Rng {
  const generator = xoroshiro128plus(scramble(seed));
  // The first draws still show how the seed was put in.
  for (let i = 0; i < WARM_UP_DRAWS; i++) generator.next();
  let spare: number | undefined;
  const uniform = () => uniformFloat64(generator);
  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * factor;
        return u * factor;
      }
    }
  };
  return { uniform, normal };
}
