import { aheadText, chanceText, hasEnded, reachedText } from './ahead-text.js';
import { h, setText } from './dom.js';
import { horizonOf, sinceOf } from './expected.js';
import { formatNumber, formatUnit } from './format.js';
import { nameOf, quantityName } from './names.js';
import type { OutlookClient } from './outlook-client.js';
import type { Machine, Outlook, OutlookInput, OutlookSeries, Quantity } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

/** A multiple of the plan's grid, so that its proposals can be set. */
const STEPS = 240;
/** Parts that are offered as new: those that have worn most. */
const MOST_PARTS = 5;
const MOST_ROWS = 6;

interface Slider {
  input: OutlookInput;
  control: HTMLInputElement;
  element: HTMLElement;
  shown: HTMLElement;
}

/** What the page lets others set. */
export interface WhatIfView extends View {
  /** Sets all sliders, as a plan proposes. */
  propose(inputs: Readonly<Record<string, number>>, renewed: readonly string[]): void;
}

/** Sliders for the inputs and buttons for new parts; the twin answers beside today's course. */
export function createWhatIfView(
  store: Store,
  machine: Machine,
  client: OutlookClient,
  focused: () => Quantity | undefined,
): WhatIfView {
  const controls = h('div', { class: 'controls' });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const answers = h('div', {
    class: 'scroll',
    tabindex: '0',
    role: 'group',
    'aria-label': 'Answers',
  });
  const took = h('p', { class: 'hint', 'aria-live': 'polite' });
  const reset = h('button', { type: 'button', class: 'toggle', text: 'As today' });
  const body = h('div', { class: 'ask' }, controls, h('div', {}, fault, answers, took));
  const missing = h('p', { class: 'hint' });
  const element = h(
    'section',
    { id: 'what-if', 'aria-labelledby': 'what-if-title' },
    h(
      'div',
      { class: 'bar between' },
      h(
        'div',
        { class: 'bar' },
        h('h2', { id: 'what-if-title', text: 'What if' }),
        h('span', { class: 'hint', text: 'asks the twin only; nothing is sent to the machine' }),
      ),
      reset,
    ),
    missing,
    body,
  );
  let sliders: Slider[] = [];
  let built = '';
  let builtFirst: string | undefined;
  let drawn = '';
  const renewed = new Set<string>();

  const changed = () =>
    sliders.filter((s) => Math.abs(setTo(s) - s.input.today) > stepOf(s.input) / 2);

  function ask(): void {
    for (const s of sliders) showSlider(s);
    const inputs = Object.fromEntries(changed().map((s) => [s.input.variable, setTo(s)]));
    const isAsToday = Object.keys(inputs).length === 0 && renewed.size === 0;
    client.try(isAsToday ? undefined : { inputs, renewed: [...renewed] });
  }

  reset.addEventListener('click', () => {
    for (const s of sliders) s.control.value = String(s.input.today);
    renewed.clear();
    built = '';
    ask();
    update();
  });

  function build(): void {
    const { outlook } = store;
    if (outlook === undefined) return;
    // Values that were set by hand stay where they are; all others follow the machine.
    const kept = new Map(changed().map((s) => [s.input.variable, setTo(s)]));
    sliders = outlook.inputs.map((input) => {
      const slider = createSlider(input, kept.get(input.variable) ?? input.today);
      slider.control.addEventListener('input', ask);
      return slider;
    });
    const parts = wornParts(store, machine).map((quantity) => {
      const name = nameOf(quantity, machine.layout).replace(/^Drag of /, '');
      const button = h('button', {
        type: 'button',
        class: 'toggle tried',
        text: `${name} as new`,
        'data-renew': quantity.variable,
        'aria-pressed': String(renewed.has(quantity.variable)),
      });
      button.addEventListener('click', () => {
        if (!renewed.delete(quantity.variable)) renewed.add(quantity.variable);
        button.setAttribute('aria-pressed', String(renewed.has(quantity.variable)));
        ask();
      });
      return button;
    });
    controls.replaceChildren(
      ...sliders.map((s) => s.element),
      h('div', { class: 'renew', role: 'group', 'aria-label': 'Parts as new' }, ...parts),
    );
  }

  /** What else the courses may miss. */
  const changedText = ({ changedPaces }: Outlook): string =>
    changedPaces.length === 0
      ? ''
      : ` ${changedPaces.map((name) => quantityName(name, machine)).join(', ')}: wear that has changed its pace, and may again.`;

  function update(): void {
    const { outlook, tried, status } = store;
    const why = status?.outlook.fault ?? 'The twin is asked for its first course …';
    setText(missing, outlook === undefined ? why : '');
    missing.hidden = outlook !== undefined;
    body.hidden = outlook === undefined;
    reset.hidden = outlook === undefined;
    if (outlook === undefined) return;
    // The part that is worn most is offered first; while one is tried, the order stays.
    const first = renewed.size === 0 ? wornParts(store, machine)[0]?.id : builtFirst;
    const frame = JSON.stringify([
      first,
      outlook.inputs.map((i) => [i.variable, i.today, i.lower, i.upper]),
    ]);
    // A slider that is being dragged is not pulled from under the hand.
    if (frame !== built && !controls.contains(document.activeElement)) {
      built = frame;
      builtFirst = first;
      build();
    }
    setText(fault, client.fault ?? '');
    fault.hidden = client.fault === undefined;
    setText(
      took,
      client.isAsking
        ? 'The twin is asked …'
        : `${(tried ?? outlook).courses} courses ${overText(horizonOf(store, outlook))}, answered in ${((tried ?? outlook).tookMs / 1000).toFixed(1)} s. Also drawn into the chart above.${changedText(tried ?? outlook)}`,
    );
    // What stands there meanwhile answers the question before.
    answers.setAttribute('aria-busy', String(client.isAsking));
    const now = `${store.outlookRevision};${focused()?.id}`;
    if (now === drawn) return;
    drawn = now;
    answers.replaceChildren(tableOf(store, machine, focused()));
  }

  return {
    element,
    update,
    propose(inputs, parts) {
      for (const s of sliders) {
        s.control.value = String(inputs[s.input.variable] ?? s.input.today);
      }
      renewed.clear();
      for (const part of parts) renewed.add(part);
      for (const button of controls.querySelectorAll('[data-renew]')) {
        const part = button.getAttribute('data-renew') ?? '';
        button.setAttribute('aria-pressed', String(renewed.has(part)));
      }
      ask();
      element.scrollIntoView({ block: 'nearest' });
    },
  };
}

