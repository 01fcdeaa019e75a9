import { ageOf } from './age-text.js';
import { reachedText } from './ahead-text.js';
import { type Chart, createChart } from './chart.js';
import { comparedText } from './compare.js';
import { contentOf } from './contents.js';
import { h, setText } from './dom.js';
import { horizonOf, sinceOf } from './expected.js';
import { formatNumber, formatUnit, formatValue } from './format.js';
import { componentOf, nameOf, relatedTo, whyOf } from './names.js';
import type { Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';
import { gradeText, reasonLines, verdictOn } from './verdict-text.js';
import type { View } from './view.js';
import { driversOf } from './why-view.js';

interface Panel {
  element: HTMLElement;
  update(): void;
  destroy(): void;
}

/** One part of the machine in full: every quantity that concerns it, with axes and readouts. */
export function createFocusView(
  store: Store,
  machine: Machine,
  choice: HTMLElement,
): View & { show(quantity: Quantity): void; redraw(): void; shown(): readonly Quantity[] } {
  const title = h('h2', { id: 'focus-title' });
  const panels = h('div', { class: 'panels' });
  const reasons = h('ul', { class: 'why-not' });
  const element = h(
    'section',
    { id: 'focus', 'aria-labelledby': 'focus-title' },
    h('div', { class: 'bar between' }, title, choice),
    panels,
    reasons,
  );
  let told = '';
  /** Each reason once: panels about one part mostly share theirs. */
  function tellReasons(): void {
    const related = current === undefined ? [] : relatedTo(current, machine);
    const lines = reasonLines(store, machine, related);
    if (lines.join('\n') === told) return;
    told = lines.join('\n');
    reasons.replaceChildren(...lines.map((text) => h('li', { text })));
  }
  let current: Quantity | undefined;
  let shown: Panel[] = [];

  function show(quantity: Quantity): void {
    current = quantity;
    for (const panel of shown) panel.destroy();
    const component = componentOf(quantity, machine.layout);
    setText(
      title,
      component === undefined
        ? nameOf(quantity, machine.layout)
        : `A closer look at ${component.id}`,
    );
    shown = relatedTo(quantity, machine).map((q) => createPanel(store, machine, q));
    panels.replaceChildren(...shown.map((p) => p.element));
    for (const panel of shown) panel.update();
    tellReasons();
  }
  return {
    element,
    show,
    shown: () => (current === undefined ? [] : relatedTo(current, machine)),
    update() {
      for (const panel of shown) panel.update();
      tellReasons();
    },
    redraw() {
      if (current !== undefined) show(current);
    },
  };
}

function createPanel(store: Store, machine: Machine, quantity: Quantity): Panel {
  const now = h('p', { class: 'now' });
  const reached = h('p', { class: 'reached' });
  const compared = h('p', { class: 'compared' });
  const verdict = h('p', { class: 'verdict' });
  const why = h('div', { class: 'why' });
  const holder = h('div', {});
  const element = h(
    'article',
    { class: 'panel', 'data-quantity': quantity.id },
    h('h3', { text: nameOf(quantity, machine.layout) }),
    now,
    verdict,
    reached,
    compared,
    holder,
    h('p', { class: 'hint', text: whyOf(quantity) }),
    why,
  );
  let chart: Chart | undefined;
  let drawsTruth = false;
  let expected = -1;
  return {
    element,
    update() {
      const content = contentOf(store, machine, quantity, 'full');
      const hasTruth = content.truth !== undefined;
      if (chart === undefined || hasTruth !== drawsTruth) {
        chart?.destroy();
        chart = createChart(store, content);
        drawsTruth = hasTruth;
        holder.replaceChildren(chart.element);
      }
      chart.update();
      setText(now, sentenceOf(store, quantity));
      setText(compared, comparedText(store, machine, quantity));
      const judged = verdictOn(store, quantity);
      verdict.dataset.grade = judged?.grade ?? '';
      setText(verdict, gradeText(judged));
      if (store.outlookRevision === expected) return;
      expected = store.outlookRevision;
      setText(reached, aheadOf(store, quantity));
      why.replaceChildren(...driversOf(store, machine, quantity));
    },
    destroy: () => chart?.destroy(),
  };
}

/** When its limit is reached, in words; empty without a limit or a forecast. */
function aheadOf(store: Store, quantity: Quantity): string {
  const { outlook } = store;
  const series = outlook?.series[quantity.id];
  if (outlook === undefined || series?.passed === undefined) return '';
  const text = reachedText(series, horizonOf(store, outlook), sinceOf(store, outlook));
  return text === 'passed' ? 'Past its limit.' : `Limit reached: ${text}`;
}

/** The present value in words. */
function sentenceOf(store: Store, quantity: Quantity): string {
  const row = store.now(quantity.estimate ?? quantity.id);
  const unit = formatUnit(quantity.unit);
  const limits = [
    quantity.limit?.above === undefined ? '' : `alarm above ${formatNumber(quantity.limit.above)}`,
    quantity.limit?.below === undefined ? '' : `alarm below ${formatNumber(quantity.limit.below)}`,
  ].filter((s) => s !== '');
  const age = ageOf(store, quantity).text;
  if (age !== '') limits.unshift(age);
  const tail = limits.length === 0 ? '' : ` · ${limits.join(', ')}`;
  if (quantity.role === 'measured') {
    const sensor = formatValue(store.last(quantity.id)?.[1], quantity.unit, 1e-4);
    const lower = row?.[2] ?? null;
    const upper = row?.[3] ?? null;
    if (row === undefined || lower === null || upper === null) return `Sensor ${sensor}`;
    const width = upper - lower;
    return `Sensor ${sensor} · twin ${formatNumber(lower, width)} … ${formatNumber(upper, width)}${tail}`;
  }
  if (row === undefined) return `No value yet${tail}`;
  const [, mean, lower, upper] = row;
  if (lower === null || upper === null) return `${formatValue(mean, quantity.unit)}${tail}`;
  const width = upper - lower;
  return `${formatNumber(mean, width)} ${unit}, with 95 % between ${formatNumber(lower, width)} and ${formatNumber(upper, width)}${tail}`;
}
