import { reachedText } from './ahead-text.js';
import { h, setText } from './dom.js';
import { peakOf, titleOf } from './event-text.js';
import { type Expected, expectedLimits, horizonOf, sinceOf } from './expected.js';
import { formatNumber, formatSpan, formatUnit, formatWhen } from './format.js';
import { MEANINGS } from './meanings.js';
import { nameOf } from './names.js';
import type { Alarm, PageEvent, Quantity } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

const ORDER = { alarm: 0, warning: 1, note: 2 } as const;
const WHEN = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const;
const WORDS = { alarm: 'Alarm', warning: 'Warning', note: 'Note' } as const;
/** Events that are over are listed as far as this; the filter finds the others. */
const MOST_OVER = 50;

/** Limits ahead that are listed. */
const MOST_AHEAD = 5;
/** For the filter. */
const AHEAD = { level: 'note', code: 'limit', title: 'ahead', message: 'expected' } as const;

/** What needs attention now, and what is over: each event with its time, peak and meaning. */
export function createEventsView(
  store: Store,
  select: (quantityId: string) => void,
  acknowledge: (event: PageEvent, title: string) => void,
): View {
  const now = h('ul', { class: 'alarms', id: 'alarms' });
  const over = h('ul', { class: 'alarms', id: 'events-over' });
  const summary = h('summary', { text: 'Over' });
  const filter = h('input', {
    type: 'search',
    id: 'event-filter',
    placeholder: 'part, limit, kind …',
    'aria-label': 'Filter events',
  });
  const element = h(
    'section',
    { id: 'events', 'aria-labelledby': 'alarms-title' },
    h(
      'div',
      { class: 'bar between' },
      h('h2', { id: 'alarms-title', text: 'What needs attention' }),
      h('label', { class: 'choice' }, h('span', { text: 'Filter' }), filter),
    ),
    now,
    h('details', { class: 'over' }, summary, over),
  );
  let shown = '';
  filter.addEventListener('input', () => {
    shown = '';
    update();
  });

  function quantityOf(alarm: Alarm): Quantity | undefined {
    return store.machine?.quantities.find(
      (q) => q.variable === alarm.subject || q.alias === alarm.subject,
    );
  }

  function item(alarm: Alarm | PageEvent): HTMLElement {
    const quantity = quantityOf(alarm);
    const known = MEANINGS[alarm.code];
    const named = { ...alarm, title: alarm.title ?? known?.title ?? alarm.code };
    const title = titleOf(named, quantity, store.machine) ?? named.title;
    const heading = h(
      'div',
      { class: 'what' },
      h('strong', { text: `${WORDS[alarm.level]}${'acknowledged' in alarm ? ' ✓' : ''}` }),
    );
    if (quantity === undefined) {
      const subject = alarm.subject === '' ? '' : ` (${alarm.subject})`;
      heading.append(h('span', { class: 'title', text: `${title}${subject}` }));
    } else {
      const button = h('button', { type: 'button', class: 'title', text: title });
      button.addEventListener('click', () => select(quantity.id));
      heading.append(button);
    }
    const lines: HTMLElement[] = [heading];
    if ('sinceX' in alarm) {
      lines.push(h('p', { class: 'when', text: whenOf(alarm, quantity) }));
      lines.push(...acknowledgedLines(alarm, title));
    }
    const detail = alarm.level === 'note' || alarm.code === 'limit' ? '' : alarm.message;
    if (detail !== '') lines.push(h('p', { text: detail }));
    const meaning = quantity?.limit?.consequence ?? alarm.meaning ?? known?.meaning ?? '';
    lines.push(h('p', { class: 'meaning', text: meaning }));
    const seen = 'acknowledged' in alarm ? ' seen' : '';
    const state = `${'untilX' in alarm ? ' over' : ''}${seen}`;
    const key = 'key' in alarm ? alarm.key : undefined;
    return h('li', { class: `${alarm.level}${state}`, 'data-event': key }, ...lines);
  }

  /** Who has seen it; and a way to say so, where this page may. */
  function acknowledgedLines(event: PageEvent, title: string): HTMLElement[] {
    const lines = (event.acknowledged ?? []).map(({ by, note, atMs }) => {
      const when = new Date(atMs).toLocaleString(undefined, WHEN);
      const text = `✓ Acknowledged by ${by}, ${when}${note === '' ? '' : `: ${note}`}`;
      return h('p', { class: 'acknowledged', text });
    });
    const isDone = lines.length > 0 || event.level === 'note';
    if (store.machine?.acknowledges !== true || isDone) return lines;
    const button = h('button', { type: 'button', class: 'toggle', text: 'Acknowledge' });
    button.addEventListener('click', () => acknowledge(event, title));
    return [button];
  }

  /** A limit that will probably be reached. */
  function aheadItem({ quantity, series }: Expected): HTMLElement {
    const { outlook } = store;
    const button = h('button', {
      type: 'button',
      class: 'title',
      text: nameOf(quantity, store.machine?.layout),
    });
    button.addEventListener('click', () => select(quantity.id));
    const { above, below } = quantity.limit ?? {};
    const unit = quantity.unit === '' ? '' : ` ${formatUnit(quantity.unit)}`;
    const limit = `${below === undefined ? 'above' : 'below'} ${formatNumber(below ?? above)}${unit}`;
    const horizonS = outlook === undefined ? 0 : horizonOf(store, outlook);
    const sinceS = outlook === undefined ? 0 : sinceOf(store, outlook);
    return h(
      'li',
      { class: 'ahead' },
      h('div', { class: 'what' }, h('strong', { text: '◆ Ahead' }), button),
      h('p', { class: 'when', text: `${limit}: ${reachedText(series, horizonS, sinceS)}` }),
    );
  }

  function whenOf(event: PageEvent, quantity: Quantity | undefined): string {
    const axis = store.machine?.axis ?? 'wall';
    const untilX = event.untilX ?? store.nowX;
    const lasted = formatSpan(untilX - event.sinceX);
    const peak = peakOf(event, quantity, store);
    const tail = peak === '' ? '' : ` · peak ${peak}`;
    return event.untilX === undefined
      ? `since ${formatWhen(event.sinceX, axis)} (${lasted})${tail}`
      : `${formatWhen(event.sinceX, axis)} to ${formatWhen(event.untilX, axis)} (${lasted})${tail}`;
  }

  function matches(alarm: Alarm): boolean {
    const wanted = filter.value.trim().toLowerCase();
    if (wanted === '') return true;
    const quantity = quantityOf(alarm);
    const name = quantity === undefined ? '' : nameOf(quantity, store.machine?.layout);
    const text = [name, alarm.subject, alarm.code, alarm.title, alarm.message].join(' ');
    return text.toLowerCase().includes(wanted);
  }

  function update(): void {
    const own = (store.status?.alarms ?? []).filter((a) => a.code in MEANINGS);
    const text = JSON.stringify([own, store.eventsRevision, store.outlookRevision, store.nowX]);
    if (text === shown) return;
    shown = text;
    const standing = store.events.filter((e) => e.untilX === undefined);
    const current = [...own, ...standing].filter(matches);
    current.sort((a, b) => ORDER[a.level] - ORDER[b.level]);
    const ahead = expectedLimits(store)
      .filter((e) => matches({ ...AHEAD, subject: e.quantity.variable }))
      .slice(0, MOST_AHEAD);
    const items = [...current.map(item), ...ahead.map(aheadItem)];
    show(now, items.length > 0 ? items : [h('li', { class: 'none', text: 'Nothing.' })]);
    const ended = store.events.filter((e) => e.untilX !== undefined && matches(e));
    summary.textContent = `Over (${ended.length})`;
    const past = ended.slice(0, MOST_OVER).map(item);
    if (ended.length > MOST_OVER) {
      const hidden = `${ended.length - MOST_OVER} earlier ones: narrow the filter.`;
      past.push(h('li', { class: 'none', text: hidden }));
    }
    show(over, past);
  }
  return { element, update };
}

/**
 * Puts items into a list. Where only the time since goes on the old one stays: whoever moves through
 * the list by keyboard keeps the focus.
 */
function show(list: HTMLElement, items: readonly HTMLElement[]): void {
  items.forEach((fresh, i) => {
    const old = list.children[i];
    if (old === undefined) list.append(fresh);
    else if (withoutTimes(old) !== withoutTimes(fresh)) old.replaceWith(fresh);
    else {
      const times = fresh.querySelectorAll('.when');
      for (const [k, when] of old.querySelectorAll('.when').entries()) {
        setText(when, times[k]?.textContent ?? '');
      }
    }
  });
  while (list.children.length > items.length) list.lastElementChild?.remove();
}

function withoutTimes(item: Element): string {
  const copy = item.cloneNode(true) as Element;
  for (const when of copy.querySelectorAll('.when')) when.textContent = '';
  return copy.outerHTML;
}
