import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { ApiFault } from '../../sitewise/api/faults.js';
import { missing, type TwinMakerHandlers } from '../api.js';
import { keyOf, type TwinMakerAccount } from './records.js';

const MAX_TAGS = 50;

/** Operations on tags. */
export function tagHandlers(account: TwinMakerAccount): TwinMakerHandlers {
  function required(arn = ''): string {
    const [, workspaceId = '', kind, id = ''] =
      /:workspace\/([^/]+)(?:\/([^/]+)\/(.+))?$/.exec(arn) ?? [];
    const there =
      kind === undefined
        ? account.arn(workspaceId) === arn && account.workspaces.get(workspaceId) !== undefined
        : account.arn(workspaceId, `${kind}/${id}`) === arn &&
          {
            entity: account.entities,
            scene: account.scenes,
            'component-type': account.componentTypes,
          }[kind]?.get(keyOf(workspaceId, id)) !== undefined;
    if (!there) throw missing(`The resource ${arn}`);
    return arn;
  }
  return {
    TagResource(input: sdk.TagResourceRequest) {
      const arn = required(input.resourceARN);
      const tags = { ...account.tags.get(arn), ...input.tags };
      if (Object.keys(tags).length > MAX_TAGS) {
        throw new ApiFault('TooManyTagsException', `A resource has at most ${MAX_TAGS} tags.`);
      }
      account.tags.set(arn, tags);
      return {};
    },
    UntagResource(input: sdk.UntagResourceRequest) {
      const arn = required(input.resourceARN);
      const tags = { ...account.tags.get(arn) };
      for (const key of input.tagKeys ?? []) delete tags[key];
      account.tags.set(arn, tags);
      return {};
    },
    ListTagsForResource: (input: sdk.ListTagsForResourceRequest) => ({
      tags: account.tags.get(required(input.resourceARN)) ?? {},
    }),
  };
}
