import { z } from 'zod';
import {
  brokerAccess,
  brokerClientId,
  brokerUrl,
  secretSchema,
  signalFields,
  sourceFields,
} from './edge-source-fields.js';
import { oneByElement, wrongRange } from './index-range.js';

/** A node id in its standard notation (OPC UA part 6, 5.3.1.10). */
const NODE_ID =
  /^(ns=\d{1,5};|nsu=[^;]+;)?(i=\d{1,10}|s=.+|g=[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|b=[\w+/=-]+)$/is;

/** `nsu=<URI>;` at the start of a step ends with a semicolon; no step is empty. */
const BROWSE_PATH = /^(?!\/?nsu=[^;]*$)(?!.*\/nsu=[^;]*$)(?!.*(?<!&)\/$).+$/;
const INDEX_RANGE = /^\d{1,9}(:\d{1,9})?(,\d{1,9}(:\d{1,9})?)*$/;

const opcua = z.strictObject({
  ...sourceFields,
  type: z.literal('opcua'),
  endpointUrl: z
    .string()
    .regex(/^opc\.tcp:\/\/\S+$/, 'expected opc.tcp://host:port/path')
    .describe('e.g. `opc.tcp://192.168.1.20:4840/UA/Line1`.'),
  securityMode: z
    .enum(['None', 'Sign', 'SignAndEncrypt'])
    .default('None')
    .describe('Message security mode.'),
  securityPolicy: z
    .enum(['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'])
    .default('None')
    .describe('Security policy.'),
  trust: z
    .enum(['any', 'pinned'])
    .default('pinned')
    .describe(
      "Which server certificates are accepted on a secured connection: those in the PKI's trusted folder, or any.",
    ),
  hostCheck: z
    .enum(['refuse', 'warn'])
    .default('refuse')
    .describe(
      "A server certificate that does not name the host in `endpointUrl`: the server is refused, or only the log tells it, for servers that are reached by another name or address than their certificates'.",
    ),
  user: z
    .union([
      z.strictObject({
        userName: z.string().min(1).describe('User name.'),
        password: secretSchema,
      }),
      z.strictObject({
        certificateFile: z.string().min(1).describe('User certificate, PEM or DER.'),
        privateKeyFile: z.string().min(1).describe('Its private key, PEM.'),
      }),
    ])
    .optional()
    .describe('User identity; left out: anonymous.'),
  maxMessageBytes: z
    .int()
    .min(65_536)
    .max(16 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .describe(
      'Longest message that is taken from the server; nodes whose value does not fit are found, BAD (`value-too-large`), and tried again every five minutes.',
    ),
  publishingIntervalMs: z
    .number()
    .min(10)
    .max(3_600_000)
    .default(500)
    .describe('How often the server sends what it sampled.'),
  samplingIntervalMs: z
    .number()
    .min(-1)
    .max(3_600_000)
    .default(100)
    .describe('How often the server samples each node; -1 = publishing interval, 0 = fastest.'),
  queueSize: z
    .int()
    .min(1)
    .max(100_000)
    .default(100)
    .describe('Samples per node that the server keeps between publishes.'),
  trigger: z
    .enum(['status', 'status-value', 'status-value-timestamp'])
    .default('status-value')
    .describe(
      'What makes a sample: a change of its status, of status or value, or also of its source timestamp alone.',
    ),
  history: z
    .strictObject({
      fill: z
        .enum(['auto', 'always', 'never'])
        .default('auto')
        .describe(
          'Whether a gap (a lost session, a restart of the component) is filled from the history of the server: `auto` for the nodes that the server says it historizes; `always` for all, where a server does not say so; `never`.',
        ),
      maxAgeS: z
        .number()
        .positive()
        .max(6.9 * 86_400)
        .default(6.9 * 86_400)
        .describe('No value older than this is asked for, seconds.'),
      overlapS: z
        .number()
        .min(0)
        .max(3600)
        .default(2)
        .describe(
          'After a restart of the component, values from so long before the newest one are asked for again, for the clocks of signals may differ, seconds; SiteWise keeps one of each time.',
        ),
    })
    .prefault({})
    .describe('What is done about gaps, where the server has a history (HistoryRead).'),
  signals: z
    .array(
      z
        .strictObject({
          ...signalFields,
          nodeId: z
            .string()
            .regex(
              NODE_ID,
              'expected `ns=<index>;` or `nsu=<namespace URI>;` and `i=<number>`, `s=<text>`, `g=<GUID>` or `b=<base64>`',
            )
            .optional()
            .describe(
              'e.g. `ns=2;s=Roller1.w`, or `nsu=http://example.com/line;s=Roller1.w` where indexes may change.',
            ),
          browsePath: z
            .string()
            .regex(
              BROWSE_PATH,
              'expected e.g. `/2:Line1/2:w` or `/nsu=http://example.com/line;Line1/…`',
            )
            .optional()
            .describe(
              'Path from the Objects folder by browse names, e.g. `/2:Line1/2:Roller1/2:w`, or `/nsu=http://example.com/line;Line1/…` where indexes may change; resolved at every connect.',
            ),
          indexRange: z
            .string()
            .regex(INDEX_RANGE, 'expected e.g. `3`, `0:7`, or `1,2` in a matrix')
            .optional()
            .describe(
              'Element of an array, counted from 0: `3`, or `1,2` in a matrix. A range `0:7` makes a stream of each; its alias then has `{index}`.',
            ),
          serverDeadband: z
            .strictObject({
              absolute: z.number().positive().optional().describe('Least change, in raw units.'),
              percent: z
                .number()
                .positive()
                .max(100)
                .optional()
                .describe("Least change as a share of the node's EURange, in percent."),
            })
            .refine((d) => (d.absolute === undefined) !== (d.percent === undefined), {
              message: 'expected exactly one of `absolute` and `percent`',
            })
            .optional()
            .describe(
              'Smaller changes are not sent by the server; where it has no such filter, all are sent, and the log says so.',
            ),
          samplingIntervalMs: z
            .number()
            .min(-1)
            .max(3_600_000)
            .optional()
            .describe("This node's own sampling interval."),
        })
        .refine((s) => (s.nodeId === undefined) !== (s.browsePath === undefined), {
          message: 'expected exactly one of `nodeId` and `browsePath`',
        })
        .superRefine((s, issues) => {
          const wrong = wrongRange(s);
          if (wrong !== undefined) issues.addIssue({ code: 'custom', ...wrong });
        })
        .transform(oneByElement),
    )
    .min(1, 'expected at least one signal')
    .transform((signals) => signals.flat()),
});

const modbus = z.strictObject({
  ...sourceFields,
  type: z.literal('modbus'),
  connection: z
    .enum(['tcp', 'rtu-over-tcp', 'serial'])
    .default('tcp')
    .describe(
      'How the devices are reached: Modbus TCP; a gateway that passes RTU frames on as they are; a serial line (RTU).',
    ),
  host: z.string().min(1).optional().describe('Host name or address; not with `serial`.'),
  port: z.int().min(1).max(65_535).default(502),
  serial: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe('e.g. `/dev/ttyUSB0`, better a name of `/dev/serial/by-id`.'),
      baudRate: z.int().min(50).max(4_000_000).default(9600).describe('Bits per second.'),
      parity: z.enum(['none', 'even', 'odd']).default('even'),
      dataBits: z.literal([7, 8]).default(8),
      stopBits: z.literal([1, 2]).default(1),
    })
    .optional()
    .describe('The serial line, with `connection: serial`.'),
  unitId: z.int().min(0).max(255).default(1).describe('Unit (slave) id.'),
  pollIntervalMs: z.number().min(10).max(3_600_000).default(1000).describe('Time between polls.'),
  timeoutMs: z.int().min(10).max(60_000).default(2000).describe('Longest wait for one answer.'),
  maxGap: z
    .int()
    .min(0)
    .max(120)
    .default(8)
    .describe('Signals at most this many registers apart are read as one block.'),
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        unitId: z
          .int()
          .min(0)
          .max(255)
          .optional()
          .describe(
            "Unit id of this signal's device, behind the same gateway; default: the source's.",
          ),
        table: z
          .enum(['holding', 'input', 'coil', 'discrete'])
          .default('holding')
          .describe('Holding (4x) or input (3x) registers, coils (0x) or discrete inputs (1x).'),
        address: z.int().min(0).max(65_535).describe('Zero-based address.'),
        type: z
          .enum([
            'bool',
            'int16',
            'uint16',
            'int32',
            'uint32',
            'int64',
            'uint64',
            'float32',
            'float64',
          ])
          .default('uint16')
          .describe('How the registers are read; coils and discrete inputs are always bool.'),
        byteOrder: z
          .enum(['ABCD', 'DCBA', 'BADC', 'CDAB'])
          .default('ABCD')
          .describe(
            'Order of the bytes: ABCD big endian, CDAB words swapped, BADC bytes swapped, DCBA little endian.',
          ),
        bit: z
          .int()
          .min(0)
          .max(15)
          .optional()
          .describe('With type bool in a register: which bit, 0 the least.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

/** The broker that a source reads from, and as whom. */
const brokerFields = {
  url: brokerUrl.describe('Broker, e.g. `mqtt://192.168.1.30:1883`.'),
  clientId: brokerClientId.describe(
    'Client id, by which a broker knows us and keeps messages; default: of host and source.',
  ),
  maxPayloadBytes: z
    .int()
    .min(1024)
    .max(256 * 1024 * 1024)
    .default(8 * 1024 * 1024)
    .describe(
      'Longest message that is read; the values of a longer one are BAD (`payload-too-large`), and it takes no memory.',
    ),
};

const mqtt = z.strictObject({
  ...sourceFields,
  type: z.literal('mqtt'),
  ...brokerFields,
  cleanSession: z
    .boolean()
    .default(false)
    .describe('true: the broker keeps no messages while we are away, and they are lost.'),
  ...brokerAccess,
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        topic: z.string().min(1).describe('Topic; + and # are allowed.'),
        jsonPath: z
          .string()
          .default('')
          .describe(
            'Where the value is in a JSON payload, e.g. `data.speed` or `values[0].v`; empty: the payload itself.',
          ),
        timePath: z
          .string()
          .optional()
          .describe('Where its time is: ISO 8601 text, or a number of `timeUnit` since 1970.'),
        timeUnit: z.enum(['s', 'ms', 'us', 'ns']).default('ms').describe('Unit of a numeric time.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

const topicLevel = z
  .string()
  .min(1)
  .regex(/^[^/+#]+$/, 'expected one level of a topic: no /, + and #');

const sparkplug = z.strictObject({
  ...sourceFields,
  type: z.literal('sparkplug'),
  ...brokerFields,
  ...brokerAccess,
  group: topicLevel.describe('Group id of the edge nodes.'),
  hostId: topicLevel
    .optional()
    .describe(
      'Announces us as this primary host application (STATE), for edge nodes that wait for one; left out: not announced.',
    ),
  rebirth: z
    .boolean()
    .default(true)
    .describe(
      'Ask an edge node for its births (NCMD `Node Control/Rebirth`) at the start and after a gap in its sequence; without, values are BAD until it is born of itself.',
    ),
  birthDeadlineS: z
    .number()
    .min(0.1)
    .max(86_400)
    .default(30)
    .describe(
      'An edge node or device that is not born within so many seconds makes the component unhealthy, which names it; it is asked again as often.',
    ),
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        node: topicLevel.describe('Id of the edge node.'),
        device: topicLevel.optional().describe('Id of its device; left out: the node itself.'),
        metric: z.string().min(1).describe('Name of the metric, e.g. `Line/Speed`.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

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
    if (source.type !== 'modbus') return;
    const isSerial = source.connection === 'serial';
    const expect = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (isSerial && source.serial === undefined) {
      expect(
        'serial',
        'expected the line, e.g. `{ path: /dev/ttyUSB0 }`, with `connection: serial`',
      );
    }
    if (!isSerial && source.serial !== undefined) {
      expect('serial', 'expected only with `connection: serial`');
    }
    if (!isSerial && source.host === undefined) {
      expect(
        'host',
        'expected a host name or address: it is left out only with `connection: serial`',
      );
    }
  });

export type SourceConfig = z.output<typeof sourceSchema>;
export type OpcuaSourceConfig = z.output<typeof opcua>;
export type ModbusSourceConfig = z.output<typeof modbus>;
export type MqttSourceConfig = z.output<typeof mqtt>;
export type SparkplugSourceConfig = z.output<typeof sparkplug>;
export type CsvSourceConfig = z.output<typeof csv>;
/** What every signal has, whichever source it comes from. */
export type SignalConfig = SourceConfig['signals'][number];
