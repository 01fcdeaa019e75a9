import { svg } from './dom.js';
import type { PicturePart } from './protocol.js';

/** Side of a symbol's square, in the picture's units. */
export const SYMBOL = 96;

type Shape = readonly [
  tag: 'path' | 'circle' | 'rect',
  attributes: Readonly<Record<string, string>>,
];

const path = (d: string): Shape => ['path', { d }];

/** How parts are drawn, in a square of 96. */
const SHAPES: Readonly<Record<PicturePart['kind'], readonly Shape[]>> = {
  box: [path('M14 30L48 12L82 30V68L48 86L14 68ZM14 30L48 48L82 30M48 48V86')],
  tank: [path('M22 10H74V76Q74 88 48 88Q22 88 22 76Z')],
  pump: [['circle', { cx: '48', cy: '48', r: '36' }], path('M30 18L84 48L30 78')],
  valve: [path('M10 28L86 68V28L10 68ZM48 48V16M34 16H62')],
  pipe: [path('M6 34H90M6 62H90M18 34V62M78 34V62')],
  'heat-exchanger': [
    ['circle', { cx: '48', cy: '48', r: '36' }],
    path('M4 48H24L36 28L60 68L72 48H92'),
  ],
  heater: [path('M6 48H20L28 28L40 68L52 28L64 68L74 48H90')],
  motor: [['circle', { cx: '48', cy: '48', r: '36' }], path('M32 64V34L48 54L64 34V64')],
  fan: [
    ['circle', { cx: '48', cy: '48', r: '36' }],
    path('M48 48Q30 24 48 16Q66 24 48 48Q78 46 76 64Q60 76 48 48Q36 76 20 64Q18 46 48 48'),
  ],
  battery: [
    ['rect', { x: '24', y: '18', width: '48', height: '70', rx: '4' }],
    path('M38 18V8H58V18'),
  ],
};

/** Inside of the symbols that can be full: x, y, width, height. */
const INSIDE: Partial<Record<PicturePart['kind'], readonly [number, number, number, number]>> = {
  tank: [24, 12, 48, 74],
  battery: [27, 21, 42, 64],
};

/** A part's symbol, and how full it is drawn where that can be. */
export function createSymbol(kind: PicturePart['kind']): {
  element: SVGElement;
  fill(share: number | undefined): void;
} {
  const inside = INSIDE[kind];
  const level = svg('rect', { class: 'level', width: '0', height: '0' });
  const element = svg(
    'g',
    { class: 'symbol', 'aria-hidden': 'true' },
    ...(inside === undefined ? [] : [level]),
    ...SHAPES[kind].map(([tag, attributes]) => svg(tag, attributes)),
  );
  return {
    element,
    fill(share) {
      if (inside === undefined) return;
      const [x, y, width, height] = inside;
      const full = Math.min(1, Math.max(0, share ?? 0)) * height;
      level.setAttribute('x', String(x));
      level.setAttribute('y', String(y + height - full));
      level.setAttribute('width', String(width));
      level.setAttribute('height', String(full));
    },
  };
}
