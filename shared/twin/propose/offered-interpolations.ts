import type { Interpolation } from '../../fmi/index.js';
import type { Proposal } from './proposal.js';

const HOW = { hold: 'held between its readings', linear: 'straight between its readings' } as const;

/** What is said of inputs that look as if they ran otherwise between their readings than the file has them. */
export const interpolationLines = (
  offers: Readonly<Record<string, Interpolation>>,
  taken: boolean,
  file: string,
): string[] =>
  Object.entries(offers).map(([variable, how]) =>
    taken
      ? `${variable} looks as if it were ${HOW[how]}: it is run so, as ${file} says now, and fitted again`
      : `${variable} looks as if it were ${HOW[how]}, which is a guess to be decided: in ${file}, \`interpolation: ${how}\` has it run so`,
  );

/** A proposal whose inputs run so between their readings, or that names the guess. */
export function withInterpolations(
  proposal: Proposal,
  offers: Readonly<Record<string, Interpolation>>,
  taken: boolean,
): Proposal {
  const inputs = proposal.inputs.map(({ item, comment }) => {
    const how = offers[item.variable];
    if (how === undefined) return { item, comment };
    const looks = `residuals are as if it were ${HOW[how]}`;
    return taken
      ? { item: { ...item, interpolation: how }, comment: `${comment}; a guess: ${looks}` }
      : {
          item,
          comment: `${comment}; a guess to be decided: ${looks}: where that is so, \`interpolation: ${how}\``,
        };
  });
  return { ...proposal, inputs };
}
