import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TwinDefinition, VirtualSensorsConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  nsToSeconds,
  type Quality,
  TwinError,
} from '../../shared/core/index.js';
import { openStore } from '../../shared/store/index.js';
import {
  createTwinModel,
  type Estimate,
  estimateVirtualSensors,
  loadTwin,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import type { EdgeSample } from '../outbox/record.js';
import { type DeliveredCalibration, parseCalibration } from './delivered-calibration.js';

export interface VirtualSensorsOptions {
  config: VirtualSensorsConfig;
  baseDir: string;
  /** Hands over what was computed; resolves when it is durable. */
  append: (samples: readonly EdgeSample[]) => Promise<void>;
  clock: Clock;
  logger: Logger;
}

/** How the virtual sensors are doing. */
export interface VirtualSensorsStatus {
  evaluations: number;
  failures: number;
  /** Age of the calibration, seconds; undefined before there is one. */
  calibrationAgeS?: number;
  /** The calibration is too old, or there is none. */
  stale: boolean;
  /** Why values are UNCERTAIN, in a word: `calibration-old`, `may-move`, `input-bad`, `input-uncertain`, `not-computed`. */
  uncertain?: string;
  /** Streams of inputs that have not said a value yet: until then nothing is computed. */
  waitingFor?: string[];
  lastError?: string;
}

/**
 * Evaluates the calibrated twin on the gateway, at its own pace: the outputs that no sensor measures,
 * with the bands that the calibration would give them (its parameters taken as independent). Values
 * are UNCERTAIN while the calibration is old, where the machine moves, or while the last value of an input is not GOOD, and repeat the last
 * ones, UNCERTAIN, while the model fails or does not come to rest.
 */
export class VirtualSensors implements Closeable {
  readonly #options: VirtualSensorsOptions;
  readonly #stop = new AbortController();
  /** Last value of each stream, and the quality of what came last: BAD has no value. */
  readonly #inputs = new Map<string, { value: number; quality: Quality }>();
  #uncertain: string | undefined;
  #waitingFor: string[] = [];
  #twin: Twin | undefined;
  #model: TwinModel | undefined;
  #estimates: Readonly<Record<string, Estimate>> | undefined;
  #calibration: DeliveredCalibration | undefined;
  #refreshedNs: bigint | undefined;
  #loop: Promise<void> | undefined;
  #evaluations = 0;
  #failures = 0;
  #lastError: string | undefined;

  constructor(options: VirtualSensorsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Lets samples pass by, so that inputs can follow their streams. */
  observe(samples: readonly EdgeSample[]): void {
    for (const { alias, quality, value } of samples) {
      const known = this.#inputs.get(alias);
      if (quality !== 'BAD' && typeof value === 'number')
        this.#inputs.set(alias, { value, quality });
      else if (known !== undefined) known.quality = 'BAD';
    }
  }

  get status(): VirtualSensorsStatus {
    const ageS = this.#ageS();
    return {
      evaluations: this.#evaluations,
      failures: this.#failures,
      ...(ageS === undefined ? {} : { calibrationAgeS: ageS }),
      stale: this.#isStale,
      ...(this.#uncertain === undefined ? {} : { uncertain: this.#uncertain }),
      ...(this.#waitingFor.length === 0 ? {} : { waitingFor: [...this.#waitingFor] }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort(new TwinError('CANCELLED', 'The virtual sensors were stopped.'));
    await this.#loop;
    await this.#model?.close();
  }

  async #run(): Promise<void> {
    const { clock, config, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (await this.#evaluate()) this.#evaluations++;
        this.#lastError = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        const message = messageOf(error);
        if (message !== this.#lastError) {
          logger.warn('Virtual sensors could not be computed', { error: message });
        }
        this.#lastError = message;
      }
      await clock.sleep(config.everyS * 1000, signal).catch(() => {});
    }
  }

  #ageS(): number | undefined {
    return this.#calibration === undefined
      ? undefined
      : nsToSeconds(this.#options.clock.nowNs() - this.#calibration.timeNs);
  }

  get #isStale(): boolean {
    const ageS = this.#ageS();
    return ageS === undefined || ageS > this.#options.config.calibration.maxAgeS;
  }

  /** Why what is computed now is not GOOD; undefined: it is. */
  #doubt(definition: TwinDefinition): string | undefined {
    if (this.#isStale) return 'calibration-old';
    // What is computed is where the machine comes to rest, and it may not be there.
    if (definition.simulation.mode !== 'steady-state') return 'may-move';
    const followed = definition.inputs.flatMap(({ value, alias }) =>
      value === undefined && alias !== undefined ? [this.#inputs.get(alias)?.quality] : [],
    );
    if (followed.includes('BAD')) return 'input-bad';
    return followed.includes('UNCERTAIN') ? 'input-uncertain' : undefined;
  }

  /** Looks for a newer calibration; while there is none to be had, the last one serves. */
  async #refresh(): Promise<void> {
    const { config, baseDir, clock, logger } = this.#options;
    const { file, store, key, refreshS } = config.calibration;
    const nowNs = clock.nowNs();
    if (
      this.#refreshedNs !== undefined &&
      Math.abs(nsToSeconds(nowNs - this.#refreshedNs)) < refreshS
    ) {
      return;
    }
    try {
      let text: string;
      if (file !== undefined) text = await readFile(resolve(baseDir, file), 'utf8');
      else {
        const location =
          store?.startsWith('s3://') === true ? store : resolve(baseDir, store ?? '');
        const object = await openStore(location).get(key ?? '');
        if (object === undefined) {
          throw new TwinError('NOT_FOUND', `There is no calibration ${key} in ${store} yet.`);
        }
        text = Buffer.from(object.body).toString('utf8');
      }
      this.#calibration = parseCalibration(text, file ?? `${store}/${key}`);
      this.#refreshedNs = nowNs;
    } catch (error) {
      if (this.#calibration === undefined) throw error;
      this.#refreshedNs = nowNs;
      logger.warn('No newer calibration; the last one serves', { error: messageOf(error) });
    }
  }

  /** @returns false where inputs have no value yet */
  async #evaluate(): Promise<boolean> {
    const { config, baseDir, append, clock, logger } = this.#options;
    await this.#refresh();
    const calibration = this.#calibration;
    if (calibration === undefined) return false;
    this.#twin ??= await loadTwin(resolve(baseDir, config.twin));
    const { definition } = this.#twin;
    this.#model ??= await createTwinModel(this.#twin, { lanes: 1, logger });
    const inputs = new Float64Array(definition.inputs.length);
    const waitingFor: string[] = [];
    for (const [i, { value, alias = '' }] of definition.inputs.entries()) {
      const known = value ?? this.#inputs.get(alias)?.value;
      if (known === undefined) waitingFor.push(alias);
      else inputs[i] = known;
    }
    this.#waitingFor = waitingFor;
    if (waitingFor.length > 0) return false;
    this.#uncertain = this.#doubt(definition);
    const timeNs = clock.nowNs();
    try {
      this.#estimates = await estimateVirtualSensors(
        this.#twin,
        this.#model,
        calibration.parameters,
        inputs,
        this.#stop.signal,
      );
    } catch (error) {
      if (this.#estimates !== undefined && !this.#stop.signal.aborted) {
        this.#uncertain ??= 'not-computed';
        await append(this.#samples(definition, this.#estimates, timeNs));
      }
      throw error;
    }
    await append(this.#samples(definition, this.#estimates, timeNs));
    return true;
  }

  #samples(
    definition: TwinDefinition,
    estimates: Readonly<Record<string, Estimate>>,
    timeNs: bigint,
  ): EdgeSample[] {
    const { suffix: own } = this.#options.config;
    const reason = this.#uncertain;
    const known: Pick<EdgeSample, 'quality' | 'reason'> =
      reason === undefined ? { quality: 'GOOD' } : { quality: 'UNCERTAIN', reason };
    return definition.virtualSensors.flatMap(({ alias, variable }): EdgeSample[] => {
      const { mean, lower95, upper95 } = estimates[variable]!;
      return [['', mean] as const, ['_lower', lower95] as const, ['_upper', upper95] as const].map(
        ([suffix, value]) => ({
          alias: `${alias}${own}${suffix}`,
          timeNs,
          ...known,
          value,
          dataType: 'DOUBLE',
        }),
      );
    });
  }
}
