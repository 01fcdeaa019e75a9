import type { CommandIo } from '../shared/core/index.js';
import type { Interpolation } from '../shared/fmi/index.js';
import type { OfferedWear } from '../shared/twin/fit/index.js';
import {
  courseText,
  interpolationLines,
  type Proposal,
  wearLines,
  withInterpolations,
  withOfferedWear,
} from '../shared/twin/propose/index.js';
import { agrees, canAsk } from './ask.js';
import type { OnOffers } from './fit-offers.js';

/** What `new` needs to act on a first fit's offers. */
interface Settling {
  args: Record<string, unknown>;
  io: CommandIo;
  /** The definition, as somebody named it. */
  output: string;
  say(text: string): void;
  /** Writes the definition anew. */
  save(proposal: Proposal): Promise<void>;
}

/** Takes a first fit's offers into the definition: what nothing else explains, by `--yes`, or as a person says. */
export function settleOffers(
  proposed: Proposal,
  { args, io, output, say, save }: Settling,
): OnOffers {
  let proposal = proposed;
  const settled = new Set<string>();
  return {
    async wear(offers) {
      const taken = await wearTaken(offers, args, io);
      await save(withOfferedWear(proposal, offers, taken));
      for (const line of wearLines(offers, taken, output)) say(line);
      return taken;
    },
    async interpolations(all) {
      // Each once: what looks otherwise both ways has another cause.
      const offers = Object.fromEntries(Object.entries(all).filter(([name]) => !settled.has(name)));
      const names = Object.keys(offers);
      if (names.length === 0) return false;
      for (const name of names) settled.add(name);
      const taken = await interpolationsTaken(offers, args, io);
      proposal = withInterpolations(proposal, offers, taken);
      await save(proposal);
      for (const line of interpolationLines(offers, taken, output)) say(line);
      return taken;
    },
  };
}

/** Constants that are to wear. */
async function wearTaken(
  offers: readonly OfferedWear[],
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<readonly OfferedWear[]> {
  if (!canAsk(io, args)) return args.yes === true ? offers.filter((o) => o.certain) : [];
  const taken: OfferedWear[] = [];
  for (const offer of offers) {
    const looks = `${offer.variable} looks as if it had worn ${courseText(offer)}`;
    if (await agrees(`${looks}. Let it wear?`, io)) taken.push(offer);
  }
  return taken;
}

/** Whether inputs are to run as residuals have them. */
async function interpolationsTaken(
  offers: Readonly<Record<string, Interpolation>>,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<boolean> {
  if (!canAsk(io, args)) return args.yes === true;
  const those = Object.entries(offers)
    .map(([name, how]) => `${name} ${how === 'hold' ? 'held' : 'straight'}`)
    .join(', ');
  return agrees(`It looks as if between readings it were: ${those}. Run it so?`, io);
}
