import { z } from 'zod';
import { secretSchema, signalFields, sourceFields } from './edge-source-fields.js';
import { oneByElement, wrongRange } from './index-range.js';

/** A node id in its standard notation (OPC UA part 6, 5.3.1.10). */
const NODE_ID =
  /^(ns=\d{1,5};|nsu=[^;]+;)?(i=\d{1,10}|s=.+|g=[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|b=[\w+/=-]+)$/is;

/** `nsu=<URI>;` at the start of a step ends with a semicolon; no step is empty. */
const BROWSE_PATH = /^(?!\/?nsu=[^;]*$)(?!.*\/nsu=[^;]*$)(?!.*(?<!&)\/$).+$/;
const INDEX_RANGE = /^\d{1,9}(:\d{1,9})?(,\d{1,9}(:\d{1,9})?)*$/;

/** An OPC UA server. */
export const opcua = z.strictObject({
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
