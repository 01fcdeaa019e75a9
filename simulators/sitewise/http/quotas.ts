import { ApiFault } from '../api/faults.js';
import type { Operation } from '../api/schema.js';

/** Rates above which requests are throttled; 0 is no limit. */
export interface Quotas {
  /** Requests of the data plane, a second. */
  dataRequestsPerS: number;
  /** Requests on assets, their properties and time series, a second. */
  assetRequestsPerS: number;
  /** Requests on asset models, a second. */
  modelRequestsPerS: number;
  /** Entries of BatchPutAssetPropertyValue for one property, a second. */
  entriesPerPropertyPerS: number;
  /** Values for one property in one quality, a second. */
  valuesPerPropertyPerS: number;
}

/** No limits: the default, so that a history can be filled at full speed. */
export const NO_QUOTAS: Readonly<Quotas> = {
  dataRequestsPerS: 0,
  assetRequestsPerS: 0,
  modelRequestsPerS: 0,
  entriesPerPropertyPerS: 0,
  valuesPerPropertyPerS: 0,
};

/**
 * The service's published default quotas.
 *
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/quotas.html
 */
export const AWS_QUOTAS: Readonly<Quotas> = {
  dataRequestsPerS: 1000,
  assetRequestsPerS: 30,
  modelRequestsPerS: 10,
  entriesPerPropertyPerS: 10,
  valuesPerPropertyPerS: 10,
};

/** Buckets remembered per quota before the idle ones are forgotten. */
const MAX_BUCKETS = 200_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Token buckets that refill at the quota's rate and hold one second's worth. */
export class Throttle {
  readonly #quotas: Readonly<Quotas>;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(quotas: Readonly<Quotas>, nowMs: () => number) {
    this.#quotas = quotas;
    this.#nowMs = nowMs;
  }

  /** Takes `amount` from a bucket. @returns false when it does not hold that much */
  take(quota: keyof Quotas, key: string, amount: number): boolean {
    const rate = this.#quotas[quota];
    if (rate <= 0) return true;
    const id = `${quota}/${key}`;
    const now = this.#nowMs();
    let bucket = this.#buckets.get(id);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_BUCKETS) this.#forgetIdle(now);
      bucket = { tokens: rate, atMs: now };
      this.#buckets.set(id, bucket);
    }
    bucket.tokens = Math.min(rate, bucket.tokens + ((now - bucket.atMs) / 1000) * rate);
    bucket.atMs = now;
    if (bucket.tokens < amount) return false;
    bucket.tokens -= amount;
    return true;
  }

  #forgetIdle(now: number): void {
    for (const [id, bucket] of this.#buckets) {
      if (now - bucket.atMs > 1000) this.#buckets.delete(id);
    }
  }

  /** Lets a request through. @throws ApiFault `ThrottlingException` */
  admit(operation: Operation): void {
    const quota: keyof Quotas =
      operation.plane === 'data'
        ? 'dataRequestsPerS'
        : operation.path.startsWith('/asset-models')
          ? 'modelRequestsPerS'
          : 'assetRequestsPerS';
    if (!this.take(quota, '', 1)) {
      throw new ApiFault('ThrottlingException', `Rate exceeded: ${quota}.`);
    }
  }
}
