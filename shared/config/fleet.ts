import { z } from 'zod';

const EXTERNAL_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]*[A-Za-z0-9]$/;

const asset = z.strictObject({
  id: z
    .string()
    .min(2)
    .max(100)
    .regex(
      EXTERNAL_ID,
      'expected letters, digits and _ . : - inside (it is the external id in SiteWise)',
    )
    .describe("The asset's external id in SiteWise; also the name of its state in the store."),
  twin: z.string().min(1).describe('Which of `twins` it is.'),
  aliasPrefix: z
    .string()
    .min(1)
    .regex(/^\/.*[^/]$/, 'expected a path like /line7')
    .optional()
    .describe("Takes the place of the prefix that the twin definition's aliases share."),
  gatewayLedger: z
    .string()
    .min(1)
    .max(900)
    .optional()
    .describe(
      '`status.ledgerAlias` of the edge component that reads it: while values wait there, late readings are expected and looked for at every run.',
    ),
  enabled: z.boolean().default(true).describe('Whether it is calibrated.'),
});

const calibration = z.strictObject({
  settleS: z
    .number()
    .min(0)
    .max(86_400)
    .default(30)
    .describe('Samples younger than this wait for the next run: slower streams may still arrive.'),
  lookbackS: z
    .number()
    .positive()
    .max(7 * 86_400)
    .default(86_400)
    .describe(
      'How far the first run of an asset looks back, seconds; older readings are left out, which its verdict says.',
    ),
  lateWindowS: z
    .number()
    .min(0)
    .max(7 * 86_400)
    .default(86_400)
    .describe(
      'Readings that arrive behind the estimate by at most this are taken in their place, seconds; later ones are counted and left out.',
    ),
  lateCheckS: z
    .number()
    .min(0)
    .max(86_400)
    .default(600)
    .describe(
      'How often the whole late window is looked through, seconds; in between, and always after a gap, only its last hour.',
    ),
  readWindowS: z
    .number()
    .positive()
    .default(6 * 3600)
    .describe(
      'Stretch that is read and kept in memory at once, seconds; it grows while there is little in it.',
    ),
  maxRunS: z
    .number()
    .positive()
    .default(600)
    .describe('After this time a job stops between samples and leaves the rest to the next.'),
  commitEvery: z
    .int()
    .min(1)
    .max(1000)
    .default(50)
    .describe('Samples between two commits of the state.'),
  parallelAssets: z
    .int()
    .min(1)
    .max(256)
    .default(8)
    .describe('Assets of one job that are worked on at a time.'),
  forecast: z
    .boolean()
    .default(true)
    .describe(
      'Whether the forecast of the coming week is published each six hours, for what has a limit.',
    ),
  assetsPerJob: z.int().min(1).max(10_000).default(50).describe('Assets of one job of the array.'),
});

/** A fleet: which assets there are, which twin each one is, and how they are calibrated. */
export const fleetSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and -')
      .max(40)
      .describe('Short name of the fleet.'),
    twins: z
      .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/), z.string().min(1))
      .describe('Twin definitions by name: paths relative to this file.'),
    assets: z.array(asset).min(1, 'expected at least one asset').max(100_000),
    calibration: calibration.prefault({}),
  })
  .superRefine((fleet, context) => {
    const seen = new Map<string, number>();
    fleet.assets.forEach((a, i) => {
      const first = seen.get(a.id);
      if (first !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['assets', i, 'id'],
          message: `is also the id of assets[${first}]: expected every id once`,
        });
      }
      seen.set(a.id, i);
      if (!Object.hasOwn(fleet.twins, a.twin)) {
        context.addIssue({
          code: 'custom',
          path: ['assets', i, 'twin'],
          message: `expected one of ${Object.keys(fleet.twins).join(', ')}`,
        });
      }
    });
  });

export type FleetConfig = z.output<typeof fleetSchema>;
export type FleetAsset = FleetConfig['assets'][number];
export type CalibrationOptions = FleetConfig['calibration'];

/**
 * The assets of one job of an array.
 *
 * @param index `AWS_BATCH_JOB_ARRAY_INDEX`, from 0; beyond the last share there are none
 */
export function shareOf(fleet: FleetConfig, index: number): readonly FleetAsset[] {
  const size = fleet.calibration.assetsPerJob;
  return fleet.assets.slice(index * size, (index + 1) * size).filter((a) => a.enabled);
}

/** How many jobs an array needs for the whole fleet. */
export function jobCount(fleet: FleetConfig): number {
  return Math.ceil(fleet.assets.length / fleet.calibration.assetsPerJob);
}
