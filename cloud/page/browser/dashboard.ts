import { createAcknowledgeDialog } from './acknowledge-dialog.js';
import { worstParameter } from './assess.js';
import { DetailClient } from './detail-client.js';
import { h, setText } from './dom.js';
import { createDrawingView } from './drawing-view.js';
import { createEventsView } from './events-view.js';
import { createFocusView } from './focus-view.js';
import { formatUnit } from './format.js';
import { createGridView } from './grid-view.js';
import { headlineOf } from './headline.js';
import { createModelView } from './model-view.js';
import { MOOD_SYMBOLS } from './moods.js';
import { componentOf, kindOf, nameOf } from './names.js';
import { OutlookClient } from './outlook-client.js';
import { overviewOf } from './overview.js';
import { createPartsView } from './parts-view.js';
import { createPlanView } from './plan-view.js';
import type { Machine, Quantity } from './protocol.js';
import { createSchematicView } from './schematic-view.js';
import type { Store } from './store.js';
import { createSystemView } from './system-view.js';
import { createTimeRange } from './time-range.js';
import type { View } from './view.js';
import { noteAddress, parseAddress } from './view-address.js';
import { createWallMode } from './wall-mode.js';
import { createWhatIfView } from './what-if-view.js';

/** Everything below the page's head. */
export interface Dashboard {
  update(): void;
  /** Draws anew, after the theme has changed. */
  redraw(): void;
}

/** Virtual sensors of one unit belong side by side. */
function byUnit(quantities: readonly Quantity[]): Map<string, Quantity[]> {
  const groups = new Map<string, Quantity[]>();
  for (const quantity of quantities) {
    groups.set(quantity.unit, [...(groups.get(quantity.unit) ?? []), quantity]);
  }
  return groups;
}

/** `: slip` or ` in deg`. */
function groupName(quantities: readonly Quantity[], machine: Machine, unit: string): string {
  const kind = kindOf(quantities.map((q) => nameOf(q, machine.layout)));
  if (kind !== undefined) return `: ${kind}`;
  const [only] = quantities;
  if (quantities.length === 1 && only !== undefined) return `: ${only.label}`;
  return unit === '' ? '' : ` in ${formatUnit(unit)}`;
}

/** Builds the page for a machine; it follows the store with `update`. */
export function createDashboard(
  root: HTMLElement,
  store: Store,
  machine: Machine,
  asset: string | null,
): Dashboard {
  const ofRole = (role: Quantity['role']) => machine.quantities.filter((q) => q.role === role);
  let chosenByHand = false;
  let focused: Quantity | undefined;

  function focusOn(quantity: Quantity): void {
    if (focused === quantity) return;
    focused = quantity;
    focus.show(quantity);
    for (const grid of grids) grid.mark(quantity.id);
    picture.mark(quantity);
  }
  const select = (id: string) => {
    const quantity = machine.quantities.find((q) => q.id === id);
    if (quantity === undefined) return;
    chosenByHand = true;
    focusOn(quantity);
    noteAddress(store, quantity.id);
    focus.element.scrollIntoView({ block: 'nearest' });
  };

  const acknowledge = createAcknowledgeDialog(asset);
  const alarms = createEventsView(store, select, acknowledge.open);
  const headline = createHeadline(store, machine);
  const picture = createPicture(store, machine, select);
  const updateAll = () => {
    range.update();
    for (const view of views) view.update();
  };
  const range = createTimeRange(
    store,
    machine,
    new DetailClient(store, asset, () => updateAll()),
    () => focus.shown(),
    () => {
      noteAddress(store, chosenByHand ? focused?.id : undefined);
      updateAll();
    },
  );
  const focus = createFocusView(store, machine, range.element);
  const wall = createWallMode(() => {
    noteAddress(store, chosenByHand ? focused?.id : undefined);
    focus.redraw();
    updateAll();
  });
  range.element.append(wall);
  root.addEventListener('zoom', (event) => {
    store.setRange((event as CustomEvent<readonly [number, number]>).detail);
    noteAddress(store, chosenByHand ? focused?.id : undefined);
    updateAll();
  });
  const client = new OutlookClient(store, asset, updateAll);
  const whatIf = createWhatIfView(store, machine, client, () => focused);
  const planView = createPlanView(store, machine, asset, (inputs, renewed) =>
    whatIf.propose(inputs, renewed),
  );
  const grids = [
    createGridView(
      store,
      machine,
      {
        title: 'What wears: calibrated parameters',
        hint: 'No sensor shows these. The twin finds the values that explain the measurements; the shaded band holds the true value with 95 %, the dashed line is the truth where a simulator knows it.',
        quantities: ofRole('parameter'),
        open: true,
      },
      select,
    ),
    ...[...byUnit(ofRole('virtualSensor'))].map(([unit, quantities]) =>
      createGridView(
        store,
        machine,
        {
          title: `Virtual sensors${groupName(quantities, machine, unit)}`,
          hint: 'Computed by the calibrated model where no sensor is; again with their 95 % band.',
          quantities,
          open: true,
        },
        select,
      ),
    ),
    createGridView(
      store,
      machine,
      {
        title: 'Sensors: measured, and as the twin expects them',
        hint: 'The sensor’s readings, with the band in which the twin expects the true value.',
        quantities: [...ofRole('measured'), ...ofRole('input')],
        open: false,
      },
      select,
    ),
  ];
  const system = createSystemView(store, machine);
  root.replaceChildren(
    headline.element,
    h('div', { class: 'desk' }, picture.element, alarms.element),
    focus.element,
    planView.element,
    whatIf.element,
    ...grids.map((g) => g.element),
    system.element,
    acknowledge.element,
    h(
      'footer',
      {},
      h('p', {
        text: 'Blue line: estimate of the twin. Shaded: its 95 % interval. Grey: sensor. Dashed orange: truth, which only a simulated machine knows. Black: limit, with its forbidden side hatched. Dashed blue: carried from the last calibration to now. Beyond “now”: what the twin expects, 50, 80 and 95 %; the bar on the limit is when it is reached, 80 %, its tick the middle. Violet: your change.',
      }),
    ),
  );
  const asked = parseAddress(location.hash);
  if (asked.range !== undefined) store.setRange(asked.range);
  store.comparison = asked.comparison;
  const wanted = machine.quantities.find((q) => q.id === asked.show);
  if (wanted !== undefined) {
    chosenByHand = true;
    focusOn(wanted);
  }
  const views = [headline, alarms, picture, focus, planView, whatIf, ...grids, system];
  return {
    update() {
      client.follow();
      // Until the reader chooses, the page shows what deserves attention.
      if (!chosenByHand) {
        const worst = worstParameter(store) ?? machine.quantities[0];
        if (worst !== undefined && worstIsClear(store, worst, focused)) focusOn(worst);
      }
      updateAll();
    },
    redraw: () => focus.redraw(),
  };
}

