import type { Operation } from './schema.js';

/** Why operations are not there, and what stands in: by the words of their names, first match. */
const REASONS: readonly [RegExp, string][] = [
  [
    /Portal|Dashboard|Project|AccessPolic/,
    'SiteWise Monitor is a web application of AWS; use Grafana or Twinloop’s page',
  ],
  [
    /Workspace|Application|Task|Assistant|Capture/,
    'belongs to an application of AWS that has no data of its own here',
  ],
  [
    /Dataset|DataSegment|Enrichment|Search/,
    'data sets and searches are computed by AWS; values are read by history and ExecuteQuery',
  ],
  [/Pipeline/, 'pipelines run in AWS; Twinloop’s edge component prepares values instead'],
  [
    /StartQuery|CancelQuery|GetQueryResults|ListQueries/,
    'queries are answered at once, by ExecuteQuery',
  ],
  [/Encryption/, 'the store on this machine is not encrypted'],
];

/** Why an operation is not offered, in a few words. */
export function whyNotOffered({ name }: Pick<Operation, 'name'>): string {
  return REASONS.find(([words]) => words.test(name))?.[1] ?? 'nothing stands in for it';
}
