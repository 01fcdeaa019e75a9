import { expect, it } from 'vitest';
import { resolveConfigPaths } from '../../../edge-component/config-paths.js';
import { edgeSchema, parseConfig } from '../../../shared/config/index.js';

it('takes every relative path from the folder of the config', () => {
  const config = parseConfig(
    edgeSchema,
    {
      dataDir: 'data',
      sources: [
        {
          name: 'a',
          type: 'mqtt',
          url: 'mqtts://broker',
          password: { file: 'secrets/password' },
          caFile: 'ca.pem',
          certFile: '/etc/cert.pem',
          keyFile: '../key.pem',
          signals: [{ topic: 't', alias: 'file' }],
        },
        {
          name: 'b',
          type: 'opcua',
          endpointUrl: 'opc.tcp://plc:4840',
          user: { certificateFile: 'user.pem', privateKeyFile: 'user.key' },
          signals: [{ nodeId: 'ns=1;s=a', alias: '/b' }],
        },
        { name: 'c', type: 'csv', file: 'r.csv', signals: [{ column: 'x', alias: '/c' }] },
      ],
      publisher: { type: 'sitewise', caFile: 'aws.pem' },
      virtualSensors: {
        twin: 'twin.json',
        calibration: { store: 's3://bucket/prefix', key: 'state' },
      },
    },
    'test',
  );
  const resolved = resolveConfigPaths(config, '/etc/twinloop');
  expect(resolved.sources[0]).toMatchObject({
    password: { file: '/etc/twinloop/secrets/password' },
    caFile: '/etc/twinloop/ca.pem',
    certFile: '/etc/cert.pem',
    keyFile: '/etc/key.pem',
    signals: [{ alias: 'file' }],
  });
  expect(resolved.sources[1]).toMatchObject({
    user: {
      certificateFile: '/etc/twinloop/user.pem',
      privateKeyFile: '/etc/twinloop/user.key',
    },
  });
  expect(resolved.sources[2]).toMatchObject({ file: '/etc/twinloop/r.csv' });
  expect(resolved.publisher).toMatchObject({ caFile: '/etc/twinloop/aws.pem' });
  expect(resolved.virtualSensors).toMatchObject({
    twin: '/etc/twinloop/twin.json',
    calibration: { store: 's3://bucket/prefix', key: 'state' },
  });
  // Its own rule, see there.
  expect(resolved.dataDir).toBe('data');
});
