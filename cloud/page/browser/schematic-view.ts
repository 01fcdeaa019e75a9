import { type Point, tangentBetween, wrapAngle } from '../../../shared/scene/web-path.js';
import { conditionOf, severityOf } from './assess.js';
import { scaleColour } from './colour-scale.js';
import { h, setText, svg } from './dom.js';
import { formatSpan } from './format.js';
import { componentLines, type Find, finderOf, spanLine } from './part-text.js';
import type { Layout, LayoutComponent, Machine } from './protocol.js';
import type { Store } from './store.js';
import { tensionShare } from './tension-share.js';
import type { View } from './view.js';

/** Room around the machine, millimetres. */
const MARGIN = 160;

/** Browsers draw letters badly that are smaller than a unit: the picture is in millimetres. */
function inMillimetres(layout: Layout): Layout {
  const components = layout.components.map((c) => ({
    ...c,
    x: c.x * 1000,
    y: c.y * 1000,
    radiusM: c.radiusM * 1000,
  }));
  return { ...layout, components };
}

/** The machine as a picture: rollers coloured by drag, the web by tension, values beside them. */
export function createSchematicView(
  store: Store,
  machine: Machine,
  metres: Layout,
  select: (quantityId: string) => void,
): View & { mark(componentId: string | undefined): void } {
  const layout = inMillimetres(metres);
  const find = finderOf(machine);
  const byId = new Map(layout.components.map((c) => [c.id, c]));
  const updates: (() => void)[] = [];

  const picture = svg('svg', {
    viewBox: viewBoxOf(layout),
    role: 'group',
    'aria-label': `Schematic of ${machine.name}`,
  });
  const labels = drawWeb(picture, layout, byId, find, store, updates, select);
  const marks = new Map<string, SVGElement>();
  for (const component of layout.components) {
    const node = drawComponent(component, find, store, updates, select);
    marks.set(component.id, node);
    picture.append(node);
  }
  picture.append(...labels);
  const holder = h('div', { class: 'picture' });
  holder.append(picture);
  const inSpace = createSpaceToggle(store, machine, metres, select, holder, picture);
  const title = h('h2', { id: 'schematic-title', text: 'The machine now' });
  const element = h(
    'section',
    { id: 'schematic', 'aria-labelledby': 'schematic-title' },
    h('div', { class: 'bar between' }, title, inSpace.button),
    holder,
    legend(),
  );
  return {
    element,
    update() {
      setText(title, titleOf(store, machine));
      for (const update of updates) update();
      inSpace.update();
    },
    mark(componentId) {
      for (const [id, node] of marks) node.classList.toggle('selected', id === componentId);
    },
  };
}

/** The picture says of what instant it is, unless that is now. */
function titleOf(store: Store, machine: Machine): string {
  const { status } = store;
  const atMs = status?.calibratedAtMs;
  if (status === undefined || atMs === undefined || status.freshness.state === 'live') {
    return 'The machine now';
  }
  const behindS = Math.max(0, status.nowMs - atMs) / 1000;
  const scale = machine.axis === 'machine' ? (status.timeScale ?? 1) : 1;
  return `The machine ${formatSpan(behindS * scale)} ago`;
}

/** A button that shows the line in space instead; what that takes is loaded only then. */
function createSpaceToggle(
  store: Store,
  machine: Machine,
  layout: Layout,
  select: (quantityId: string) => void,
  holder: HTMLElement,
  flat: SVGElement,
): { button: HTMLButtonElement; update(): void } {
  const button = h('button', { type: 'button', class: 'toggle', text: 'Show in 3-D' });
  let scene: (View & { destroy(): void }) | undefined;
  async function show(): Promise<void> {
    const { createSceneView } = await import('./scene-view.js');
    scene = await createSceneView(store, machine, layout, select);
    holder.replaceChildren(scene.element);
    scene.update();
    setText(button, 'Show flat');
  }
  button.addEventListener('click', () => {
    if (scene === undefined) {
      button.disabled = true;
      show()
        .catch(() => setText(button, '3-D is not available in this browser'))
        .finally(() => {
          button.disabled = scene === undefined;
        });
      return;
    }
    scene.destroy();
    scene = undefined;
    holder.replaceChildren(flat);
    setText(button, 'Show in 3-D');
  });
  return { button, update: () => scene?.update() };
}

function viewBoxOf(layout: Layout): string {
  const left = Math.min(...layout.components.map((c) => c.x - c.radiusM)) - MARGIN / 2;
  const right = Math.max(...layout.components.map((c) => c.x + c.radiusM)) + MARGIN / 2;
  const top = Math.max(...layout.components.map((c) => c.y + c.radiusM)) + MARGIN;
  const bottom = Math.min(...layout.components.map((c) => c.y - c.radiusM)) - MARGIN;
  return `${left} ${-top} ${right - left} ${top - bottom}`;
}

function legend(): HTMLElement {
  return h(
    'p',
    { class: 'hint legend' },
    h('span', { class: 'ramp', 'aria-hidden': 'true' }),
    h('span', {
      text: 'Rollers are coloured by drag, from none to the alarm limit; the web by how far its tension has moved since this page’s history began. Web runs from left to right. Click on a part for a closer look.',
    }),
  );
}

