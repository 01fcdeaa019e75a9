import { describe, expect, it } from 'vitest';
import {
  aliasPrefix,
  healthAliases,
  parseConfig,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';

const twin = (extra: object = {}) =>
  parseConfig(
    twinSchema,
    {
      name: 'pump',
      fmu: 'pump.fmu',
      inputs: [
        { variable: 'n', alias: '/hall/pump/speed' },
        { variable: 'p', value: 1 },
      ],
      measured: [{ variable: 'q', alias: '/hall/pump/flow/q' }],
      parameters: [{ variable: 'k', alias: '/hall/pump/leak/k', prior: { mean: 0, std: 1 } }],
      virtualSensors: [{ variable: 'm', alias: '/hall/pump/torque' }],
      ...extra,
    },
    'twin.json',
  );

describe('twinStreams', () => {
  it('names every stream once', () => {
    const streams = twinStreams(twin());
    expect(streams.map((s) => s.alias)).toEqual([
      '/hall/pump/speed',
      ...['', '_estimate', '_lower', '_upper'].map((s) => `/hall/pump/flow/q${s}`),
      ...['', '_lower', '_upper'].map((s) => `/hall/pump/leak/k${s}`),
      ...['', '_lower', '_upper'].map((s) => `/hall/pump/torque${s}`),
      '/hall/pump/twin/nis',
      '/hall/pump/twin/alarms',
      '/hall/pump/twin/ledger',
      '/hall/pump/twin/age',
      '/hall/pump/twin/acknowledged',
    ]);
    expect(new Set(streams.map((s) => s.name)).size).toBe(streams.length);
  });

  it('puts what concerns the whole twin below the path that its aliases share', () => {
    expect(aliasPrefix(twin())).toBe('/hall/pump');
    expect(aliasPrefix(twin({ virtualSensors: [{ variable: 'm', alias: '/else/m' }] }))).toBe(
      '/pump',
    );
    expect(healthAliases(twin()).nis).toBe('/hall/pump/twin/nis');
  });
});
