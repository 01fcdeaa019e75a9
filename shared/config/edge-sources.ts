import { z } from 'zod';
import { signalFields, sourceFields } from './edge-source-fields.js';
import { checkConnection, modbus } from './edge-source-modbus.js';
import { mqtt, sparkplug } from './edge-source-mqtt.js';
import { opcua } from './edge-source-opcua.js';

const csv = z.strictObject({
  ...sourceFields,
  type: z.literal('csv'),
  file: z.string().min(1).describe('The recording.'),
  headerRow: z.int().positive().optional().describe('Line of its header; default: found.'),
  timeColumn: z.string().min(1).optional().describe('Time column, seconds; default: the first.'),
  timeScale: z
    .number()
    .positive()
    .max(1e9)
    .default(1)
    .describe('Recorded seconds per second of wall time.'),
  epoch: z
    .enum(['now', 'recorded'])
    .default('now')
    .describe(
      '`now` maps the first row onto the first start and the rest by `timeScale`; `recorded` keeps the times, seconds since 1970.',
    ),
  repeat: z.boolean().default(false).describe('Begin again at the end of the recording.'),
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        column: z.string().min(1).describe('Column of the recording.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

/** Where values come from, one of several kinds of device. */
export const sourceSchema = z
  .discriminatedUnion('type', [opcua, modbus, mqtt, sparkplug, csv])
  .superRefine((source, context) => {
    if (source.type === 'modbus') checkConnection(source, context);
  });

export type SourceConfig = z.output<typeof sourceSchema>;
export type OpcuaSourceConfig = z.output<typeof opcua>;
export type ModbusSourceConfig = z.output<typeof modbus>;
export type MqttSourceConfig = z.output<typeof mqtt>;
export type SparkplugSourceConfig = z.output<typeof sparkplug>;
export type CsvSourceConfig = z.output<typeof csv>;
/** What every signal has, whichever source it comes from. */
export type SignalConfig = SourceConfig['signals'][number];
