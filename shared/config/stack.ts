import { z } from 'zod';

const port = z.int().min(0).max(65_535);

/** The local stack: the whole loop on one machine. */
export const stackSchema = z.strictObject({
  $schema: z.string().optional(),
  twin: z
    .string()
    .min(1)
    .optional()
    .describe('Path of the twin definition, relative to this file; default: the web line.'),
  data: z
    .string()
    .min(1)
    .default('.twinloop')
    .describe('Folder that holds everything the stack stores.'),
  timeScale: z
    .number()
    .positive()
    .max(1e6)
    .default(3600)
    .describe('Seconds of the machine per second of wall time.'),
  seed: z.int().default(1).describe("Seed of the simulated machine's noise."),
  publishIntervalS: z
    .number()
    .min(0.05)
    .max(3600)
    .default(1)
    .describe('Wall seconds between the samples of the machine.'),
  schedule: z
    .string()
    .default('*/10 * * * * *')
    .describe(
      'When calibrations start: a cron expression, with seconds as its first of six fields.',
    ),
  replay: z
    .strictObject({
      csv: z.string().min(1).describe('A recording to feed instead of the simulated machine.'),
      timeColumn: z.string().optional().describe('Its time column; default: found.'),
      headerRow: z.int().positive().optional().describe('Line of its header; default: found.'),
      delimiter: z.string().optional().describe('What stands between cells; default: found.'),
      decimal: z.enum(['.', ',']).optional().describe('Decimal mark; default: found.'),
      encoding: z.string().optional().describe('E.g. `windows-1252`; default: found.'),
      timeFormat: z
        .enum(['iso', 'dmy', 'mdy', 'ymd', 's', 'ms', 'us', 'ns', 'min', 'h', 'd', 'excel'])
        .optional()
        .describe('How times are written, as --time-format; default: found.'),
      timeZone: z
        .string()
        .optional()
        .describe('Zone of times that carry none, e.g. `Europe/Berlin`; default: UTC.'),
      samplePeriodS: z
        .number()
        .positive()
        .optional()
        .describe('Seconds between two rows of a recording without times.'),
      long: z
        .union([
          z.boolean(),
          z.strictObject({
            tag: z.string(),
            value: z.string(),
            quality: z.string().optional(),
          }),
        ])
        .optional()
        .describe('Whether rows are readings of one tag each, or the columns; default: found.'),
      sheet: z.string().optional().describe('Sheet of a workbook; default: the first.'),
      where: z
        .strictObject({ column: z.string(), value: z.string() })
        .optional()
        .describe('Takes the rows with this text in this column: one machine among several.'),
      columns: z
        .record(z.string(), z.string())
        .default({})
        .describe("Variable → column; default: the twin definition's `column`."),
    })
    .optional()
    .describe('Feeds a recording instead of the simulated machine.'),
  ports: z
    .strictObject({
      monitor: port.default(8080),
      siteWise: port.default(0),
      mqtt: port.default(0),
      opcua: port.default(0),
    })
    .prefault({})
    .describe('Ports on loopback; 0 takes any that is free.'),
});

export type StackConfig = z.output<typeof stackSchema>;
