import { z } from 'zod';

const name = z.string().min(1);
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low !== high, { message: 'expected two different numbers' });

/** What parts of any machine may be drawn as. */
const PART_KINDS = [
  'box',
  'tank',
  'pump',
  'valve',
  'pipe',
  'heat-exchanger',
  'heater',
  'motor',
  'fan',
  'battery',
] as const;

const part = z.strictObject({
  id: name.max(40).describe('Short name, unique in the picture, e.g. `T1`.'),
  kind: z.enum(PART_KINDS).default('box').describe('What it is; decides its symbol.'),
  label: name.max(80).optional().describe('What people call it; default: its id.'),
  x: z.number().int().min(0).max(50).optional().describe('Its column, from 0; default: by links.'),
  y: z.number().int().min(0).max(50).optional().describe('Its row, from 0; default: by links.'),
  shows: z.array(name).max(12).default([]).describe('Variables whose values stand in it.'),
  level: z
    .strictObject({
      variable: name,
      range: range.describe('What empty and full are, in the variable’s unit.'),
    })
    .optional()
    .describe('How full a tank or battery is drawn.'),
});

const link = z.strictObject({
  from: name,
  to: name,
  shows: name.optional().describe('Variable whose value stands beside it, e.g. a flow.'),
});

const binding = z.strictObject({
  element: name.describe('The id of an element of the SVG, the name of a node of the model.'),
  variable: name,
  as: z
    .enum(['text', 'colour', 'level', 'rotation'])
    .describe(
      'What of the element the value sets: its text, or a text above a node; its fill or material; how much of its height is there, from below; its angle about its middle, or about a node’s origin.',
    ),
  range: range
    .optional()
    .describe(
      'Values of the first and the last colour, of empty and full, of the first and the last angle. Of a colour the default is from 0 to the limit.',
    ),
  degrees: range
    .default([0, 360])
    .describe('Of a rotation: the angles of the range’s ends, clockwise.'),
  axis: z
    .enum(['x', 'y', 'z'])
    .optional()
    .describe(
      'Of a model’s node: the axis of its own that it turns about (default z) or along which its level grows (default y).',
    ),
});

/** A picture of any machine for the page; the estimator does not look at it. */
export const pictureSchema = z
  .strictObject({
    parts: z.array(part).max(60).optional().describe('Parts, each with a symbol and values.'),
    links: z.array(link).max(120).optional().describe('What joins them.'),
    svg: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A drawing of one’s own: path of an SVG, relative to this file. Scripts, style sheets and what lies outside of it are not shown.',
      ),
    glb: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A model of one’s own: path of a binary glTF (.glb, metres, y upwards), relative to this file. The page shows it in 3-D, TwinMaker in its scene.',
      ),
    bind: z
      .array(binding)
      .max(500)
      .optional()
      .describe('What values do to the SVG’s elements, or to the model’s nodes.'),
  })
  .superRefine((picture, context) => {
    const add = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const { parts, svg, glb } = picture;
    if ([parts, svg, glb].filter((given) => given !== undefined).length !== 1) {
      add([], 'expected one of `parts` (with `links`), `svg` and `glb` (each with `bind`)');
    }
    if (svg === undefined && glb === undefined && picture.bind !== undefined) {
      add(['bind'], 'expected it beside `svg` or `glb` only');
    }
    if (picture.parts === undefined && picture.links !== undefined) {
      add(['links'], 'expected them beside `parts` only');
    }
    const ids = new Set<string>();
    picture.parts?.forEach((p, i) => {
      if (ids.has(p.id)) add(['parts', i, 'id'], 'expected an id that no other part has');
      ids.add(p.id);
      if (p.level !== undefined && p.kind !== 'tank' && p.kind !== 'battery') {
        add(['parts', i, 'level'], 'expected it of a tank or a battery only');
      }
    });
    picture.links?.forEach((l, i) => {
      for (const end of ['from', 'to'] as const) {
        if (!ids.has(l[end])) {
          add(['links', i, end], `expected the id of a part: ${[...ids].join(', ')}`);
        }
      }
    });
    picture.bind?.forEach((b, i) => {
      if ((b.as === 'level' || b.as === 'rotation') && b.range === undefined) {
        add(['bind', i, 'range'], `expected it where \`as\` is "${b.as}"`);
      }
      if (
        b.axis !== undefined &&
        (glb === undefined || (b.as !== 'level' && b.as !== 'rotation'))
      ) {
        add(['bind', i, 'axis'], 'expected it of a model’s levels and rotations only');
      }
    });
  });

export type TwinPicture = z.output<typeof pictureSchema>;

/** Variables that a picture shows, with where it names them. */
export function pictureVariables(picture: TwinPicture): { path: string; variable: string }[] {
  return [
    ...(picture.parts ?? []).flatMap((p, i) => [
      ...p.shows.map((variable, k) => ({ path: `picture.parts[${i}].shows[${k}]`, variable })),
      ...(p.level === undefined
        ? []
        : [{ path: `picture.parts[${i}].level.variable`, variable: p.level.variable }]),
    ]),
    ...(picture.links ?? []).flatMap((l, i) =>
      l.shows === undefined ? [] : [{ path: `picture.links[${i}].shows`, variable: l.shows }],
    ),
    ...(picture.bind ?? []).map((b, i) => ({
      path: `picture.bind[${i}].variable`,
      variable: b.variable,
    })),
  ];
}
