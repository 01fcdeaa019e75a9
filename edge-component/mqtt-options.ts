import type { IClientOptions } from 'mqtt';
import type { SecretConfig } from '../shared/config/index.js';
import { readUserFile } from '../shared/core/index.js';
import { readSecret } from './secrets.js';

/**
 * Credentials and TLS of an MQTT connection.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `CONFIG_INVALID` for what the config names but is not there
 */
export async function mqttConnectOptions(config: {
  username?: string | undefined;
  password?: SecretConfig | undefined;
  caFile?: string | undefined;
  certFile?: string | undefined;
  keyFile?: string | undefined;
}): Promise<IClientOptions> {
  // The library would keep a buffer for each number of two bytes: 10 MB that gain next to nothing.
  const options: IClientOptions = { writeCache: false };
  if (config.username !== undefined) options.username = config.username;
  if (config.password !== undefined) options.password = await readSecret(config.password);
  if (config.caFile !== undefined) options.ca = await readUserFile(config.caFile, 'CA certificate');
  if (config.certFile !== undefined) {
    options.cert = await readUserFile(config.certFile, 'client certificate');
  }
  if (config.keyFile !== undefined) options.key = await readUserFile(config.keyFile, 'private key');
  return options;
}
