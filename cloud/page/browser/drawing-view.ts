import { conditionOf, severityOf } from './assess.js';
import { scaleColour } from './colour-scale.js';
import { setText, svg } from './dom.js';
import { nameOf } from './names.js';
import { bandText, finderOf } from './part-text.js';
import { type PictureView, pictureView, shortValue } from './parts-view.js';
import type { DrawnPicture, Machine, PictureBinding, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** Elements that only draw. All else (scripts, foreign content, style sheets, animations) is left out. */
const DRAWS = new Set(
  'svg g path rect circle ellipse line polyline polygon text tspan defs linearGradient radialGradient stop clipPath mask marker pattern symbol use title desc'.split(
    ' ',
  ),
);

/** What style attributes are called while a drawing is parsed. */
const INERT_STYLE = 'data-style';

/**
 * A drawing's text without what the page's policy forbids already while it is parsed: style attributes
 * are set property by property later, the rest is gone. What may stay is decided on the elements.
 */
const inert = (text: string): string =>
  text
    .replace(/\sstyle\s*=/gi, ` ${INERT_STYLE}=`)
    .replace(/\son(\w+)\s*=/gi, ' data-on$1=')
    .replace(/(<\/?)(style|script)\b/gi, '$1metadata');

/** A copy of an element that can do nothing but draw. */
function harmless(element: Element): SVGElement | undefined {
  if (!DRAWS.has(element.localName)) return undefined;
  const copy = svg(element.localName as 'g');
  for (const { localName, name, value } of element.attributes) {
    if (/^(on|data-on)/.test(localName) || name.startsWith('xmlns')) continue;
    // References into the drawing itself only.
    if (localName === 'href' && !value.trim().startsWith('#')) continue;
    if (/url\(\s*['"]?(?!['"]?#)/i.test(value)) continue;
    if (localName === INERT_STYLE) {
      for (const rule of value.split(';')) {
        const at = rule.indexOf(':');
        if (at > 0) copy.style.setProperty(rule.slice(0, at).trim(), rule.slice(at + 1).trim());
      }
    } else if (localName === 'href') copy.setAttribute('href', value);
    else if (!name.includes(':')) copy.setAttribute(localName, value);
  }
  for (const child of element.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.textContent ?? '');
    else if (child.nodeType === Node.ELEMENT_NODE) {
      const kept = harmless(child as Element);
      if (kept !== undefined) copy.append(kept);
    }
  }
  return copy;
}

/** How far a value lies in a range, 0 to 1. */
function shareOf(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** What one binding does to its element, as a function of the value. */
function actionOf(
  element: SVGGraphicsElement,
  binding: PictureBinding,
  quantity: Quantity,
  store: Store,
): () => void {
  const { as, range, degrees } = binding;
  const value = () => store.last(quantity.id)?.[1] ?? undefined;
  if (as === 'text') return () => setText(element, shortValue(quantity, store));
  if (as === 'colour') {
    return () => {
      const now = value();
      const share =
        now === undefined
          ? undefined
          : range === undefined
            ? Math.min(1, severityOf(quantity, store.last(quantity.id)))
            : shareOf(now, range);
      if (share !== undefined) element.style.fill = scaleColour(share);
    };
  }
  const given = element.getAttribute('transform') ?? '';
  return () => {
    const now = value();
    if (now === undefined || range === undefined) return;
    const { x, y, width, height } = element.getBBox();
    const share = shareOf(now, range);
    const [from, to] = degrees;
    const change =
      as === 'rotation'
        ? `rotate(${from + share * (to - from)} ${x + width / 2} ${y + height / 2})`
        : `translate(0 ${y + height}) scale(1 ${share}) translate(0 ${-(y + height)})`;
    element.setAttribute('transform', `${given} ${change}`.trim());
  };
}

/** A drawing of one's own, whose elements follow values. */
export function createDrawingView(
  store: Store,
  machine: Machine,
  picture: DrawnPicture,
  select: (quantityId: string) => void,
): PictureView {
  const find = finderOf(machine);
  const parsed = new DOMParser().parseFromString(
    inert(picture.svg),
    'image/svg+xml',
  ).documentElement;
  const drawing = harmless(parsed) ?? svg('svg');
  drawing.setAttribute('class', 'drawing');
  drawing.setAttribute('role', 'group');
  drawing.setAttribute('aria-label', `Drawing of ${machine.name}`);
  const updates: (() => void)[] = [];
  const marks = new Map<string, SVGElement[]>();
  for (const binding of picture.bind) {
    const element = drawing.querySelector<SVGGraphicsElement>(`#${CSS.escape(binding.element)}`);
    const quantity = find(binding.variable);
    if (element === null || quantity === undefined) continue;
    updates.push(actionOf(element, binding, quantity, store));
    element.classList.add('bound');
    element.setAttribute('role', 'button');
    element.setAttribute('tabindex', '0');
    const choose = () => select(quantity.id);
    element.addEventListener('click', choose);
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      choose();
    });
    marks.set(quantity.id, [...(marks.get(quantity.id) ?? []), element]);
    updates.push(() => {
      const text = `${nameOf(quantity, machine.layout)}: ${bandText(quantity, store)}`;
      element.setAttribute('aria-label', text);
      element.setAttribute('data-condition', conditionOf(quantity, store.last(quantity.id)));
    });
  }
  return pictureView(drawing, updates, marks, 'Click on a value for a closer look.');
}
