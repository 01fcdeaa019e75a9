import { ApiFault } from '../api/faults.js';
import type { Account } from './account.js';

/** Something that a request names: an ARN, and what policies may ask of it. */
export interface NamedResource {
  arn: string;
  context: Record<string, string>;
}

/** Whether a principal's policies allow an action on a resource. */
export type Allows = (action: string, resource: string, context: Record<string, string>) => boolean;

interface Named {
  assetId?: string;
  assetModelId?: string;
  propertyAlias?: string;
  alias?: string;
  computationModelId?: string;
  targetResource?: Named;
  entries?: Named[];
}

/**
 * What a request names, each as the resources by which policies may allow it: an asset, or the time
 * series behind an alias. Nothing named is every resource.
 */
function resourcesOf(account: Account, input: object): NamedResource[][] {
  const { entries, ...own } = input as Named;
  const tagged = (arn: string): NamedResource => ({
    arn,
    context: Object.fromEntries(
      Object.entries(account.tags.get(arn) ?? {}).map(([k, v]) => [`aws:ResourceTag/${k}`, v]),
    ),
  });
  const one = (named: Named): NamedResource[] => {
    const { assetId, assetModelId, propertyAlias, alias } = named;
    const computationModelId = named.computationModelId ?? named.targetResource?.computationModelId;
    if (computationModelId !== undefined) {
      return [tagged(account.arn('computation-model', computationModelId))];
    }
    if (assetId !== undefined) {
      return [tagged(account.arn('asset', account.asset(assetId)?.id ?? assetId))];
    }
    const name = propertyAlias ?? alias;
    if (name !== undefined) {
      const series = account.seriesByAlias(name);
      const associated = String(series?.assetId !== undefined);
      return [
        ...(series?.assetId === undefined ? [] : [tagged(account.arn('asset', series.assetId))]),
        {
          arn: account.arn('time-series', series?.id ?? '*'),
          context: { 'iotsitewise:isAssociatedWithAssetProperty': associated },
        },
      ];
    }
    if (assetModelId !== undefined) {
      const id = account.model(assetModelId)?.id ?? assetModelId;
      return [tagged(account.arn('asset-model', id))];
    }
    return [{ arn: '*', context: {} }];
  };
  return entries === undefined ? [one(own)] : entries.map(one);
}

/**
 * Refuses what a principal's policies do not allow; of a batch, all of it.
 *
 * @throws ApiFault `AccessDeniedException`
 */
export function authorize(
  account: Account,
  allows: Allows,
  operation: string,
  input: object,
): void {
  const action = `iotsitewise:${operation}`;
  for (const candidates of resourcesOf(account, input)) {
    if (candidates.some(({ arn, context }) => allows(action, arn, context))) continue;
    throw new ApiFault(
      'AccessDeniedException',
      `The policies of this principal do not allow ${action} on ${candidates.map((c) => c.arn).join(' or ')}.`,
    );
  }
}
