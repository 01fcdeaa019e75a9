import { type Logger, messageOf } from '../../shared/core/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import { latestKey } from '../worker/report.js';
import type { QuantityVerdict, Verdicts } from './browser/protocol.js';

/** What every quantity has that the newest report does not name. */
const ALL = '';

/** The verdicts of an asset's newest report; none of a report that is known, or has none. */
export interface ReadReport {
  /** Changes with each report. */
  version: string;
  verdicts?: Verdicts;
}

/**
 * Reads the verdicts of an asset's newest report; undefined before the first.
 *
 * @param known version of the report that need not be read again
 */
export type ReadVerdicts = (known?: string) => Promise<ReadReport | undefined>;

function toVerdict(value: unknown): QuantityVerdict | undefined {
  const { grade, reasons } = (value ?? {}) as { grade?: unknown; reasons?: unknown };
  if (grade !== 'good' && grade !== 'care' && grade !== 'unusable') return undefined;
  return { grade, reasons: Array.isArray(reasons) ? reasons.map(String) : [] };
}

/**
 * The verdicts that the worker's newest report has, one per variable. A run without any, because it failed for
 * instance, speaks for all.
 *
 * @param fleet whose worker writes the report
 */
export function verdictsIn(store: ObjectStore, fleet: string, assetId: string): ReadVerdicts {
  return async (known) => {
    const found = await store.get(latestKey(fleet, assetId));
    if (found === undefined) return undefined;
    const version = found.etag;
    if (version === known) return { version };
    const report = JSON.parse(Buffer.from(found.body).toString('utf8')) as {
      verdict?: unknown;
      quantities?: Record<string, unknown>;
    };
    const each = Object.entries(report.quantities ?? {}).flatMap(([variable, value]) => {
      const verdict = toVerdict(value);
      return verdict === undefined ? [] : [[variable, verdict] as const];
    });
    if (each.length > 0) return { version, verdicts: Object.fromEntries(each) };
    const whole = toVerdict(report.verdict);
    return whole === undefined ? { version } : { version, verdicts: { [ALL]: whole } };
  };
}

/** A report follows its results: it is looked for in so many polls after a calibration, until it is there. */
const LOOKS = 30;
/** A run without new results, one that failed for instance, leaves a report all the same: polls between looks. */
const POLLS_BETWEEN = 30;

/** The verdicts of one machine, read anew with each report. */
export class VerdictDesk {
  readonly #read: ReadVerdicts | undefined;
  readonly #logger: Logger;
  #key: string | undefined;
  #looks = 0;
  #since = 0;
  #version: string | undefined;
  #newest: Verdicts | undefined;
  #fault: string | undefined;

  constructor(read: ReadVerdicts | undefined, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  /** Those of the newest run; nothing before the first, or where nobody can read them. */
  get newest(): { verdicts?: Verdicts } {
    return this.#newest === undefined ? {} : { verdicts: this.#newest };
  }

  /**
   * Looks for new ones.
   *
   * @param key changes with each calibration
   * @returns all of them where any has changed
   */
  async news(key: string): Promise<{ verdicts?: Verdicts }> {
    if (this.#read === undefined) return {};
    if (key !== this.#key) {
      this.#key = key;
      this.#looks = LOOKS;
    }
    this.#since++;
    if (this.#looks === 0 && this.#since < POLLS_BETWEEN) return {};
    this.#since = 0;
    this.#looks = Math.max(0, this.#looks - 1);
    try {
      const found = await this.#read(this.#version);
      this.#fault = undefined;
      if (found === undefined || found.version === this.#version) return {};
      this.#version = found.version;
      this.#looks = 0;
      const { verdicts } = found;
      if (JSON.stringify(verdicts) === JSON.stringify(this.#newest)) return {};
      this.#newest = verdicts;
      return { verdicts: verdicts ?? {} };
    } catch (error) {
      const fault = messageOf(error);
      if (fault !== this.#fault) {
        this.#logger.warn('The verdicts of the newest run could not be read', { reason: fault });
      }
      this.#fault = fault;
      return {};
    }
  }
}