/** Draws the web below everything; @returns the labels that belong on top. */
function drawWeb(
  picture: SVGElement,
  layout: Layout,
  byId: ReadonlyMap<string, LayoutComponent>,
  find: Find,
  store: Store,
  updates: (() => void)[],
  select: (id: string) => void,
): SVGElement[] {
  const arrives = new Map<string, Point>();
  const leaves = new Map<string, Point>();
  const labels: SVGElement[] = [];
  for (const span of layout.spans) {
    const from = byId.get(span.from);
    const to = byId.get(span.to);
    if (from === undefined || to === undefined) continue;
    const tangent = tangentBetween(from, to);
    leaves.set(from.id, tangent.from);
    arrives.set(to.id, tangent.to);
    // On screens y grows downwards.
    const ends = {
      x1: String(tangent.from.x),
      y1: String(-tangent.from.y),
      x2: String(tangent.to.x),
      y2: String(-tangent.to.y),
    };
    const title = svg('title');
    const line = svg('line', { ...ends, class: 'web' });
    const target = svg('line', { ...ends, class: 'target' }, title);
    picture.append(line, target);
    const quantity = find(span.tension);
    if (quantity === undefined) continue;
    const label = svg('text', {
      x: String((tangent.from.x + tangent.to.x) / 2 + 18),
      y: String(-(tangent.from.y + tangent.to.y) / 2),
      class: 'tension',
    });
    labels.push(label);
    target.addEventListener('click', () => select(quantity.id));
    updates.push(() => {
      const row = store.now(quantity.id);
      const value = row?.[1];
      line.style.stroke = scaleColour(tensionShare(store, quantity.id));
      setText(label, value === undefined || value === null ? '' : `${value.toFixed(0)}`);
      setText(title, spanLine(span, find, store));
    });
  }
  for (const component of layout.components) {
    const a = arrives.get(component.id);
    const b = leaves.get(component.id);
    if (a === undefined || b === undefined) continue;
    picture.append(svg('path', { class: 'web wrap', d: wrapPath(component, a, b) }));
  }
  return labels;
}

/** The arc of web on a roller, from where it arrives to where it leaves. */
function wrapPath(c: LayoutComponent, arrives: Point, leaves: Point): string {
  const large = wrapAngle(c, arrives, leaves) > Math.PI ? 1 : 0;
  const sweep = c.web === 'over' ? 1 : 0;
  const r = c.radiusM;
  return `M${arrives.x} ${-arrives.y}A${r} ${r} 0 ${large} ${sweep} ${leaves.x} ${-leaves.y}`;
}

function drawComponent(
  c: LayoutComponent,
  find: Find,
  store: Store,
  updates: (() => void)[],
  select: (id: string) => void,
): SVGElement {
  const drag = find(c.drag);
  const shown = drag ?? find(c.speed) ?? find(c.slip);
  const title = svg('title');
  const body = svg('circle', { r: String(c.radiusM), class: 'body' });
  // Its texts stay outside of the button, whose name tells more than they do.
  const button = svg(
    'g',
    shown === undefined ? {} : { tabindex: '0', role: 'button' },
    title,
    body,
  );
  const group = svg(
    'g',
    {
      class: `component ${c.kind}`,
      transform: `translate(${c.x} ${-c.y})`,
      'data-component': c.id,
    },
    button,
  );
  if (c.kind === 'unwinder' || c.kind === 'winder') {
    for (const share of [0.35, 0.57, 0.79]) {
      button.append(svg('circle', { r: String(share * c.radiusM), class: 'turns' }));
    }
  }
  if (c.kind === 'nip') {
    // The second roller of the pair presses from the other side of the web.
    const away = (c.web === 'over' ? -1 : 1) * 1.72 * c.radiusM;
    button.append(svg('circle', { cy: String(away), r: String(0.72 * c.radiusM), class: 'body' }));
  }
  if (c.kind === 'dancer') {
    const reach = (c.web === 'over' ? -1 : 1) * 2.4 * c.radiusM;
    button.append(
      svg('path', {
        class: 'arrow',
        d: `M0 ${-reach * 0.55}V${-reach}M0 ${reach * 0.55}V${reach}`,
      }),
    );
  }
  const name = svg('text', { class: 'part', y: '12', text: c.id, 'aria-hidden': 'true' });
  const side = c.web === 'over' ? 1 : -1;
  const value = svg('text', {
    'aria-hidden': 'true',
    class: 'figure',
    y: String(side * (c.radiusM + 34) + 11),
  });
  group.append(name, value);
  if (shown !== undefined) {
    const choose = () => select(shown.id);
    button.addEventListener('click', choose);
    button.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      choose();
    });
  }
  updates.push(() => {
    const lines = componentLines(c, find, store);
    if (drag !== undefined) {
      const row = store.now(drag.id);
      const condition = conditionOf(drag, row);
      if (row !== undefined) body.style.fill = scaleColour(Math.min(1, severityOf(drag, row)));
      group.setAttribute('data-condition', condition);
      const mean = row?.[1];
      setText(value, mean === undefined || mean === null ? '' : mean.toFixed(3));
    }
    setText(title, lines.join('\n'));
    button.setAttribute('aria-label', lines.join(', '));
  });
  return group;
}
