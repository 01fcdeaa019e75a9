import { conditionOf } from './assess.js';
import { h, setText, svg } from './dom.js';
import { formatValue } from './format.js';
import { nameOf } from './names.js';
import { createSymbol, SYMBOL } from './part-symbols.js';
import { bandText, finderOf } from './part-text.js';
import { placesOf } from './parts-places.js';
import type { Machine, PartsPicture, PicturePart, Quantity } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

/** A picture that knows which quantity is looked at. */
export interface PictureView extends View {
  mark(quantityId: string): void;
}

// In units of the picture; letters are 34 high as in every picture of the page.
const WIDTH = 560;
const HEAD = 120;
const LINE = 52;
const GAP_X = 130;
const GAP_Y = 70;
const PAD = 26;
/** From what lies lowest to a link that passes below, and between two of them. */
const BELOW = 56;
/** Letters of a name that have room. */
const NAME_LETTERS = 17;
/** Pixels of the page for a unit of the picture at least: letters of 12 pixels; wider pictures scroll. */
const LEAST_SCALE = 0.35;

interface Box {
  x: number;
  y: number;
  height: number;
}

const heightOf = (part: PicturePart) =>
  Math.max(HEAD, HEAD + LINE * part.shows.length + (part.shows.length > 0 ? PAD / 2 : 0));

/** Where the boxes stand: columns side by side, rows as high as their highest. */
function boxesOf(picture: PartsPicture): Map<string, Box> {
  const places = placesOf(picture);
  const columns = new Map<number, { id: string; row: number; height: number }[]>();
  for (const part of picture.parts) {
    const { column, row } = places.get(part.id) ?? { column: 0, row: 0 };
    const there = columns.get(column) ?? [];
    columns.set(column, [...there, { id: part.id, row, height: heightOf(part) }]);
  }
  const boxes = new Map<string, Box>();
  const total = (there: readonly { height: number }[]) =>
    there.reduce((sum, p) => sum + p.height + GAP_Y, -GAP_Y);
  const highest = Math.max(0, ...[...columns.values()].map(total));
  [...columns.keys()]
    .sort((a, b) => a - b)
    .forEach((column, place) => {
      const there = (columns.get(column) ?? []).toSorted((a, b) => a.row - b.row);
      let y = (highest - total(there)) / 2;
      for (const { id, height } of there) {
        boxes.set(id, { x: place * (WIDTH + GAP_X), y, height });
        y += height + GAP_Y;
      }
    });
  return boxes;
}

/** A way from one box to another, and the middle of it. */
function route(a: Box, b: Box, below: number): { d: string; x: number; y: number } {
  const [ay, by] = [a.y + a.height / 2, b.y + b.height / 2];
  if (a.x === b.x) {
    const down = b.y > a.y;
    const x = a.x + WIDTH / 2;
    const [from, to] = down ? [a.y + a.height, b.y] : [a.y, b.y + b.height];
    return { d: `M${x} ${from}V${to}`, x, y: (from + to) / 2 };
  }
  const [from, to] = [a.x + WIDTH, b.x];
  if (b.x === from + GAP_X) {
    const turn = to - GAP_X / 2;
    return { d: `M${from} ${ay}H${turn}V${by}H${to}`, x: turn, y: (ay + by) / 2 };
  }
  // Back, or past others: below all of them.
  const [leaves, arrives] = [a.x + 0.7 * WIDTH, b.x + 0.3 * WIDTH];
  const d = `M${leaves} ${a.y + a.height}V${below}H${arrives}V${b.y + b.height}`;
  return { d, x: (leaves + arrives) / 2, y: below };
}

const shortened = (text: string) =>
  text.length > NAME_LETTERS ? `${text.slice(0, NAME_LETTERS - 1)}…` : text;

