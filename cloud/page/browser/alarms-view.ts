import { h } from './dom.js';
import { MEANINGS } from './meanings.js';
import { nameOf } from './names.js';
import type { Alarm } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

const ORDER = { alarm: 0, warning: 1, note: 2 } as const;
const WORDS = { alarm: 'Alarm', warning: 'Warning', note: 'Note' } as const;

/** The list of what a person should know, each with what it means. */
export function createAlarmsView(store: Store, select: (quantityId: string) => void): View {
  const list = h('ul', { class: 'alarms', id: 'alarms' });
  const element = h(
    'section',
    { 'aria-labelledby': 'alarms-title' },
    h('h2', { id: 'alarms-title', text: 'What needs attention' }),
    list,
  );
  let shown = '';

  function item(code: string, alarms: readonly Alarm[]): HTMLElement {
    const [first] = alarms;
    const level = first?.level ?? 'note';
    const title = first?.title ?? MEANINGS[code]?.title ?? code;
    const meaning = first?.meaning ?? MEANINGS[code]?.meaning ?? '';
    const subjects = h('span', { class: 'subjects' });
    for (const { subject } of alarms) {
      const quantity = store.machine?.quantities.find(
        (q) => q.variable === subject || q.alias === subject,
      );
      if (quantity === undefined) subjects.append(h('span', { text: subject }));
      else {
        const button = h('button', {
          type: 'button',
          text: nameOf(quantity, store.machine?.layout),
        });
        button.addEventListener('click', () => select(quantity.id));
        subjects.append(button);
      }
    }
    const told = level === 'note' ? [] : alarms.filter((a) => a.message !== '');
    const details = told.map((a) => h('p', { text: a.message }));
    return h(
      'li',
      { class: level },
      h(
        'div',
        { class: 'what' },
        h('strong', { text: WORDS[level] }),
        h('span', { class: 'title', text: title }),
        subjects,
      ),
      ...details,
      h('p', { class: 'meaning', text: meaning }),
    );
  }

  return {
    element,
    update() {
      const alarms = store.status?.alarms ?? [];
      const text = JSON.stringify(alarms);
      if (text === shown) return;
      shown = text;
      const byCode = new Map<string, Alarm[]>();
      for (const alarm of alarms) {
        byCode.set(alarm.code, [...(byCode.get(alarm.code) ?? []), alarm]);
      }
      const groups = [...byCode].sort(
        (a, b) => ORDER[a[1][0]?.level ?? 'note'] - ORDER[b[1][0]?.level ?? 'note'],
      );
      list.replaceChildren(...groups.map(([code, group]) => item(code, group)));
      if (groups.length === 0) list.append(h('li', { class: 'none', text: 'Nothing.' }));
    },
  };
}
