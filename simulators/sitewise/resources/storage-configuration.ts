import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import type { Account } from './account.js';

/** The least retention that the service takes, days. */
const MIN_RETENTION_DAYS = 30;
const SECONDS_PER_DAY = 86_400;
const SWEEP_MS = 60_000;

type Storage = sdk.PutStorageConfigurationRequest;

/** The storage settings as they are; the service's defaults where nothing was set. */
function storageSettings(account: Account): Storage & { updatedAtMs?: number } {
  return {
    storageType: 'SITEWISE_DEFAULT_STORAGE',
    disassociatedDataStorage: 'ENABLED',
    ...account.settings.get('storage'),
  };
}

/**
 * Values before this are to be forgotten, epoch seconds; undefined where all are kept. With a warm
 * tier, what leaves the hot one can still be read: until its own period is over.
 */
function retentionCutoffS(account: Account): number | undefined {
  const { warmTier, warmTierRetentionPeriod, retentionPeriod } = storageSettings(account);
  const period = warmTier === 'ENABLED' ? warmTierRetentionPeriod : retentionPeriod;
  const days = period?.numberOfDays;
  if (days === undefined) return undefined;
  return Number(account.clock.nowNs() / 1_000_000_000n) - days * SECONDS_PER_DAY;
}

/** Removes values that are older than the retention period. @returns blocks removed */
function applyRetention(account: Account): number {
  const cutoff = retentionCutoffS(account);
  if (cutoff === undefined) return 0;
  let removed = 0;
  for (const series of account.series.values()) {
    removed += account.values.dropBefore(series.number, { seconds: cutoff, nanos: 0 });
  }
  return removed;
}

/** Applies the retention period now and then. */
export function startRetention(account: Account): { stop(): void } {
  const sweep = setInterval(() => {
    if (applyRetention(account) > 0) {
      account.commit().catch((error: unknown) => {
        account.logger.error('Old values could not be removed', { error: String(error) });
      });
    }
  }, SWEEP_MS);
  sweep.unref();
  return { stop: () => clearInterval(sweep) };
}

function checkPeriod(
  what: string,
  period: sdk.RetentionPeriod | undefined,
  leastDays: number,
): void {
  if (period === undefined) return;
  // The service takes `unlimited: false` beside a number of days.
  if ((period.numberOfDays === undefined) === (period.unlimited !== true)) {
    throw invalidRequest(`The ${what} period is either a numberOfDays or unlimited.`);
  }
  if (period.numberOfDays !== undefined && period.numberOfDays < leastDays) {
    throw invalidRequest(`The ${what} period has at least ${leastDays} days.`);
  }
}

/** Settings of the account: storage with its retention, logging, encryption. */
export function storageConfigurationHandlers(account: Account): Handlers {
  const shown = () => {
    const { updatedAtMs: _updatedAtMs, ...settings } = storageSettings(account);
    return { ...settings, configurationStatus: { state: 'ACTIVE' } };
  };
  return {
    DescribeStorageConfiguration: () => {
      const { updatedAtMs } = storageSettings(account);
      const lastUpdateDate = updatedAtMs === undefined ? undefined : new Date(updatedAtMs);
      return { ...shown(), lastUpdateDate };
    },

    PutStorageConfiguration(input: sdk.PutStorageConfigurationRequest) {
      const cold = input.storageType === 'MULTI_LAYER_STORAGE';
      if (cold !== (input.multiLayerStorage !== undefined)) {
        throw invalidRequest(
          cold
            ? 'MULTI_LAYER_STORAGE needs multiLayerStorage, which names its bucket and role.'
            : 'multiLayerStorage needs MULTI_LAYER_STORAGE.',
        );
      }
      checkPeriod('retention', input.retentionPeriod, MIN_RETENTION_DAYS);
      checkPeriod('warm tier retention', input.warmTierRetentionPeriod, 1);
      if (input.warmTierRetentionPeriod !== undefined && !(cold && input.warmTier === 'ENABLED')) {
        throw invalidRequest(
          'A warmTierRetentionPeriod needs the warmTier to be ENABLED, and MULTI_LAYER_STORAGE.',
        );
      }
      if (cold) {
        account.logger.warn('The cold tier is noted, but nothing is exported to its bucket', {
          bucket: input.multiLayerStorage?.customerManagedS3Storage?.s3ResourceArn,
        });
      }
      account.settings.set('storage', { ...input, updatedAtMs: account.nowMs() });
      applyRetention(account);
      return shown();
    },

    DescribeLoggingOptions: () => ({
      loggingOptions: account.settings.get('logging') ?? { level: 'OFF' },
    }),

    PutLoggingOptions(input: sdk.PutLoggingOptionsRequest) {
      account.settings.set('logging', { ...input.loggingOptions });
      return {};
    },

    DescribeDefaultEncryptionConfiguration: () => ({
      encryptionType: 'SITEWISE_DEFAULT_ENCRYPTION',
      configurationStatus: { state: 'ACTIVE' },
    }),
  };
}
