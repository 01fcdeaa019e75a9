import { h } from './dom.js';
import type { Machine } from './protocol.js';
import type { Store } from './store.js';

const DAY_S = 86_400;
const CHOICES: Readonly<Record<Machine['axis'], readonly (readonly [label: string, s: number])[]>> =
  {
    machine: [
      ['the last 2 days', 2 * DAY_S],
      ['the last 7 days', 7 * DAY_S],
      ['the last 30 days', 30 * DAY_S],
      ['everything', Number.POSITIVE_INFINITY],
    ],
    wall: [
      ['the last 15 minutes', 900],
      ['the last hour', 3600],
      ['everything', Number.POSITIVE_INFINITY],
    ],
  };

/** Lets the reader choose how far back all charts reach. */
export function createWindowChoice(
  store: Store,
  machine: Machine,
  onChange: () => void,
): HTMLElement {
  const choices = CHOICES[machine.axis];
  const select = h(
    'select',
    { id: 'window' },
    ...choices.map(([label], i) => h('option', { value: String(i), text: label })),
  );
  const apply = () => {
    store.windowS = choices[Number(select.value)]?.[1] ?? Number.POSITIVE_INFINITY;
  };
  select.value = String(Math.max(0, choices.length - 2));
  apply();
  select.addEventListener('change', () => {
    apply();
    onChange();
  });
  return h('label', { class: 'choice' }, h('span', { text: 'Charts show' }), select);
}
