import { ageOf } from './age-text.js';
import { CONDITION_TEXT, conditionOf } from './assess.js';
import { type Chart, createChart } from './chart.js';
import { contentOf } from './contents.js';
import { h, setText } from './dom.js';
import { formatNumber, formatUnit, formatValue } from './format.js';
import { nameOf } from './names.js';
import type { Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';
import { gradeText, reasonLines, reasonText, verdictOn } from './verdict-text.js';
import type { View } from './view.js';

/** Many quantities of one kind side by side, each small; one click shows it large. */
export function createGridView(
  store: Store,
  machine: Machine,
  options: { title: string; hint: string; quantities: readonly Quantity[]; open: boolean },
  select: (quantityId: string) => void,
): View & { mark(quantityId: string): void } {
  const cards = options.quantities.map((quantity) => createCard(store, machine, quantity, select));
  const [first] = options.quantities;
  const unit = first === undefined ? '' : formatUnit(first.unit);
  const summary = h(
    'summary',
    {},
    h('h2', { text: options.title }),
    h('span', { class: 'unit', text: unit }),
  );
  // For paper: each reason once, with those that it concerns.
  const reasons = h('ul', { class: 'reasons' });
  let told = '';
  const element = h(
    'details',
    { class: 'grid', ...(options.open ? { open: '' } : {}) },
    summary,
    h('p', { class: 'hint', text: options.hint }),
    h('div', { class: 'cards' }, ...cards.map((c) => c.element)),
    reasons,
  );
  return {
    element,
    update() {
      for (const card of cards) card.update();
      const lines = reasonLines(store, machine, options.quantities);
      if (lines.join('\n') === told) return;
      told = lines.join('\n');
      reasons.replaceChildren(...lines.map((text) => h('li', { text })));
    },
    mark(quantityId) {
      for (const card of cards) {
        card.element.setAttribute('aria-pressed', String(card.quantity.id === quantityId));
      }
    },
  };
}

function createCard(
  store: Store,
  machine: Machine,
  quantity: Quantity,
  select: (quantityId: string) => void,
) {
  const value = h('span', { class: 'value', text: '–' });
  const band = h('span', { class: 'range', text: '' });
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true' });
  const age = h('span', { class: 'age' });
  const spoken = h('span', { class: 'only-read' });
  const grade = h('span', { class: 'grade' });
  // Shown while one points at the card or tabs to it; readers get it as description.
  const reason = h('span', { class: 'reason', 'aria-hidden': 'true' });
  const element = h(
    'button',
    {
      type: 'button',
      class: 'card',
      'data-quantity': quantity.id,
      'aria-pressed': 'false',
      title: `${quantity.variable} · ${quantity.alias}`,
    },
    h('span', { class: 'name', text: nameOf(quantity, machine.layout) }),
    badge,
    value,
    band,
    age,
    grade,
    reason,
    spoken,
  );
  element.addEventListener('click', () => select(quantity.id));
  let chart: Chart | undefined;
  let drawsTruth = false;

  return {
    element,
    quantity,
    update() {
      const content = contentOf(store, machine, quantity, 'small');
      const hasTruth = content.truth !== undefined;
      if (chart === undefined || hasTruth !== drawsTruth) {
        chart?.destroy();
        chart?.element.remove();
        chart = createChart(store, content);
        drawsTruth = hasTruth;
        element.append(chart.element);
      }
      chart.update();
      const row = store.now(content.main.channel) ?? store.last(quantity.id);
      const lower = row?.[2] ?? null;
      const upper = row?.[3] ?? null;
      const width = lower === null || upper === null ? undefined : upper - lower;
      setText(value, formatValue(row?.[1], '', width));
      setText(
        band,
        width === undefined
          ? ''
          : `95 %: ${formatNumber(lower, width)} … ${formatNumber(upper, width)}`,
      );
      const condition = conditionOf(quantity, row);
      badge.className = `badge ${condition}`;
      setText(
        badge,
        condition === 'beyond' ? '▲ past limit' : condition === 'near' ? '! near limit' : '',
      );
      setText(spoken, CONDITION_TEXT[condition]);
      const { text, isOld } = ageOf(store, quantity);
      setText(age, text);
      element.classList.toggle('old', isOld);
      const verdict = verdictOn(store, quantity);
      setText(grade, gradeText(verdict));
      grade.dataset.grade = verdict?.grade ?? '';
      setText(reason, reasonText(verdict));
      element.setAttribute('aria-description', reasonText(verdict));
    },
  };
}
