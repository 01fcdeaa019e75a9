import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';

/** Aliases that one query of the SiteWise plugin asks for: its batches hold so many. */
const ALIASES_PER_QUERY = 16;

type Json = Record<string, unknown>;

interface Estimated {
  variable: string;
  alias: string;
  unit: string;
  alarm?: { above?: number | undefined; below?: number | undefined } | undefined;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own notation of a variable
const datasource = { type: 'grafana-iot-sitewise-datasource', uid: '${datasource}' };

function targets(aliases: readonly string[]): Json[] {
  const queries: Json[] = [];
  for (let i = 0; i < aliases.length; i += ALIASES_PER_QUERY) {
    queries.push({
      refId: `Q${queries.length}`,
      datasource,
      queryType: 'PropertyValueHistory',
      propertyAliases: aliases.slice(i, i + ALIASES_PER_QUERY),
      quality: 'GOOD',
      timeOrdering: 'ASCENDING',
      responseFormat: 'timeseries',
      lastObservation: false,
    });
  }
  return queries;
}

const ending = (suffix: string) => ({ id: 'byRegexp', options: `/${suffix}$/` });

/** One estimate: its mean, its 95 % band filled, its limits dashed. */
function bandPanel({ variable, alias, unit, alarm }: Estimated): Json {
  const below = alarm?.below;
  const above = alarm?.above;
  return {
    type: 'timeseries',
    title: unit === '' ? variable : `${variable} [${unit}]`,
    datasource,
    targets: targets([alias, `${alias}_lower`, `${alias}_upper`]),
    fieldConfig: {
      defaults: {
        custom: {
          lineWidth: 2,
          spanNulls: true,
          thresholdsStyle: { mode: alarm === undefined ? 'off' : 'dashed' },
        },
        thresholds: {
          mode: 'absolute',
          steps: [
            { color: below === undefined ? 'green' : 'red', value: null },
            ...(below === undefined ? [] : [{ color: 'green', value: below }]),
            ...(above === undefined ? [] : [{ color: 'red', value: above }]),
          ],
        },
      },
      overrides: [
        {
          matcher: ending('_lower'),
          properties: [
            { id: 'displayName', value: 'lower 95 %' },
            { id: 'custom.lineWidth', value: 0 },
          ],
        },
        {
          matcher: ending('_upper'),
          properties: [
            { id: 'displayName', value: 'upper 95 %' },
            { id: 'custom.lineWidth', value: 0 },
            { id: 'custom.fillBelowTo', value: 'lower 95 %' },
            { id: 'custom.fillOpacity', value: 25 },
          ],
        },
      ],
    },
    options: { legend: { showLegend: false }, tooltip: { mode: 'multi' } },
  };
}

function linesPanel(title: string, aliases: readonly string[], type = 'timeseries'): Json {
  return { type, title, datasource, targets: targets(aliases) };
}

/**
 * A Grafana dashboard of one asset for the SiteWise plugin: measured streams, parameters and
 * virtual sensors with their bands and limits, health and alarms; queries by alias, in batches.
 *
 * @param twin the definition with the asset's aliases
 */
export function buildDashboard(twin: TwinDefinition): Json {
  const health = healthAliases(twin);
  const inputs = twin.inputs.flatMap((i) => (i.alias === undefined ? [] : [i.alias]));
  const wide = [
    linesPanel('Measured', [...inputs, ...twin.measured.map((m) => m.alias)]),
    linesPanel('NIS', [health.nis]),
    linesPanel('Alarms', [health.alarms], 'table'),
  ];
  const panels: Json[] = [];
  let y = 0;
  const add = (list: readonly Json[], columns: number, height: number) => {
    const w = 24 / columns;
    list.forEach((panel, i) => {
      const gridPos = {
        x: (i % columns) * w,
        y: y + Math.floor(i / columns) * height,
        w,
        h: height,
      };
      panels.push({ id: panels.length + 1, ...panel, gridPos });
    });
    y += Math.ceil(list.length / columns) * height;
  };
  add(wide, 3, 9);
  for (const [title, list] of [
    ['Parameters', twin.parameters],
    ['Virtual sensors', twin.virtualSensors],
  ] as const) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
    });
    add(list.map(bandPanel), 3, 7);
  }
  return {
    uid: `twinloop-${twin.name}`.slice(0, 40),
    title: `Twin ${twin.name}`,
    schemaVersion: 41,
    editable: true,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Data source',
          type: 'datasource',
          query: 'grafana-iot-sitewise-datasource',
        },
      ],
    },
    panels,
  };
}
