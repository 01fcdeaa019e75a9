/** One source of each kind with what it cannot do without, and some of what it can. */
export const EDGE_EXAMPLE = {
  dataDir: './edge-data',
  sources: [
    {
      name: 'plc',
      type: 'opcua',
      endpointUrl: 'opc.tcp://192.168.1.20:4840',
      signals: [
        { nodeId: 'ns=2;s=Roller1.w', alias: '/line1/roller1/w', unit: 'rad/s' },
        {
          browsePath: '/2:Line1/2:LineSpeed',
          alias: '/line1/line-speed',
          unit: 'm/s',
          deadband: { absolute: 0.001 },
          heartbeatS: 60,
        },
      ],
    },
    {
      name: 'drive',
      type: 'modbus',
      host: '192.168.1.21',
      signals: [
        {
          table: 'holding',
          address: 100,
          type: 'float32',
          byteOrder: 'CDAB',
          alias: '/line1/drive/torque',
          unit: 'N.m',
          range: { min: -500, max: 500 },
        },
      ],
    },
    {
      name: 'sensors',
      type: 'mqtt',
      url: 'mqtt://192.168.1.22:1883',
      signals: [
        {
          topic: 'hall/climate',
          jsonPath: 'temperature.value',
          timePath: 'time',
          alias: '/hall/temperature',
          unit: '°C',
        },
      ],
    },
  ],
  publisher: { type: 'sitewise-edge', url: 'mqtt://127.0.0.1:1883' },
} as const;
