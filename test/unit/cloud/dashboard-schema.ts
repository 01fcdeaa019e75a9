import { z } from 'zod';

const datasource = z.strictObject({ type: z.string().min(1), uid: z.string().min(1) });
const query = z.strictObject({
  refId: z.string().regex(/^[A-Z][A-Z0-9]*$/),
  datasource,
  queryType: z.enum(['PropertyValue', 'PropertyValueHistory', 'PropertyAggregate']),
  propertyAliases: z.array(z.string().min(1)).min(1).max(16),
  quality: z.enum(['GOOD', 'ANY']).optional(),
  timeOrdering: z.literal('ASCENDING').optional(),
  responseFormat: z.enum(['timeseries', 'table']),
  lastObservation: z.boolean().optional(),
  maxPageAggregations: z.int().positive().optional(),
  resolution: z.enum(['AUTO', '1m', '15m', '1h', '1d']).optional(),
  aggregates: z.array(z.enum(['AVERAGE', 'COUNT'])).optional(),
});
const gridPos = z.object({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
});
const steps = z
  .array(z.object({ color: z.string(), value: z.number().nullable() }))
  .min(1)
  .refine((list) => list[0]?.value === null, 'the first step is the base')
  .refine(
    (list) => list.every((s, i) => i < 2 || (s.value ?? 0) > (list[i - 1]?.value ?? 0)),
    'steps rise',
  );
const panel = z.object({
  id: z.int().positive(),
  type: z.enum(['timeseries', 'table', 'state-timeline']),
  title: z.string().min(1),
  datasource,
  gridPos,
  targets: z.array(query).min(1),
  fieldConfig: z.object({
    defaults: z.object({ thresholds: z.object({ steps }).optional() }),
    overrides: z.array(
      z.object({
        matcher: z.object({ id: z.enum(['byRegexp', 'byFrameRefID']), options: z.string() }),
        properties: z.array(z.object({ id: z.string(), value: z.unknown() })).min(1),
      }),
    ),
  }),
});
const scene = z.object({
  id: z.int().positive(),
  type: z.literal('grafana-iot-twinmaker-sceneviewer-panel'),
  gridPos,
  options: z.object({ sceneId: z.string(), customSelEntityVarName: z.literal(`\${sel_entity}`) }),
});
const row = z.object({
  id: z.int().positive(),
  type: z.literal('row'),
  title: z.string(),
  collapsed: z.boolean(),
  panels: z.array(panel),
  gridPos,
});
/** What Grafana demands of a dashboard, and we of ours. */
const dashboardSchema = z.object({
  uid: z.string().min(1).max(40),
  title: z.string().min(1),
  schemaVersion: z.int().min(36),
  refresh: z.enum(['5m', '15m', '1h']),
  time: z.object({ from: z.string(), to: z.literal('now') }),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.enum(['datasource', 'custom', 'query']) })),
  }),
  panels: z.array(z.discriminatedUnion('type', [row, scene, panel])),
});
/** A dashboard that passed. */
export type Checked = z.output<typeof dashboardSchema>;

/** A dashboard as Grafana would read it. */
export const checked = (value: unknown): Checked =>
  dashboardSchema.parse(JSON.parse(JSON.stringify(value)));
/** Its charts, those in rows too. */
export const chartsOf = ({ panels }: Checked) =>
  panels.flatMap((p) => ('panels' in p ? p.panels : 'targets' in p ? [p] : []));
