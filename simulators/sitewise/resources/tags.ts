import type * as sdk from '@aws-sdk/client-iotsitewise';
import { ApiFault, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import type { Account } from './account.js';
import { computationModel } from './computation-models/records.js';

const MAX_TAGS = 50;

/** Adds tags to a resource. */
export function saveTags(
  account: Account,
  arn: string,
  tags: Record<string, string> | undefined,
): void {
  if (tags === undefined || Object.keys(tags).length === 0) return;
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw invalidRequest('Tag keys that begin with aws: are reserved.');
  }
  const all = { ...account.tags.get(arn), ...tags };
  if (Object.keys(all).length > MAX_TAGS) {
    throw new ApiFault('TooManyTagsException', `A resource has at most ${MAX_TAGS} tags.`, {
      resourceName: arn,
    });
  }
  account.tags.set(arn, all);
}

/** Operations on tags. */
export function tagHandlers(account: Account): Handlers {
  function requireResource(arn: string): void {
    const [, kind = '', id = ''] = /:([a-z-]+)\/([^/]+)$/.exec(arn) ?? [];
    const there =
      account.arn(kind, id) === arn &&
      ((kind === 'asset' && account.asset(id) !== undefined) ||
        (kind === 'asset-model' && account.model(id) !== undefined) ||
        (kind === 'computation-model' && computationModel(account, id) !== undefined) ||
        (kind === 'gateway' && account.gateways.get(id) !== undefined) ||
        (kind === 'time-series' && account.series.get(id) !== undefined));
    if (!there) throw notFound('Resource', arn);
  }
  return {
    TagResource(input: sdk.TagResourceRequest) {
      requireResource(input.resourceArn ?? '');
      saveTags(account, input.resourceArn ?? '', input.tags);
      return {};
    },
    UntagResource(input: sdk.UntagResourceRequest) {
      const arn = input.resourceArn ?? '';
      requireResource(arn);
      const tags = { ...account.tags.get(arn) };
      for (const key of input.tagKeys ?? []) delete tags[key];
      account.tags.set(arn, tags);
      return {};
    },
    ListTagsForResource: (input: sdk.ListTagsForResourceRequest) => {
      requireResource(input.resourceArn ?? '');
      return { tags: account.tags.get(input.resourceArn ?? '') ?? {} };
    },
  };
}
