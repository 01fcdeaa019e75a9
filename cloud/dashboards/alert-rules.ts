import { createHash } from 'node:crypto';
import {
  type Rule,
  RuleBuilder,
  QueryBuilder as RuleQueryBuilder,
} from '@grafana/grafana-foundation-sdk/alerting';
import { healthAliases, type TwinDefinition, withAliasPrefix } from '../../shared/config/index.js';
import type { DashboardAsset } from './asset-variable.js';
import { nisBound } from './dashboard.js';
import { COUNT, dataquery, HISTORY, queriesOf, SITEWISE_PLUGIN } from './queries.js';

export interface AlertOptions {
  assets: readonly DashboardAsset[];
  /** Uid of the data source for SiteWise: rules know no variables. */
  datasourceUid: string;
  /** Minutes between two calibrations. */
  calibrationMinutes: number;
  /** Minutes after which a sensor that sends nothing is reported. */
  staleMinutes: number;
  /** Address of docs/how-to/alarms.md: each rule then links to its section there. */
  runbook?: string | undefined;
}

const FOLDER = 'Twinloop';
/** Grafana's own data source for what it computes. */
const EXPRESSION_UID = '__expr__';
/** Runs that may fail before it is reported: one that loses a race is made up for by the next. */
const MISSED_RUNS = 3;

/**
 * What one rule watches: a stream, reduced to a number, against a limit. One stream and not more,
 * because the plugin's series have no labels, by which Grafana would tell several apart.
 */
interface Watch {
  title: string;
  summary: string;
  /** The section of docs/how-to/alarms.md that says what to do. */
  section: 'Stale' | 'Silent' | 'Nis' | 'limit';
  alias: string;
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
    watchesOf(withAliasPrefix(twin, asset.aliasPrefix), options).map((watch) =>
      ruleOf(watch, asset, options),
    ),
  );
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
  const minutes = MISSED_RUNS * options.calibrationMinutes;
  const stale = twin.measured.map(
    ({ variable, alias }): Watch => ({
      title: `no fresh data from ${variable}`,
      summary: `The sensor has sent nothing for ${options.staleMinutes} minutes: check the gateway and its connection.`,
      section: 'Stale',
      alias,
      query: COUNT,
      minutes: options.staleMinutes,
      reducer: 'sum',
      compare: 'lt',
      limit: 1,
      silenceIsFault: true,
    }),
  );
  const health: Watch[] = [
    {
      title: 'no calibration',
      summary: `No calibration has succeeded for ${minutes} minutes: see the report in the store.`,
      section: 'Silent',
      alias: nis,
      query: HISTORY,
      minutes,
      reducer: 'last',
      // No NIS is below zero: what counts is that there is one.
      compare: 'lt',
      limit: 0,
      silenceIsFault: true,
    },
    {
      title: 'model and machine disagree',
      summary: 'The NIS stayed too high: something happens to the machine that the model lacks.',
      section: 'Nis',
      alias: nis,
      query: HISTORY,
      minutes,
      reducer: 'min',
      compare: 'gt',
      limit: nisBound(twin),
      silenceIsFault: false,
    },
  ];
  const limits = [...twin.parameters, ...twin.virtualSensors].flatMap((shown) =>
    limitsOf(shown, minutes),
  );
  return [...stale, ...health, ...limits];
}

function limitsOf(
  { variable, alias, unit, alarm }: TwinDefinition['virtualSensors'][number],
  minutes: number,
): Watch[] {
  return [
    { compare: 'gt', word: 'above', bound: 'lower', limit: alarm?.above } as const,
    { compare: 'lt', word: 'below', bound: 'upper', limit: alarm?.below } as const,
  ].flatMap(({ compare, word, bound, limit }) =>
    limit === undefined
      ? []
      : [
          {
            title: `${variable} ${word} ${limit} ${unit}`.trimEnd(),
            summary: `The twin is 95 % sure that ${variable} is ${word} its limit: plan maintenance.`,
            section: 'limit' as const,
            alias: `${alias}_${bound}`,
            query: HISTORY,
            minutes,
            reducer: 'last' as const,
            compare,
            limit,
            silenceIsFault: false,
          },
        ],
  );
}

function ruleOf(watch: Watch, asset: DashboardAsset, options: AlertOptions): Rule {
  const { datasourceUid, runbook } = options;
  const title = `${asset.id}: ${watch.title}`;
  const range = { from: 60 * watch.minutes, to: 0 };
  const part = (refId: string, uid: string) =>
    new RuleQueryBuilder(refId).datasourceUid(uid).relativeTimeRange(range);
  const expression = (refId: string, model: object) =>
    part(refId, EXPRESSION_UID).model(
      dataquery({ refId, datasource: { type: EXPRESSION_UID, uid: EXPRESSION_UID }, ...model }),
    );
  const rule = new RuleBuilder(title)
    // The same rule keeps its uid, and with it its history, whatever is added to the twin.
    .uid(`twinloop-${createHash('sha256').update(title).digest('hex').slice(0, 24)}`)
    .folderUID(FOLDER)
    .ruleGroup('twinloop')
    .orgID(1)
    .forDuration('0s')
    .noDataState(watch.silenceIsFault ? 'Alerting' : 'OK')
    .execErrState('Error')
    .labels({ asset: asset.id, twinloop: 'true' })
    .annotations({
      summary: watch.summary,
      description: `What to do: docs/how-to/alarms.md, ${watch.section}.`,
      ...(runbook === undefined
        ? {}
        : { runbook_url: `${runbook}#${watch.section.toLowerCase()}` }),
    })
    .condition('C');
  const datasource = { type: SITEWISE_PLUGIN, uid: datasourceUid };
  for (const query of queriesOf(datasource, [watch.alias], watch.query)) {
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
