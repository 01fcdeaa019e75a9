import { aboutText, aheadText } from './ahead-text.js';
import { peakOf, titleOf } from './event-text.js';
import { type Expected, expectedLimits } from './expected.js';
import { formatNumber, formatSpan, formatUnit, formatWhen } from './format.js';
import { MEANINGS } from './meanings.js';
import type { Mood } from './moods.js';
import { nameOf } from './names.js';
import type { PageEvent, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** What matters now, in a sentence, and what follows from it. */
export interface Headline {
  mood: Mood;
  sentence: string;
  detail: string;
}

const MOST_NAMED = 3;

/**
 * The one sentence for the operator: first what cannot be trusted, then what is past a limit, its
 * earliest as the likely cause of what came after, then warnings; else that all is well.
 */
export function headlineOf(store: Store): Headline {
  const { status } = store;
  if (status === undefined) return { mood: 'wait', sentence: 'Connecting …', detail: '' };
  const { state, text } = status.freshness;
  if (state === 'unread') return { mood: 'bad', sentence: 'SiteWise cannot be read', detail: text };
  if (state === 'silent') return { mood: 'bad', sentence: 'The machine is silent', detail: text };
  if (state === 'waiting') {
    return { mood: 'wait', sentence: 'Waiting for the first measurement', detail: text };
  }
  const standing = store.events.filter((e) => e.untilX === undefined);
  const alarms = standing.filter((e) => e.level === 'alarm');
  if (alarms.length > 0) return ofEvents(store, alarms, 'bad');
  if (state === 'behind') {
    return { mood: 'warn', sentence: 'The twin has fallen behind', detail: text };
  }
  const own = status.alarms.find((a) => a.code in MEANINGS);
  if (own !== undefined) {
    const sentence = MEANINGS[own.code]?.title ?? own.code;
    return { mood: 'warn', sentence, detail: own.message };
  }
  const [next] = expectedLimits(store);
  if (next !== undefined && next.reachedS[1] !== null) return ofExpected(store, next);
  const warnings = standing.filter((e) => e.level === 'warning');
  if (warnings.length > 0) return ofEvents(store, warnings, 'warn');
  if (state === 'learning') {
    return { mood: 'wait', sentence: 'The twin is learning the machine', detail: text };
  }
  const [last] = store.events;
  const axis = store.machine?.axis ?? 'wall';
  return {
    mood: 'good',
    sentence: 'All is well',
    detail:
      last?.untilX === undefined
        ? 'Nothing has happened in the time shown.'
        : `Last: ${titleFor(store, last)}, over since ${formatWhen(last.untilX, axis)}.`,
  };
}

/** The limit that is reached next. */
function ofExpected(store: Store, { quantity, reachedS, series }: Expected): Headline {
  const name = nameOf(quantity, store.machine?.layout);
  const { above, below, verb } = quantity.limit ?? {};
  const unit = quantity.unit === '' ? '' : ` ${formatUnit(quantity.unit)}`;
  const passes = below === undefined ? 'rises above' : 'falls below';
  const limit = `${passes} ${formatNumber(below ?? above)}${unit}`;
  const [early, middle, late] = reachedS;
  const when =
    late === null
      ? `With 90 % not before ${aheadText(early)} from now.`
      : `Within ${aheadText(early)} to ${aheadText(late)} with 80 %.`;
  const driver = series.drivers?.[0];
  const cause = store.machine?.quantities.find((q) => q.variable === driver?.parameter);
  return {
    mood: 'warn',
    sentence: `In ${aboutText(middle ?? 0)}: ${name} ${verb ?? limit}`,
    detail: [
      verb === undefined ? '' : `It ${limit}.`,
      when,
      cause === undefined ? '' : `What drives it: ${nameOf(cause, store.machine?.layout)}.`,
      quantity.limit?.consequence ?? '',
    ]
      .filter((part) => part !== '')
      .join(' '),
  };
}

function ofEvents(store: Store, events: readonly PageEvent[], mood: 'bad' | 'warn'): Headline {
  const inOrder = [...events].sort((a, b) => a.sinceX - b.sinceX);
  const [first, ...then] = inOrder as [PageEvent, ...PageEvent[]];
  const quantity = quantityOf(store, first);
  const axis = store.machine?.axis ?? 'wall';
  const peak = peakOf(first, quantity, store);
  const lasted = formatSpan(store.nowX - first.sinceX);
  const parts = [
    `Since ${formatWhen(first.sinceX, axis)} (${lasted})${peak === '' ? '' : `, peak ${peak}`}.`,
  ];
  if (then.length > 0) {
    const named = then.slice(0, MOST_NAMED).map((e) => titleFor(store, e));
    const more = then.length > MOST_NAMED ? ` and ${then.length - MOST_NAMED} more` : '';
    parts.push(`Then: ${named.join('; ')}${more}.`);
  }
  const [next] = expectedLimits(store).filter((e) => e.reachedS[1] !== null);
  if (next !== undefined) {
    const name = nameOf(next.quantity, store.machine?.layout);
    parts.push(`Next: ${name} in ${aboutText(next.reachedS[1] ?? 0)}.`);
  }
  const todo = quantity?.limit?.consequence ?? first.meaning;
  if (todo !== undefined) parts.push(todo);
  return { mood, sentence: titleFor(store, first), detail: parts.join(' ') };
}

function quantityOf(store: Store, event: PageEvent): Quantity | undefined {
  return store.machine?.quantities.find((q) => q.variable === event.subject);
}

function titleFor(store: Store, event: PageEvent): string {
  return titleOf(event, quantityOf(store, event), store.machine) ?? event.code;
}