const stepOf = ({ lower, upper }: OutlookInput) => (upper - lower) / STEPS;
const setTo = ({ control }: Slider) => Number(control.value);

function createSlider(input: OutlookInput, value: number): Slider {
  const id = `try-${input.variable.replaceAll(/[^A-Za-z0-9]/g, '-')}`;
  const control = h('input', {
    type: 'range',
    id,
    min: String(input.lower),
    max: String(input.upper),
    step: String(stepOf(input)),
  });
  control.value = String(value);
  const shown = h('output', { for: id });
  const number = (v: number) => formatNumber(v, (input.upper - input.lower) / 20);
  const element = h(
    'div',
    { class: 'slider' },
    h('label', { for: id, text: input.label }),
    shown,
    control,
    h(
      'div',
      { class: 'ends' },
      h('span', { text: number(input.lower) }),
      h('span', { text: `today ${number(input.today)}, from ${input.source}` }),
      h('span', { text: number(input.upper) }),
    ),
  );
  const slider = { input, control, element, shown };
  showSlider(slider);
  return slider;
}

function showSlider({ input, control, element, shown }: Slider): void {
  const value = Number(control.value);
  const text = `${formatNumber(value, (input.upper - input.lower) / 20)} ${formatUnit(input.unit)}`;
  setText(shown, text.trim());
  control.setAttribute('aria-valuetext', text.trim());
  element.classList.toggle('changed', Math.abs(value - input.today) > stepOf(input) / 2);
}