/** The machine as its definition draws it; an overview where it does not. */
function createPicture(
  store: Store,
  machine: Machine,
  select: (id: string) => void,
): View & { mark(quantity: Quantity): void } {
  const { layout, picture = overviewOf(machine) } = machine;
  if (layout !== undefined && machine.picture === undefined) {
    const line = createSchematicView(store, machine, layout, select);
    return { ...line, mark: (quantity) => line.mark(componentOf(quantity, layout)?.id) };
  }
  const view =
    'model' in picture
      ? createModelView(store, machine, picture, select)
      : 'svg' in picture
        ? createDrawingView(store, machine, picture, select)
        : createPartsView(store, machine, picture, select);
  return { ...view, mark: (quantity) => view.mark(quantity.id) };
}

/** The sentence on top, and for newcomers what the page is about. */
function createHeadline(store: Store, machine: Machine): View {
  const symbol = h('span', { class: 'symbol', 'aria-hidden': 'true' });
  const sentence = h('span', {});
  const detail = h('p', { class: 'detail' });
  const element = h(
    'div',
    { class: 'headline', id: 'headline' },
    h('h2', {}, symbol, sentence),
    detail,
    h('p', { class: 'intro', text: introOf(machine) }),
  );
  return {
    element,
    update() {
      const now = headlineOf(store);
      element.dataset.mood = now.mood;
      setText(symbol, MOOD_SYMBOLS[now.mood]);
      setText(sentence, now.sentence);
      setText(detail, now.detail);
    },
  };
}

/** What this page is about, for who sees it for the first time. */
function introOf({ quantities }: Machine): string {
  const count = (role: Quantity['role'], one: string, many: string) => {
    const n = quantities.filter((q) => q.role === role).length;
    return `${n} ${n === 1 ? one : many}`;
  };
  const found = [count('parameter', 'parameter', 'parameters')];
  if (quantities.some((q) => q.role === 'virtualSensor')) {
    found.push(count('virtualSensor', 'other quantity', 'other quantities'));
  }
  return `A physics model of the machine runs beside it. From ${count('measured', 'sensor', 'sensors')} it works out ${found.join(' and ')} that no sensor shows, and how sure it is of each.`;
}

/** The automatic choice changes only for something clearly worse, so that the page stays calm. */
function worstIsClear(store: Store, worst: Quantity, focused: Quantity | undefined): boolean {
  if (focused === undefined) return true;
  const now = store.last(focused.id)?.[1] ?? 0;
  const then = store.last(worst.id)?.[1] ?? 0;
  return then > 1.5 * now + Number.EPSILON;
}
