import { z } from 'zod';
import { loadConfig } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';

const origin = {
  region: z.string().min(1).describe('AWS region that it holds for.'),
  asOf: z
    .string()
    .regex(/^\d{4}-\d{2}$/, 'expected a month like 2026-11')
    .describe('When it was read.'),
  source: z.url().describe('Where it was read, or where it is kept.'),
  note: z.string().optional(),
};

const price = z.strictObject({
  usd: z.number().positive(),
  per: z.number().positive().describe('Of how many units the price is.'),
  unit: z.string().min(1).describe('What is counted, a month.'),
  ...origin,
});

const quota = z.strictObject({
  value: z.number().positive(),
  unit: z.string().min(1),
  adjustable: z.boolean().describe('Whether AWS raises it on request.'),
  ...origin,
});

/** Every price that an estimate needs. */
const PRICE_NAMES = [
  'siteWiseMessage',
  'siteWiseHotStorage',
  'fargateVcpu',
  'fargateMemory',
  'fargateSpotVcpu',
  'fargateSpotMemory',
  'ec2Vcpu',
  'ec2SpotVcpu',
  'publicIpv4',
  'natGateway',
  'natData',
  'schedulerInvocation',
  'grafanaEditor',
  'grafanaViewer',
  'twinMakerEntity',
  'greengrassCore',
  's3Put',
  's3Get',
  's3Storage',
  'kmsKey',
  'ecrStorage',
  'cloudWatchMetric',
  'cloudWatchMetricBeyond',
  'cloudWatchAlarm',
  'cloudWatchLogs',
] as const;
export type PriceName = (typeof PRICE_NAMES)[number];

const QUOTA_NAMES = [
  'siteWiseDataRequests',
  'siteWiseValuesPerProperty',
  'batchArraySize',
] as const;

/** The file of prices: each with region, date and source. */
export const priceListSchema = z.strictObject({
  currency: z.literal('USD'),
  prices: z.record(z.enum(PRICE_NAMES), price),
});

/** The file of quotas that a growing fleet meets. */
const quotaListSchema = z.strictObject({
  quotas: z.record(z.enum(QUOTA_NAMES), quota),
});

export type PriceList = z.output<typeof priceListSchema>;
export type QuotaList = z.output<typeof quotaListSchema>;

/**
 * The prices that come with Twinloop, or a file of one's own.
 *
 * @throws TwinError `FILE_NOT_FOUND`; ConfigError, also when a price is missing
 */
export function loadPriceList(
  path = packageFile('cloud/operations/cost/prices.json'),
): Promise<PriceList> {
  return loadConfig(priceListSchema, path, 'price list');
}

/** The quotas that come with Twinloop. */
export function loadQuotaList(): Promise<QuotaList> {
  return loadConfig(
    quotaListSchema,
    packageFile('cloud/operations/cost/quotas.json'),
    'quota list',
  );
}
