import {
  type Rule,
  RuleBuilder,
  QueryBuilder as RuleQueryBuilder,
} from '@grafana/grafana-foundation-sdk/alerting';
import { healthAliases, type TwinDefinition, withAliasPrefix } from '../../shared/config/index.js';
import { type DashboardAsset, nisBound } from './dashboard.js';
import {
  ALIASES_PER_QUERY,
  COUNT,
  dataquery,
  HISTORY,
  queriesOf,
  SITEWISE_PLUGIN,
} from './queries.js';

export interface AlertOptions {
  assets: readonly DashboardAsset[];
  /** Uid of the data source for SiteWise: rules know no variables. */
  datasourceUid: string;
  /** Minutes between two calibrations. */
  calibrationMinutes: number;
  /** Minutes after which a sensor that sends nothing is reported. */
  staleMinutes: number;
}

const FOLDER = 'Twinloop';
/** Grafana takes so many characters. */
const UID_LENGTH = 40;
/** Grafana's own data source for what it computes. */
const EXPRESSION_UID = '__expr__';
/** Runs that may fail before it is reported: one that loses a race is made up for by the next. */
const MISSED_RUNS = 3;

/** What one rule watches: series, reduced to a number each, against a limit. */
interface Watch {
  title: string;
  summary: string;
  aliases: readonly string[];
  query: typeof HISTORY | typeof COUNT;
  /** How far back it looks. */
  minutes: number;
  reducer: 'last' | 'sum' | 'min';
  compare: 'gt' | 'lt';
  limit: number;
  /** Whether it is a fault that there is no value at all. */
  silenceIsFault: boolean;
}

/**
 * Alert rules of a twin's assets: no fresh data, no calibration, NIS, and every limit, which is
 * passed once the whole 95 % band is beyond it, as the twin's own alarms are.
 */
export function buildAlertRules(twin: TwinDefinition, options: AlertOptions): Rule[] {
  return options.assets.flatMap((asset) =>
    watchesOf(withAliasPrefix(twin, asset.aliasPrefix), options)
      .flatMap(inBatches)
      .map((watch, i) => ruleOf(watch, asset, i, options.datasourceUid)),
  );
}

/** A rule compares the series of one query, and a query is one call. */
function inBatches(watch: Watch): Watch[] {
  const batches: Watch[] = [];
  for (let i = 0; i < watch.aliases.length; i += ALIASES_PER_QUERY) {
    const number = batches.length === 0 ? '' : ` (${batches.length + 1})`;
    batches.push({
      ...watch,
      title: watch.title + number,
      aliases: watch.aliases.slice(i, i + ALIASES_PER_QUERY),
    });
  }
  return batches;
}

/** The rules as Grafana reads them from a file of its provisioning folder. */
export function alertFile(
  twin: TwinDefinition,
  rules: readonly Rule[],
  intervalMinutes: number,
): object {
  return {
    apiVersion: 1,
    groups: [
      {
        orgId: 1,
        name: `twinloop-${twin.name}`,
        folder: FOLDER,
        interval: `${intervalMinutes}m`,
        // What the group says already is not taken in its rules.
        rules: rules.map(({ folderUID: _, ruleGroup: __, orgID: ___, ...rule }) => rule),
      },
    ],
  };
}

function watchesOf(twin: TwinDefinition, options: AlertOptions): Watch[] {
  const { nis } = healthAliases(twin);
  const runs = MISSED_RUNS * options.calibrationMinutes;
  const watches: Watch[] = [
    {
      title: 'no fresh data',
      summary: `A sensor has sent nothing for ${options.staleMinutes} minutes: check the gateway and its connection.`,
      aliases: twin.measured.map((m) => m.alias),
      query: COUNT,
      minutes: options.staleMinutes,
      reducer: 'sum',
      compare: 'lt',
      limit: 1,
      silenceIsFault: true,
    },
    {
      title: 'no calibration',
      summary: `No calibration has succeeded for ${runs} minutes: see the report in the store.`,
      aliases: [nis],
      query: HISTORY,
      minutes: runs,
      reducer: 'last',
      // Every NIS there is will do: what counts is that there is one.
      compare: 'lt',
      limit: 0,
      silenceIsFault: true,
    },
    {
      title: 'model and machine disagree',
      summary: 'The NIS stayed too high: something happens to the machine that the model lacks.',
      aliases: [nis],
      query: HISTORY,
      minutes: runs,
      reducer: 'min',
      compare: 'gt',
      limit: nisBound(twin),
      silenceIsFault: false,
    },
  ];
  for (const { compare, limit, unit, aliases } of limitsOf(twin)) {
    const [word, bound] = compare === 'gt' ? ['above', 'lower'] : ['below', 'upper'];
    watches.push({
      title: `${word} ${limit} ${unit}`.trimEnd(),
      summary: `The twin is 95 % sure that the value is ${word} its limit: plan maintenance.`,
      aliases: aliases.map((alias) => `${alias}_${bound}`),
      query: HISTORY,
      minutes: runs,
      reducer: 'last',
      compare,
      limit,
      silenceIsFault: false,
    });
  }
  return watches;
}

/** Quantities that share a limit share a rule, which then tells them apart by their series. */
function limitsOf(twin: TwinDefinition) {
  const limits = new Map<
    string,
    { compare: 'gt' | 'lt'; limit: number; unit: string; aliases: string[] }
  >();
  for (const { alias, unit, alarm } of [...twin.parameters, ...twin.virtualSensors]) {
    for (const [compare, limit] of [
      ['gt', alarm?.above],
      ['lt', alarm?.below],
    ] as const) {
      if (limit === undefined) continue;
      const key = `${compare} ${limit} ${unit}`;
      const known = limits.get(key) ?? { compare, limit, unit, aliases: [] };
      known.aliases.push(alias);
      limits.set(key, known);
    }
  }
  return limits.values();
}

function ruleOf(watch: Watch, asset: DashboardAsset, index: number, datasourceUid: string): Rule {
  const range = { from: 60 * watch.minutes, to: 0 };
  const part = (refId: string, uid: string) =>
    new RuleQueryBuilder(refId).datasourceUid(uid).relativeTimeRange(range);
  const expression = (refId: string, model: object) =>
    part(refId, EXPRESSION_UID).model(
      dataquery({ refId, datasource: { type: EXPRESSION_UID, uid: EXPRESSION_UID }, ...model }),
    );
  const rule = new RuleBuilder(`${asset.id}: ${watch.title}`)
    .uid(`twinloop-${asset.id}-${index}`.slice(-UID_LENGTH))
    .folderUID(FOLDER)
    .ruleGroup('twinloop')
    .orgID(1)
    .forDuration('0s')
    .noDataState(watch.silenceIsFault ? 'Alerting' : 'OK')
    .execErrState('Error')
    .labels({ asset: asset.id, twinloop: 'true' })
    .annotations({ summary: watch.summary })
    .condition('C');
  const datasource = { type: SITEWISE_PLUGIN, uid: datasourceUid };
  for (const query of queriesOf(datasource, watch.aliases, watch.query)) {
    rule.withQuery(part('A', datasourceUid).model(query));
  }
  return rule
    .withQuery(
      expression('B', {
        type: 'reduce',
        expression: 'A',
        reducer: watch.reducer,
        settings: { mode: 'dropNN' },
      }),
    )
    .withQuery(
      expression('C', {
        type: 'threshold',
        expression: 'B',
        conditions: [{ evaluator: { type: watch.compare, params: [watch.limit] } }],
      }),
    )
    .build();
}
