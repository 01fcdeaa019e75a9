import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest } from '../../api/faults.js';
import { RawJson } from '../../api/handler.js';
import type { Account } from '../account.js';
import { errorText } from './history.js';
import { latestOf } from './samples.js';
import { requireStream, type StreamKey } from './stream.js';
import { valueText } from './wire.js';

function latestText(account: Account, key: StreamKey): string | undefined {
  const value = latestOf(account, requireStream(account, key));
  return value === undefined ? undefined : valueText(value);
}

/** GetAssetPropertyValue. */
export function createLatest(account: Account) {
  return (input: sdk.GetAssetPropertyValueRequest) => {
    const text = latestText(account, input);
    return new RawJson(text === undefined ? '{}' : `{"propertyValue":${text}}`);
  };
}

/** BatchGetAssetPropertyValue. */
export function createBatchLatest(account: Account) {
  return (input: sdk.BatchGetAssetPropertyValueRequest) => {
    const entries = input.entries ?? [];
    if (new Set(entries.map((e) => e.entryId)).size !== entries.length) {
      throw invalidRequest('Each entryId may occur once in a request.');
    }
    if (input.nextToken !== undefined) throw invalidRequest('The nextToken is not valid.');
    const successes: string[] = [];
    const errors: string[] = [];
    for (const entry of entries) {
      const id = entry.entryId ?? '';
      try {
        const text = latestText(account, entry);
        successes.push(
          text === undefined
            ? `{"entryId":"${id}"}`
            : `{"entryId":"${id}","assetPropertyValue":${text}}`,
        );
      } catch (error) {
        errors.push(errorText(id, error));
      }
    }
    return new RawJson(
      `{"errorEntries":[${errors.join(',')}],"successEntries":[${successes.join(',')}],"skippedEntries":[]}`,
    );
  };
}
