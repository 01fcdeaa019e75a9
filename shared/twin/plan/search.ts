import type { Decisions } from '../../config/index.js';
import { join, scoreOf } from './account.js';
import {
  type Candidate,
  type Field,
  fieldOf,
  followFrom,
  followTo,
  type Ground,
  type Repair,
  type Setting,
  type Stretch,
} from './ways.js';

/** Values of each decided input that are tried. */
const GRID = 13;
/** Times at which a repair may begin. */
const REPAIR_TIMES = 7;

/** Lets whoever runs beside it go on. */
export const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Values of a decided input that are tried. */
export function gridOf({ lower, upper }: Decisions['inputs'][number]): number[] {
  return Array.from({ length: GRID }, (_, g) => lower + (g / (GRID - 1)) * (upper - lower));
}

/**
 * Tries ways on a grid: every combination of one decided input moved before and after each repair,
 * then of one more from the best.
 *
 * @param today values of all inputs as they are
 * @param settingOf the response under some inputs
 * @returns all that was tried, the best first
 */
export async function searchWays(options: {
  ground: Ground;
  today: Float64Array;
  settingOf: (inputs: Float64Array) => Promise<Setting>;
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}): Promise<Candidate[]> {
  const { ground, today } = options;
  const { decisions, places } = ground;
  const found: Candidate[] = [];
  const gridAbout = (base: Float64Array) =>
    decisions.inputs.flatMap((input, d) =>
      gridOf(input).map((value) => {
        const inputs = base.slice();
        inputs[places[d]!] = value;
        return inputs;
      }),
    );
  const rank = (a: Candidate, b: Candidate) =>
    compare(decisions.risk, decisions.objective.sense, a, b);
  const isOne = decisions.inputs.length <= 1;
  await tryAll(options, [today, ...gridAbout(today)], found, 0, isOne ? 1 : 0.5);
  found.sort(rank);
  if (!isOne) {
    const best = found[0]!.before.inputs;
    await tryAll(options, [today, best, ...gridAbout(best)], found, 0.5, 0.5);
    found.sort(rank);
  }
  return found;
}

async function tryAll(
  { ground, settingOf, onProgress, signal }: Parameters<typeof searchWays>[0],
  all: readonly Float64Array[],
  found: Candidate[],
  done: number,
  share: number,
): Promise<void> {
  const last = ground.times.length - 1;
  const starts = Array.from({ length: REPAIR_TIMES }, (_, r) =>
    Math.floor((r * last) / REPAIR_TIMES),
  );
  const fields: Field[] = [];
  const until: Stretch[][] = [];
  for (const [k, inputs] of all.entries()) {
    const before = await settingOf(inputs);
    await breathe();
    const field = fieldOf(ground, before);
    const stretches = followTo(ground, field, [...starts, last]);
    const [risk, mean] = scoreOf(ground, stretches.at(-1)!);
    found.push({ before, after: before, risk, mean });
    fields.push(field);
    until.push(stretches);
    onProgress?.(done + (0.7 * share * (k + 1)) / all.length);
  }
  const repairs = ground.decisions.maintenance.flatMap((_, index) =>
    starts.map((at, start) => ({ index, at, start })),
  );
  for (const [k, { index, at, start }] of repairs.entries()) {
    const repair: Repair = { index, at };
    const later: Stretch[] = [];
    for (const field of fields) {
      signal?.throwIfAborted();
      await breathe();
      later.push(followFrom(ground, field, repair));
    }
    fields.forEach(({ setting: before }, i) => {
      fields.forEach(({ setting: after }, j) => {
        const joined = join(ground, before, until[i]![start]!, later[j]!);
        const [risk, mean] = scoreOf(ground, joined, repair);
        found.push({ before, repair, after, risk, mean });
      });
    });
    onProgress?.(done + share * (0.7 + (0.3 * (k + 1)) / repairs.length));
  }
}

/** Within the risk, the better objective first; beyond it, the smaller risk. */
function compare(risk: number, sense: 'maximise' | 'minimise', a: Candidate, b: Candidate): number {
  const fits = (c: Candidate) => c.risk <= risk;
  if (fits(a) !== fits(b)) return fits(a) ? -1 : 1;
  if (!fits(a)) return a.risk - b.risk;
  return sense === 'maximise' ? b.mean - a.mean : a.mean - b.mean;
}

/** Ways of which none is better in both risk and objective, thinned to a dozen. */
export function frontOf(found: readonly Candidate[], sign: number): Candidate[] {
  const byRisk = [...found].sort((a, b) => a.risk - b.risk || sign * (b.mean - a.mean));
  const front: Candidate[] = [];
  for (const c of byRisk) {
    const best = front.at(-1);
    if (best === undefined || sign * (c.mean - best.mean) > 1e-9 * Math.abs(best.mean))
      front.push(c);
  }
  const every = Math.max(1, Math.ceil(front.length / 12));
  return front.filter((_, i) => i % every === 0 || i === front.length - 1);
}
