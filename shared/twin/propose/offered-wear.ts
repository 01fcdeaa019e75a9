import { secondsText } from '../../core/index.js';
import type { OfferedWear } from '../fit/index.js';
import type { Proposal } from './proposal.js';

/** From what to what a constant would have worn. */
export const courseText = ({ from, to }: OfferedWear): string =>
  `from ${from.toPrecision(3)} to ${to.toPrecision(3)} along the record`;

/** What is said of constants that look as if they had worn, and of those that are taken to wear for it. */
export function wearLines(
  offers: readonly OfferedWear[],
  taken: readonly OfferedWear[],
  file: string,
): string[] {
  return offers.map((offer) =>
    taken.includes(offer)
      ? `${offer.variable} looks as if it had worn ${courseText(offer)}: it is taken to wear, through its whole range in ${secondsText(offer.wearHorizonS)}, as ${file} says now, and fitted again`
      : `${offer.variable} may have worn ${courseText(offer)}, which is a guess to be decided: in ${file}, \`wearHorizonS: ${offer.wearHorizonS}\` in place of its \`dynamics: constant\` has it followed`,
  );
}

/** A proposal in which some constants wear, and that names the guess of others. */
export function withOfferedWear(
  proposal: Proposal,
  offers: readonly OfferedWear[],
  taken: readonly OfferedWear[],
): Proposal {
  const parameters = proposal.parameters.map(({ item, comment }) => {
    const offer = offers.find((o) => o.variable === item.variable);
    if (offer === undefined) return { item, comment };
    const { wearHorizonS } = offer;
    if (!taken.includes(offer)) {
      const others = offers.filter((o) => o !== offer).map((o) => o.variable);
      const or = others.length === 0 ? '' : `, or ${others.join(', ')}`;
      return {
        item,
        comment: `${comment}; a guess to be decided: it${or} may have worn, this one ${courseText(offer)}: where that is so, replace \`dynamics: constant\` by \`wearHorizonS: ${wearHorizonS}\``,
      };
    }
    const { dynamics: _, ...wearing } = item;
    return {
      item: { ...wearing, wearHorizonS },
      comment: `${comment}; a guess: taken to wear, as it looks as if it had ${courseText(offer)}: the horizon is at that speed, put in what you know`,
    };
  });
  return { ...proposal, parameters };
}