/** Parameters nearest to their limits, or without limits the largest. */
function wornParts(store: Store, machine: Machine): Quantity[] {
  const worn = (q: Quantity) => {
    const value = store.last(q.id)?.[1] ?? 0;
    const limit = q.limit?.above ?? q.limit?.below;
    return limit === undefined || limit === 0 ? Math.abs(value) : value / limit;
  };
  return machine.quantities
    .filter((q) => q.role === 'parameter')
    .sort((a, b) => worn(b) - worn(a))
    .slice(0, MOST_PARTS);
}

/** Today's course and the change, side by side: what is looked at, and the limits most at risk. */
function tableOf(store: Store, machine: Machine, focused: Quantity | undefined): HTMLElement {
  const { outlook, tried } = store;
  if (outlook === undefined) return h('p', {});
  const horizonS = horizonOf(store, outlook);
  const sinceS = sinceOf(store, outlook);
  const risk = (q: Quantity) =>
    Math.max(outlook.series[q.id]?.passed?.at(-1) ?? 0, tried?.series[q.id]?.passed?.at(-1) ?? 0);
  const limited = machine.quantities
    .filter((q) => q.id !== focused?.id && outlook.series[q.id]?.passed !== undefined)
    .sort((a, b) => risk(b) - risk(a));
  const shown = [...(focused === undefined ? [] : [focused]), ...limited].slice(0, MOST_ROWS);
  const rows = shown.flatMap((quantity) => {
    const today = outlook.series[quantity.id];
    if (today === undefined) return [];
    const other = tried?.series[quantity.id];
    const cells = (s: OutlookSeries | undefined, isTried: boolean) => [
      h('td', { class: isTried ? 'tried' : '', text: s === undefined ? '–' : nowText(s) }),
      h('td', {
        class: isTried ? 'tried' : '',
        text: s === undefined ? '–' : limitText(s, horizonS, sinceS),
      }),
    ];
    const name = nameOf(quantity, machine.layout);
    const unit = quantity.unit === '' ? '' : `, ${formatUnit(quantity.unit)}`;
    return [
      h(
        'tr',
        {},
        h('th', { scope: 'row', class: 'row-name', text: `${name}${unit}` }),
        ...cells(today, false),
        ...cells(other, true),
      ),
    ];
  });
  const head = (text: string, tried = false) =>
    h('th', { scope: 'col', class: tried ? 'tried' : '', text });
  return h(
    'table',
    { class: 'answers' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        head('Quantity'),
        head('Today’s course: now'),
        head('until its limit'),
        head('Your change: now', true),
        head('until its limit', true),
      ),
    ),
    h('tbody', {}, ...rows),
  );
}

function nowText({ median, bands }: OutlookSeries): string {
  const [lower, upper] = [bands[2]?.[0][0] ?? 0, bands[2]?.[1][0] ?? 0];
  const width = upper - lower || undefined;
  return `${formatNumber(median[0], width)} (${formatNumber(lower, width)} – ${formatNumber(upper, width)})`;
}

/** How far courses go on from now. */
const overText = (horizonS: number): string =>
  hasEnded(horizonS) ? 'that have ended' : `over ${aheadText(horizonS)}`;

function limitText(series: OutlookSeries, horizonS: number, sinceS: number): string {
  if (series.passed === undefined) return 'no limit';
  const reached = reachedText(series, horizonS, sinceS);
  const chance = series.passed.at(-1) ?? 0;
  return series.reachedS?.[1] === null && chance >= 0.01
    ? reached
    : `${reached}${chance >= 0.01 && chance < 0.99 ? `, ${chanceText(chance)} in all` : ''}`;
}
