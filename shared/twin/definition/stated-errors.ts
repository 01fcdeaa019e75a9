import type { TwinDefinition } from '../../config/index.js';

/** An error that lasts along a record, and that the definition says may be there. */
export interface StatedError {
  of: 'sensors' | 'inputs';
  /** Place among the definition's measured variables, or its inputs. */
  index: number;
  kind: 'zero' | 'drift' | 'scale';
  /** Its standard deviation: of a scale a share, otherwise in the signal's unit, of a drift from first sample to last. */
  std: number;
}

/** All that a definition states, errors of size 0 left out. */
export function statedErrors({
  measured,
  inputs,
}: Pick<TwinDefinition, 'measured' | 'inputs'>): StatedError[] {
  const all: StatedError[] = [
    ...measured.flatMap(({ offsetStd = 0, scaleStd = 0 }, index) =>
      (
        [
          ['zero', offsetStd],
          ['drift', offsetStd],
          ['scale', scaleStd],
        ] as const
      ).map(([kind, std]) => ({ of: 'sensors' as const, index, kind, std })),
    ),
    ...inputs.flatMap(({ offsetStd = 0, scaleStd = 0 }, index) =>
      (
        [
          ['zero', offsetStd],
          ['scale', scaleStd],
        ] as const
      ).map(([kind, std]) => ({ of: 'inputs' as const, index, kind, std })),
    ),
  ];
  return all.filter(({ std }) => std > 0);
}
