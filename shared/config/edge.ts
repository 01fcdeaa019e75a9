import { z } from 'zod';
import { brokerAccess, brokerClientId, brokerUrl, secretSchema } from './edge-source-fields.js';
import { sourceSchema } from './edge-sources.js';

const siteWiseEdge = z.strictObject({
  type: z.literal('sitewise-edge').describe("The gateway's MQTT broker."),
  url: brokerUrl.default('mqtt://127.0.0.1:1883').describe("SiteWise Edge's broker."),
  clientId: brokerClientId.describe('Default: one of its own per data folder.'),
  ...brokerAccess,
  topicPrefix: z
    .string()
    .default('')
    .describe("Put before the alias to make the topic; must match the gateway's path filters."),
  maxInFlight: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .describe('Messages that may be unacknowledged at a time; after a fault they are sent again.'),
  maxValuesPerMessage: z
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe('Values of one alias in one message; SiteWise takes ten in an entry.'),
  maxWaitMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(200)
    .describe('How long a value waits for company, so that messages are filled.'),
  ackTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe('A message without its acknowledgement for so long: connect anew and send it again.'),
});

const siteWise = z.strictObject({
  type: z.literal('sitewise').describe('The SiteWise API directly.'),
  region: z.string().min(1).optional().describe('AWS region; default: AWS_REGION.'),
  endpoint: z.url().optional().describe('Another endpoint, e.g. a local stand-in.'),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file with the endpoint's certificate authority."),
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: secretSchema,
      sessionToken: secretSchema.optional(),
    })
    .optional()
    .describe(
      "Left out: the AWS SDK's default chain, on a gateway the token exchange service (recommended).",
    ),
  maxValuesPerS: z
    .int()
    .min(1)
    .max(100_000)
    .default(5000)
    .describe('Rate limit, values per second over all streams.'),
});

/** The options of each type of publisher, by name. */
export const PUBLISHER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'sitewise-edge': Object.keys(siteWiseEdge.shape),
  sitewise: Object.keys(siteWise.shape),
};

const outbox = z.strictObject({
  maxMb: z
    .number()
    .min(1)
    .max(1_000_000)
    .default(1024)
    .describe('Size on disk above which values are dropped, MB.'),
  maxAgeS: z
    .number()
    .positive()
    .max(6.9 * 86_400)
    .default(6.9 * 86_400)
    .describe(
      'Age beyond which values are not sent but dead-lettered, seconds; SiteWise refuses values older than 7 days.',
    ),
  slowAt: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.8)
    .describe('Share of `maxMb` from which the sources are slowed down.'),
  batchMs: z
    .int()
    .min(0)
    .max(10_000)
    .default(20)
    .describe('Values that come within so many milliseconds are made durable together.'),
  order: z
    .enum(['oldest-first', 'newest-first'])
    .default('oldest-first')
    .describe('Order in which a backlog is sent; live values go beside it in either case.'),
  liveShare: z
    .number()
    .min(0.05)
    .max(0.95)
    .default(0.5)
    .describe('Share of the sending capacity that live values may take from a backlog.'),
  liveWindowS: z
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .describe(
      'Values not older than this are live, seconds, and go beside a backlog; 0 = everything in one lane, strictly in `order`.',
    ),
  deadLetterMaxMb: z
    .number()
    .min(0.1)
    .max(100_000)
    .default(256)
    .describe('Dead letter files are kept up to this size in all, MB; the oldest go first.'),
});

const virtualSensors = z.strictObject({
  twin: z.string().min(1).describe('Path of the twin definition.'),
  calibration: z
    .strictObject({
      file: z
        .string()
        .min(1)
        .optional()
        .describe('File of the last calibration (the output of `twinloop calibrate`).'),
      store: z
        .string()
        .min(1)
        .optional()
        .describe('Object store that it is fetched from: a folder or `s3://bucket/prefix`.'),
      key: z.string().min(1).optional().describe('Its key in the store.'),
      refreshS: z.number().min(1).max(86_400).default(60).describe('How often it is looked for.'),
      maxAgeS: z
        .number()
        .positive()
        .default(86_400)
        .describe('Older than this, virtual sensors are published as UNCERTAIN.'),
    })
    .refine((c) => (c.file === undefined) !== (c.store === undefined), {
      message: 'expected exactly one of `file` and `store`',
    })
    .refine((c) => (c.store === undefined) === (c.key === undefined), {
      message: 'expected `key` together with `store`',
    }),
  everyS: z.number().min(0.1).max(86_400).default(10).describe('How often they are computed.'),
  suffix: z
    .string()
    .default('_edge')
    .describe('Put behind the aliases, so that they do not mix with what the worker writes.'),
});

