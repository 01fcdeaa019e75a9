import { type Logger, messageOf } from '../../shared/core/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import { latestKey } from '../worker/report.js';
import type { QuantityVerdict, Verdicts } from './browser/protocol.js';

/** What every quantity has that the newest report does not name. */
const ALL = '';

/** Reads the verdicts of an asset's newest run; undefined before the first. */
export type ReadVerdicts = () => Promise<Verdicts | undefined>;

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
  return async () => {
    const found = await store.get(latestKey(fleet, assetId));
    if (found === undefined) return undefined;
    const report = JSON.parse(Buffer.from(found.body).toString('utf8')) as {
      verdict?: unknown;
      quantities?: Record<string, unknown>;
    };
    const each = Object.entries(report.quantities ?? {}).flatMap(([variable, value]) => {
      const verdict = toVerdict(value);
      return verdict === undefined ? [] : [[variable, verdict] as const];
    });
    if (each.length > 0) return Object.fromEntries(each);
    const whole = toVerdict(report.verdict);
    return whole === undefined ? undefined : { [ALL]: whole };
  };
}

/** A report follows its results: it is looked for in so many polls after a calibration. */
const LOOKS = 30;

/** The verdicts of one machine, read anew with each calibration. */
export class VerdictDesk {
  readonly #read: ReadVerdicts | undefined;
  readonly #logger: Logger;
  #key: string | undefined;
  #looks = 0;
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
    if (this.#looks === 0) return {};
    this.#looks--;
    try {
      const found = await this.#read();
      this.#fault = undefined;
      if (JSON.stringify(found) === JSON.stringify(this.#newest)) return {};
      this.#newest = found;
      return { verdicts: found ?? {} };
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
