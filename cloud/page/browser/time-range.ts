import { csvOf } from './csv.js';
import type { DetailClient } from './detail-client.js';
import { h, setText } from './dom.js';
import { formatWhen } from './format.js';
import type { Machine, Quantity } from './protocol.js';
import { resolutionText } from './resolution-text.js';
import type { Store } from './store.js';

const DAY_S = 86_400;
const PRESETS: Readonly<Record<Machine['axis'], readonly (readonly [label: string, s: number])[]>> =
  {
    machine: [
      ['2 d', 2 * DAY_S],
      ['7 d', 7 * DAY_S],
      ['30 d', 30 * DAY_S],
      ['all', Number.POSITIVE_INFINITY],
    ],
    wall: [
      ['15 min', 900],
      ['1 h', 3600],
      ['all', Number.POSITIVE_INFINITY],
    ],
  };

/** Which span all charts show: presets that follow the newest value, what was dragged, and back. */
export interface TimeRange {
  element: HTMLElement;
  update(): void;
}

/**
 * @param details reads spans closely
 * @param shown what a CSV of the present view holds
 * @param onChange called after the span has changed
 */
export function createTimeRange(
  store: Store,
  machine: Machine,
  details: DetailClient,
  shown: () => readonly Quantity[],
  onChange: () => void,
): TimeRange {
  const presets = PRESETS[machine.axis].map(([label, seconds]) => {
    const button = h('button', { type: 'button', class: 'toggle', text: label });
    button.addEventListener('click', () => {
      store.windowS = seconds;
      store.setRange(undefined);
      onChange();
    });
    return { button, seconds };
  });
  store.windowS = PRESETS[machine.axis].at(-2)?.[1] ?? Number.POSITIVE_INFINITY;
  const back = h('button', { type: 'button', class: 'toggle', text: '↩ Back' });
  back.addEventListener('click', () => {
    store.backRange();
    onChange();
  });
  const comparing = h(
    'select',
    { 'aria-label': 'Compare with', class: 'compare-with' },
    h('option', { value: '', text: 'compare with …' }),
    h('option', { value: 'before', text: 'the span before' }),
    h('option', { value: 'event', text: 'before the last event' }),
  );
  comparing.addEventListener('change', () => {
    const { value } = comparing;
    store.comparison = value === 'before' || value === 'event' ? value : undefined;
    onChange();
  });
  const csv = h('button', { type: 'button', class: 'toggle', text: 'CSV' });
  csv.addEventListener('click', () => void saveCsv(store, machine, details, shown()));
  const print = h('button', { type: 'button', class: 'toggle', text: 'Print' });
  print.addEventListener('click', () => window.print());
  const span = h('span', { class: 'hint', id: 'span' });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || store.range === undefined) return;
    store.backRange();
    onChange();
  });
  const element = h(
    'div',
    { class: 'bar', role: 'group', 'aria-label': 'Time shown' },
    ...presets.map((p) => p.button),
    back,
    comparing,
    csv,
    print,
    span,
  );
  return {
    element,
    update() {
      const { range } = store;
      for (const { button, seconds } of presets) {
        const pressed = range === undefined && store.windowS === seconds;
        button.setAttribute('aria-pressed', String(pressed));
      }
      back.disabled = range === undefined;
      comparing.value = store.comparison ?? '';
      // Of all that there is, nothing is before it.
      comparing.disabled = !Number.isFinite(store.fromX);
      details.follow(shown());
      const drawn = [
        ...(range === undefined
          ? ['live', 'drag in a chart to zoom']
          : [
              `${formatWhen(range[0], machine.axis)} to ${formatWhen(range[1], machine.axis)}`,
              'Esc goes back',
            ]),
        resolutionText(store, machine),
        details.fault === '' ? '' : `finer values could not be read: ${details.fault}`,
      ];
      setText(span, drawn.filter((part) => part !== '').join(' · '));
    },
  };
}

/** What is shown, read closely once more: charts thin out what is old. */
async function saveCsv(
  store: Store,
  machine: Machine,
  details: DetailClient,
  quantities: readonly Quantity[],
): Promise<void> {
  const firsts = quantities.flatMap((q) => store.rows(q.estimate ?? q.id)[0]?.[0] ?? []);
  const from = Math.max(store.fromX, Math.min(...firsts));
  const to = Math.min(store.toX, store.newestX + 1);
  // Where it cannot be read, rows are those of the charts, and say so.
  const detail = await details.read(from, to, quantities).catch(() => undefined);
  const url = URL.createObjectURL(
    new Blob([csvOf(store, machine, quantities, detail)], { type: 'text/csv' }),
  );
  const link = h('a', { href: url, download: `${machine.name}.csv` });
  link.click();
  URL.revokeObjectURL(url);
}
