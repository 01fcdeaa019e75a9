import type { TwinDefinition } from '../../config/index.js';
import type { Estimate } from '../types.js';

/**
 * What is to be said of parameters whose bands end at a bound: their values are means of what lies within, which
 * may be far from the most probable; of a prior that nothing was learnt of, too.
 */
export function boundLines(
  { parameters, simulation }: Pick<TwinDefinition, 'parameters' | 'simulation'>,
  estimates: Readonly<Record<string, Estimate>>,
): string[] {
  const moves = simulation.mode !== 'steady-state';
  const cut = parameters.flatMap(({ variable, lower, upper, prior }) => {
    const e = estimates[variable];
    if (e === undefined || !(e.std > 0)) return [];
    // Fits of moving machines take these as logarithms: their bands end elsewhere, their values are no means.
    if (moves && lower !== undefined && lower > 0 && prior.mean > 0) return [];
    const at = e.lower95 === lower ? lower : e.upper95 === upper ? upper : undefined;
    return at === undefined ? [] : [`${variable} (${at})`];
  });
  if (cut.length === 0) return [];
  const [bands, values] =
    cut.length === 1
      ? ['the band ends', 'its value is the mean']
      : ['bands end', 'values are means'];
  return [
    `Of ${cut.join(', ')} ${bands} at a bound: ${values} of what lies within, which need not be the most probable.`,
  ];
}