/** Any machine as parts and what joins them, with live values. */
export function createPartsView(
  store: Store,
  machine: Machine,
  picture: PartsPicture,
  select: (quantityId: string) => void,
): PictureView {
  const find = finderOf(machine);
  const boxes = boxesOf(picture);
  const updates: (() => void)[] = [];
  const rows = new Map<string, SVGElement[]>();
  const drawn: SVGElement[] = [];
  const lowest = Math.max(...[...boxes.values()].map((b) => b.y + b.height));
  let belows = 0;
  for (const link of picture.links) {
    const [from, to] = [boxes.get(link.from), boxes.get(link.to)];
    if (from === undefined || to === undefined) continue;
    const passes = to.x !== from.x && to.x !== from.x + WIDTH + GAP_X;
    if (passes) belows++;
    const { d, x, y } = route(from, to, lowest + BELOW * belows);
    drawn.push(svg('path', { class: 'link', d, 'marker-end': 'url(#arrowhead)' }));
    const quantity = find(link.shows);
    if (quantity === undefined) continue;
    const text = svg('text', { class: 'flow', x: String(x), y: String(y - 12) });
    drawn.push(text);
    updates.push(() => setText(text, shortValue(quantity, store)));
  }
  for (const part of picture.parts) {
    const box = boxes.get(part.id);
    if (box !== undefined) drawn.push(drawPart(part, box));
  }

  function drawPart(part: PicturePart, { x, y, height }: Box): SVGElement {
    const title = part.label ?? part.id;
    const symbol = part.plain === true ? undefined : createSymbol(part.kind);
    symbol?.element.setAttribute('transform', `translate(${PAD} 12)`);
    const left = symbol === undefined ? PAD : PAD + SYMBOL + 20;
    const group = svg(
      'g',
      { class: 'part-box', transform: `translate(${x} ${y})`, 'data-part': part.id },
      svg('rect', { class: 'frame', width: String(WIDTH), height: String(height), rx: '14' }),
      ...(symbol === undefined ? [] : [symbol.element]),
      svg('text', { class: 'part start', x: String(left), y: '72', text: shortened(title) }),
      ...part.shows.flatMap((variable, k) => {
        const quantity = find(variable);
        return quantity === undefined ? [] : [drawRow(quantity, HEAD + LINE * k)];
      }),
    );
    const shown = part.shows.map(find).filter((q) => q !== undefined);
    const level = part.level;
    const filling = find(level?.variable);
    updates.push(() => {
      const conditions = shown.map((q) => conditionOf(q, store.last(q.id)));
      const worst = (['beyond', 'near'] as const).find((c) => conditions.includes(c));
      group.setAttribute('data-condition', worst ?? 'good');
      if (level === undefined || filling === undefined) return;
      const value = store.last(filling.id)?.[1];
      const [empty, full] = level.range;
      symbol?.fill(
        value === undefined || value === null ? undefined : (value - empty) / (full - empty),
      );
    });
    return group;
  }

  function drawRow(quantity: Quantity, y: number): SVGElement {
    const name = nameOf(quantity, machine.layout);
    const value = svg('text', {
      class: 'part-value',
      'aria-hidden': 'true',
      ...{ x: String(WIDTH - PAD), y: '36' },
    });
    const title = svg('title');
    // Its texts stay outside of the button, whose name tells more than they do.
    const button = svg(
      'g',
      { role: 'button', tabindex: '0' },
      title,
      svg('rect', {
        class: 'hit',
        ...{ x: '8', width: String(WIDTH - 16), height: String(LINE), rx: '8' },
      }),
    );
    const row = svg(
      'g',
      { class: 'part-row', transform: `translate(0 ${y})`, 'data-quantity': quantity.id },
      button,
      svg('text', {
        class: 'part-name',
        'aria-hidden': 'true',
        ...{ x: String(PAD), y: '36', text: shortened(name) },
      }),
      value,
    );
    const choose = () => select(quantity.id);
    button.addEventListener('click', choose);
    button.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      choose();
    });
    rows.set(quantity.id, [...(rows.get(quantity.id) ?? []), row]);
    updates.push(() => {
      row.setAttribute('data-condition', conditionOf(quantity, store.last(quantity.id)));
      setText(value, shortValue(quantity, store));
      const text = `${name}: ${bandText(quantity, store)}`;
      setText(title, text);
      button.setAttribute('aria-label', text);
    });
    return row;
  }

  const all = [...boxes.values()];
  const width = Math.max(...all.map((b) => b.x + WIDTH)) + 24;
  const height = lowest + BELOW * belows + 24;
  const arrow = svg(
    'marker',
    {
      id: 'arrowhead',
      ...{ viewBox: '0 0 10 10', refX: '9', refY: '5', markerWidth: '6', markerHeight: '6' },
      orient: 'auto-start-reverse',
    },
    svg('path', { class: 'head', d: 'M0 0L10 5L0 10Z' }),
  );
  const drawing = svg(
    'svg',
    {
      viewBox: `-12 -12 ${width} ${height}`,
      class: 'parts',
      role: 'group',
      'aria-label': `Parts of ${machine.name}`,
    },
    svg('defs', {}, arrow),
    ...drawn,
  );
  drawing.style.minWidth = `${Math.round(LEAST_SCALE * width)}px`;
  return pictureView(drawing, updates, rows, 'Click on a value for a closer look.');
}

/** A section of the page around a drawing. */
export function pictureView(
  drawing: SVGElement,
  updates: readonly (() => void)[],
  marks: ReadonlyMap<string, readonly SVGElement[]>,
  hint: string,
): PictureView {
  const element = h(
    'section',
    { id: 'schematic', 'aria-labelledby': 'schematic-title' },
    h('h2', { id: 'schematic-title', text: 'The machine now' }),
    h('div', { class: 'picture' }, drawing),
    h('p', { class: 'hint', text: hint }),
  );
  return {
    element,
    update() {
      for (const update of updates) update();
    },
    mark(quantityId) {
      for (const [id, nodes] of marks) {
        for (const node of nodes) node.classList.toggle('selected', id === quantityId);
      }
    },
  };
}

/** A value with the digits that its band supports. */
export function shortValue(quantity: Quantity, store: Store): string {
  const row = store.last(quantity.id);
  if (row === undefined) return '–';
  const [, mean, lower, upper] = row;
  return formatValue(
    mean,
    quantity.unit,
    lower === null || upper === null ? undefined : upper - lower,
  );
}
