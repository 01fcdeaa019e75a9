import type { SecretConfig } from '../shared/config/index.js';
import { readUserFile, TwinError } from '../shared/core/index.js';

/**
 * The secret that a config names.
 *
 * @throws TwinError `CONFIG_INVALID` (an environment variable that is not set), `FILE_NOT_FOUND`
 */
export async function readSecret(secret: SecretConfig): Promise<string> {
  if (typeof secret === 'string') return secret;
  if ('file' in secret) return (await readUserFile(secret.file, 'secret')).toString('utf8').trim();
  const value = process.env[secret.env];
  if (value === undefined || value === '') {
    throw new TwinError(
      'CONFIG_INVALID',
      `The environment variable ${secret.env} that holds a secret is not set.`,
    );
  }
  return value;
}
