import { stringify } from 'yaml';
import { z } from 'zod';
import { edgeSchema } from '../shared/config/index.js';

/** One source of each kind with what it cannot do without, and some of what it can. */
export const SAMPLE_EDGE_CONFIG = {
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

interface Described {
  description?: string;
  default?: unknown;
  properties?: Record<string, Described>;
  anyOf?: Described[];
  oneOf?: Described[];
  items?: Described;
  const?: unknown;
  enum?: unknown[];
}

/** The sample, with every option that the sample leaves at its default listed as a comment. */
export function sampleEdgeConfig(): string {
  const schema = z.toJSONSchema(edgeSchema, { io: 'input' }) as Described;
  const lines = [
    '# Config of the Twinloop edge component. What is commented out is the default.',
    '',
    stringify(SAMPLE_EDGE_CONFIG).trimEnd(),
    '',
  ];
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    if (key in SAMPLE_EDGE_CONFIG && key !== 'publisher') continue;
    if (key === '$schema') continue;
    lines.push(`# ${key}: ${part.description ?? ''}`.trimEnd());
    lines.push(...optionLines(part, 1), '');
  }
  const sources = schema.properties?.sources?.items?.oneOf ?? [];
  for (const source of sources) {
    const type = String(source.properties?.type?.const ?? '');
    lines.push(`# Options of a source of type ${type}:`, ...optionLines(source, 1), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function optionLines(part: Described, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const lines: string[] = [];
  const alternatives = part.oneOf ?? [];
  for (const [key, option] of Object.entries(part.properties ?? {})) {
    const nested = option.properties ?? option.items?.properties;
    const value = option.default === undefined ? '' : ` ${JSON.stringify(option.default)}`;
    const choices = option.enum === undefined ? '' : ` [${option.enum.join(' | ')}]`;
    const description = option.description === undefined ? '' : `  # ${option.description}`;
    lines.push(
      `# ${indent}${key}:${nested === undefined ? value : ''}${description}${choices}`.trimEnd(),
    );
    if (nested !== undefined) lines.push(...optionLines({ properties: nested }, depth + 1));
  }
  for (const alternative of alternatives) {
    lines.push(`# ${indent}either type: ${String(alternative.properties?.type?.const ?? '')}`);
    lines.push(...optionLines(alternative, depth + 1));
  }
  return lines;
}
