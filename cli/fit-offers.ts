import { TwinError } from '../shared/core/index.js';
import type { Interpolation } from '../shared/fmi/index.js';
import type { OfferedWear } from '../shared/twin/fit/index.js';
import type { Twin } from '../shared/twin/types.js';

/** What `new` does about a first fit's offers: it may change the definition, which is then fitted again. */
export interface OnOffers {
  /** Constants that look as if they had worn. @returns those that wear in the definition now */
  wear(offers: readonly OfferedWear[]): Promise<readonly OfferedWear[]>;
  /** Inputs that look as if they ran otherwise between their readings. @returns whether the definition changed */
  interpolations(offers: Readonly<Record<string, Interpolation>>): Promise<boolean>;
}

/** Constants that `--wear` lets wear, with the seconds in which each may wear through its range. */
export function wearOf(texts: unknown, twin: Twin): Record<string, number> {
  const { parameters, simulation } = twin.definition;
  const given = Array.isArray(texts) ? (texts as string[]) : [];
  if (given.length > 0 && simulation.mode === 'steady-state') {
    throw new TwinError(
      'USAGE',
      '--wear is for machines that move: of one at rest, `twinloop calibrate` follows what wears.',
    );
  }
  return Object.fromEntries(
    given.map((text) => {
      const at = text.lastIndexOf('=');
      const [name, seconds] = [text.slice(0, at).trim(), Number(text.slice(at + 1))];
      if (at < 1 || !(seconds > 0) || !Number.isFinite(seconds)) {
        throw new TwinError(
          'USAGE',
          `--wear is "${text}": expected NAME=SECONDS, the time in which it may wear through its range.`,
        );
      }
      if (!parameters.some((p) => p.variable === name)) {
        throw new TwinError(
          'VARIABLE_UNKNOWN',
          `--wear names "${name}": expected a parameter of the definition, ${parameters.map((p) => p.variable).join(', ')}.`,
        );
      }
      return [name, seconds];
    }),
  );
}
