import { z } from 'zod';

/** A secret in the config itself, or better: where it is kept. */
export const secretSchema = z
  .union([
    z.string().min(1),
    z.strictObject({ file: z.string().min(1).describe('File whose trimmed content it is.') }),
    z.strictObject({ env: z.string().min(1).describe('Environment variable that holds it.') }),
  ])
  .describe('The secret itself, `{"file": PATH}` or `{"env": NAME}`.');

export type SecretConfig = z.output<typeof secretSchema>;

/** Where an MQTT broker is. */
export const brokerUrl = z
  .string()
  .regex(/^(mqtts?|wss?):\/\/\S+$/, 'expected mqtt://, mqtts://, ws:// or wss://');

/** As whom one connects to it. */
export const brokerClientId = z.string().min(1).max(65).optional();

/** How one gets into an MQTT broker, whether to read from it or to publish. */
export const brokerAccess = {
  username: z.string().min(1).optional(),
  password: secretSchema.optional(),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file with the broker's certificate authority."),
  certFile: z.string().min(1).optional().describe('PEM file with our client certificate.'),
  keyFile: z.string().min(1).optional().describe('PEM file with its private key.'),
};

/** What every signal has, whatever it is read from. */
export const signalFields = {
  alias: z
    .string()
    .min(1)
    .max(1000)
    .describe('SiteWise property alias of the stream, e.g. `/line1/roller1/w`.'),
  dataType: z
    .enum(['DOUBLE', 'INTEGER', 'BOOLEAN', 'STRING'])
    .default('DOUBLE')
    .describe('Type of the SiteWise property; values that do not fit become BAD.'),
  unit: z.string().default('').describe('Unit after scale and offset; for people.'),
  scale: z.number().default(1).describe('value = raw · scale + offset.'),
  offset: z.number().default(0).describe('value = raw · scale + offset; in `unit`.'),
  range: z
    .strictObject({
      min: z.number().optional().describe('Least plausible value, in `unit`.'),
      max: z.number().optional().describe('Greatest plausible value, in `unit`.'),
      action: z
        .enum(['mark', 'clamp', 'drop'])
        .default('mark')
        .describe(
          'Outside: `mark` keeps the value as UNCERTAIN, `clamp` moves it to the limit as UNCERTAIN, `drop` discards it.',
        ),
    })
    .refine((r) => r.min !== undefined || r.max !== undefined, {
      message: 'expected `min`, `max` or both',
    })
    .refine((r) => r.min === undefined || r.max === undefined || r.min < r.max, {
      message: 'expected min < max',
      path: ['max'],
    })
    .optional()
    .describe('Plausible values.'),
  deadband: z
    .strictObject({
      absolute: z
        .number()
        .nonnegative()
        .optional()
        .describe('Send when the value moved by more than this since the last one sent.'),
      percent: z
        .number()
        .nonnegative()
        .max(100)
        .optional()
        .describe('The same as a share of the last value sent, in percent.'),
    })
    .refine((d) => d.absolute !== undefined || d.percent !== undefined, {
      message: 'expected `absolute`, `percent` or both',
    })
    .optional()
    .describe('Suppresses small changes; a change of quality is always sent.'),
  heartbeatS: z
    .number()
    .min(0)
    .max(86_400)
    .default(0)
    .describe(
      'Send the last value again, with its quality and the gateway time, after this many seconds without one; 0 = never.',
    ),
  alignS: z
    .number()
    .min(0)
    .max(86_400)
    .default(0)
    .describe(
      'Hold the last sample of every interval of this many seconds and give it the time of its end; 0 = as it comes.',
    ),
};

const backoff = z
  .strictObject({
    minMs: z.int().min(10).max(600_000).default(500).describe('First wait after a fault.'),
    maxMs: z.int().min(10).max(3_600_000).default(30_000).describe('Longest wait.'),
  })
  .refine((b) => b.minMs <= b.maxMs, { message: 'expected minMs <= maxMs', path: ['maxMs'] })
  .prefault({})
  .describe('Waits between attempts to reach the device: doubled each time, with jitter.');

/** What every source has, whatever it reads. */
export const sourceFields = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'expected letters, digits, -, _ and .')
    .max(64)
    .describe('Unique name of the source, for health, metrics and logs.'),
  backoff,
  clockToleranceS: z
    .number()
    .positive()
    .max(86_400 * 365)
    .default(300)
    .describe(
      "A device clock further off than this is not believed: the sample gets the gateway's time and UNCERTAIN quality. What may have waited on its way (MQTT) may be older, up to seven days, and is counted as late.",
    ),
  connectTimeoutS: z
    .number()
    .min(1)
    .max(3600)
    .default(30)
    .describe(
      'A device that takes the connection but gives no answer for so long is down: the connection is given up and tried again, seconds.',
    ),
  staleAfterS: z
    .number()
    .min(0)
    .max(86_400)
    .default(0)
    .describe('No data for this many seconds means that the source is down; 0 = not watched.'),
  statusAlias: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe('Publishes 1 (up) or 0 (down) of this source under this alias.'),
  statusEveryS: z
    .number()
    .min(0.1)
    .max(86_400)
    .default(60)
    .describe('How often `statusAlias` is published, besides at every change.'),
};
