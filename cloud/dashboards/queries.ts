import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';

/** Type of Grafana's data source for SiteWise. */
export const SITEWISE_PLUGIN = 'grafana-iot-sitewise-datasource';
/** Type of Grafana's data source for TwinMaker, whose panels show scenes. */
export const TWINMAKER_PLUGIN = 'grafana-iot-twinmaker-datasource';

/** Aliases that one query asks for: as many as one call of SiteWise takes. */
const ALIASES_PER_QUERY = 16;

/** Which data source answers: a uid, or a variable that holds one. */
export interface DatasourceRef {
  type: string;
  uid: string;
}

/** What the SiteWise plugin is asked, as its query editor would store it. */
export interface SiteWiseQuery {
  queryType: 'PropertyValue' | 'PropertyValueHistory' | 'PropertyAggregate';
  propertyAliases: readonly string[];
  responseFormat: 'timeseries' | 'table';
  quality?: 'GOOD' | 'ANY';
  timeOrdering?: 'ASCENDING';
  lastObservation?: boolean;
  maxPageAggregations?: number;
  resolution?: 'AUTO' | '1m' | '1h';
  aggregates?: readonly ('AVERAGE' | 'COUNT')[];
}

/** Any query as the SDK's builders take it. */
export function dataquery(query: object): Builder<Dataquery> {
  return { build: () => ({ ...query, _implementsDataqueryVariant: () => undefined }) };
}

/** A query for aliases, in as few calls as may be. */
export function queriesOf(
  datasource: DatasourceRef,
  aliases: readonly string[],
  rest: Omit<SiteWiseQuery, 'propertyAliases'>,
  firstRefId = 'A',
): Builder<Dataquery>[] {
  const queries: Builder<Dataquery>[] = [];
  for (let i = 0; i < aliases.length; i += ALIASES_PER_QUERY) {
    const refId = queries.length === 0 ? firstRefId : `${firstRefId}${queries.length + 1}`;
    const propertyAliases = aliases.slice(i, i + ALIASES_PER_QUERY);
    queries.push(dataquery({ refId, datasource, ...rest, propertyAliases }));
  }
  return queries;
}

/** Names for as many queries of one panel: A, A2, A3 … */
export function refIdsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? 'A' : `A${i + 1}`));
}

/** Every value: for what comes at the pace of calibrations. */
export const HISTORY = {
  queryType: 'PropertyValueHistory',
  quality: 'GOOD',
  timeOrdering: 'ASCENDING',
  responseFormat: 'timeseries',
  lastObservation: false,
  maxPageAggregations: 5,
} as const satisfies Omit<SiteWiseQuery, 'propertyAliases'>;

/**
 * SiteWise's own averages, as fine as the panel can show: sensors send each second, and every value
 * that is read is paid for. To be asked for one alias a query: over less than about 16 minutes the
 * plugin reads values in place of AUTO averages, and then keeps one frame a query.
 */
export const AVERAGE = {
  queryType: 'PropertyAggregate',
  quality: 'GOOD',
  resolution: 'AUTO',
  aggregates: ['AVERAGE'],
  timeOrdering: 'ASCENDING',
  responseFormat: 'timeseries',
} as const satisfies Omit<SiteWiseQuery, 'propertyAliases'>;

/** How many samples came each minute. */
export const COUNT = {
  ...AVERAGE,
  resolution: '1m',
  aggregates: ['COUNT'],
} as const satisfies Omit<SiteWiseQuery, 'propertyAliases'>;

/** SiteWise's own averages of each hour: for spans of days. */
export const HOURLY = { ...AVERAGE, resolution: '1h' } as const satisfies Omit<
  SiteWiseQuery,
  'propertyAliases'
>;

/** A query whose series are aggregates. */
export type Aggregates = typeof AVERAGE | typeof COUNT;

/** The newest value alone. */
export const NEWEST = {
  queryType: 'PropertyValue',
  responseFormat: 'table',
} as const satisfies Omit<SiteWiseQuery, 'propertyAliases'>;

/**
 * The times at which a twin had alarms, with their text, for the plugin's ExecuteQuery: it fills
 * the time range in.
 *
 * @param alias of the twin's alarms; may hold a variable of the dashboard
 */
export function alarmsQuery(alias: string): string {
  return `SELECT event_timestamp, string_value FROM raw_time_series WHERE property_alias = '${alias}' AND string_value <> '[]' AND $__timeFilter(event_timestamp) ORDER BY event_timestamp`;
}
