/** A small twin definition that is valid. */
export const TWIN_EXAMPLE = {
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/hall/pump/speed', unit: 'rad/s' }],
  measured: [{ variable: 'flow', alias: '/hall/pump/flow', unit: 'm3/s', noiseStd: 1e-4 }],
  parameters: [
    {
      variable: 'leakage',
      alias: '/hall/pump/leakage',
      lower: 0,
      upper: 1,
      prior: { mean: 0.01, std: 0.05 },
      alarm: { above: 0.3 },
    },
  ],
  virtualSensors: [{ variable: 'torque', alias: '/hall/pump/torque', unit: 'N.m' }],
} as const;