/** The edge component: from devices to SiteWise, nothing lost on the way. */
export const edgeSchema = z
  .strictObject({
    $schema: z.string().optional(),
    dataDir: z
      .string()
      .min(1)
      .default('.')
      .describe(
        "Folder for the outbox, keys and dead letters; relative to this file, under Greengrass to the component's work folder.",
      ),
    sources: z
      .array(sourceSchema)
      .default([])
      .describe('Devices to read; none: the component waits for a deployment that names some.'),
    publisher: z
      .discriminatedUnion('type', [siteWiseEdge, siteWise])
      .prefault({ type: 'sitewise-edge' })
      .describe('Where values go.'),
    outbox: outbox.prefault({}).describe('What is kept until it is delivered.'),
    clock: z
      .strictObject({
        check: z
          .enum(['auto', 'date', 'none'])
          .default('auto')
          .describe(
            "When the gateway's clock is believed: `auto` once its time service (systemd-timesyncd, chrony) has set it, where that can be asked, and its date is not before this release; `date` by the date alone; `none` always. Until then values are UNCERTAIN.",
          ),
      })
      .prefault({})
      .describe('The clock of the gateway.'),
    virtualSensors: virtualSensors.optional().describe('Evaluates a calibrated twin here.'),
    status: z
      .strictObject({
        port: z
          .int()
          .min(0)
          .max(65_535)
          .default(9464)
          .describe('Port on loopback of status, health and Prometheus metrics; 0 = any free.'),
        topic: z
          .string()
          .min(1)
          .default('twinloop/edge/status')
          .describe('Under Greengrass: local topic of the status.'),
        commandTopic: z
          .string()
          .min(1)
          .default('twinloop/edge/commands')
          .describe('Under Greengrass: local topic of commands (pause, resume, flush, snapshot).'),
        everyS: z
          .number()
          .min(1)
          .max(3600)
          .default(30)
          .describe('How often the status is published on its topic.'),
        ledgerAlias: z
          .string()
          .min(1)
          .max(900)
          .optional()
          .describe(
            'Publishes the ledger as streams whose aliases begin with this: `/waiting`, `/oldest-waiting-s`, `/accepted` and others, e.g. `/gateway-1/waiting`.',
          ),
        ledgerEveryS: z
          .number()
          .min(1)
          .max(3600)
          .default(60)
          .describe('How often the ledger is published.'),
      })
      .prefault({})
      .describe('How the component is seen.'),
    log: z
      .strictObject({
        level: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
        format: z.enum(['text', 'json']).default('json'),
      })
      .prefault({})
      .describe('Log lines on stderr.'),
  })
  .superRefine((config, context) => {
    const names = new Map<string, number>();
    const aliases = new Map<string, string>();
    config.sources.forEach((source, i) => {
      const first = names.get(source.name);
      if (first !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['sources', i, 'name'],
          message: `expected a unique name; sources[${first}] has it too`,
        });
      } else names.set(source.name, i);
      source.signals.forEach((signal, j) => {
        const here = `sources[${i}].signals[${j}]`;
        const taken = aliases.get(signal.alias);
        if (taken !== undefined) {
          context.addIssue({
            code: 'custom',
            path: ['sources', i, 'signals', j, 'alias'],
            message: `expected an alias of its own; ${taken} has it too`,
          });
        } else aliases.set(signal.alias, here);
      });
    });
  });

export type EdgeConfig = z.output<typeof edgeSchema>;
export type PublisherConfig = EdgeConfig['publisher'];
export type SiteWiseEdgePublisherConfig = z.output<typeof siteWiseEdge>;
export type SiteWisePublisherConfig = z.output<typeof siteWise>;
export type OutboxConfig = EdgeConfig['outbox'];
export type VirtualSensorsConfig = z.output<typeof virtualSensors>;
