import { z } from 'zod';

const name = z.string().min(1);
const metres = z.number();

const component = z.strictObject({
  id: name.describe('Short name, unique in the layout, e.g. `R9`.'),
  kind: z
    .enum(['unwinder', 'roller', 'dancer', 'nip', 'winder'])
    .describe('What it is; decides how it is drawn.'),
  x: metres.describe('Along the line, metres.'),
  y: metres.describe('Height, metres.'),
  radiusM: z.number().positive().default(0.05).describe('Radius, metres.'),
  web: z
    .enum(['over', 'under'])
    .default('over')
    .describe('Whether the web, running to the right, passes over or under it.'),
  speed: name.optional().describe('Variable of its angular velocity, rad/s.'),
  drag: name.optional().describe("Parameter of its bearing's drag."),
  slip: name.optional().describe('Variable of the slip velocity on it.'),
});

/** Where the parts of a web line are, for pictures of it; the estimator does not look at it. */
export const layoutSchema = z
  .strictObject({
    components: z.array(component).min(2).describe('In the order of the web’s travel.'),
    spans: z
      .array(z.strictObject({ from: name, to: name, tension: name.optional() }))
      .default([])
      .describe('Free lengths of web between two components, with the variable of their tension.'),
  })
  .superRefine((layout, context) => {
    const ids = new Set<string>();
    layout.components.forEach((c, i) => {
      if (ids.has(c.id)) {
        context.addIssue({
          code: 'custom',
          path: ['components', i, 'id'],
          message: 'expected an id that no other component has',
        });
      }
      ids.add(c.id);
    });
    layout.spans.forEach((span, i) => {
      for (const end of ['from', 'to'] as const) {
        if (ids.has(span[end])) continue;
        context.addIssue({
          code: 'custom',
          path: ['spans', i, end],
          message: `expected the id of a component: ${[...ids].join(', ')}`,
        });
      }
    });
  });

export type TwinLayout = z.output<typeof layoutSchema>;
