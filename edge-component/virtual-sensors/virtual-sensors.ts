import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { VirtualSensorsConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  nsToSeconds,
  type Quality,
  TwinError,
} from '../../shared/core/index.js';
import { createFmuPool, type FmuPool, openFmu } from '../../shared/fmi/index.js';
import { openStore } from '../../shared/store/index.js';
import { loadTwin, type Twin } from '../../shared/twin/index.js';
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
  stale: boolean;
  lastError?: string;
}

/** Half the width of a 95 % interval, in standard deviations. */
const Z95 = 1.959964;

/**
 * Evaluates the calibrated twin on the gateway, at its own pace: the outputs that no sensor measures,
 * with 95 % bounds from the calibration's standard deviations (its parameters taken as independent).
 */
export class VirtualSensors implements Closeable {
  readonly #options: VirtualSensorsOptions;
  readonly #stop = new AbortController();
  /** Last GOOD value of each stream that an input follows. */
  readonly #inputs = new Map<string, number>();
  #twin: Twin | undefined;
  #pool: FmuPool | undefined;
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
      if (quality === 'GOOD' && typeof value === 'number') this.#inputs.set(alias, value);
    }
  }

  get status(): VirtualSensorsStatus {
    const ageS = this.#ageS();
    return {
      evaluations: this.#evaluations,
      failures: this.#failures,
      ...(ageS === undefined ? {} : { calibrationAgeS: ageS }),
      stale: this.#quality() !== 'GOOD',
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort(new TwinError('CANCELLED', 'The virtual sensors were stopped.'));
    await this.#loop;
    await this.#pool?.close();
  }

  async #run(): Promise<void> {
    const { clock, config, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#evaluate();
        this.#evaluations++;
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

  #quality(): Quality {
    const ageS = this.#ageS();
    return ageS === undefined || ageS > this.#options.config.calibration.maxAgeS
      ? 'UNCERTAIN'
      : 'GOOD';
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

  async #evaluate(): Promise<void> {
    const { config, baseDir, append, clock, logger } = this.#options;
    await this.#refresh();
    const calibration = this.#calibration;
    if (calibration === undefined) return;
    this.#twin ??= await loadTwin(resolve(baseDir, config.twin));
    const { definition, fmuPath } = this.#twin;
    this.#pool ??= await createFmuPool({ fmu: await openFmu(fmuPath), lanes: 1, logger });
    const inputs: Record<string, number> = {};
    for (const input of definition.inputs) {
      const value = input.value ?? (input.alias && this.#inputs.get(input.alias));
      if (typeof value !== 'number') return; // its stream has not spoken yet
      inputs[input.variable] = value;
    }
    const names = definition.parameters.map((p) => p.variable);
    const means = names.map((n, i) => {
      const value = calibration.parameters[n]?.mean ?? definition.parameters[i]?.prior.mean;
      return value ?? 0;
    });
    const outputs = definition.virtualSensors.map((v) => v.variable);
    const at = async (values: readonly number[]) => {
      const { interface: kind, stepSizeS, maxTimeS, relativeTolerance } = definition.simulation;
      const result = await this.#pool?.settle({
        startValues: Object.fromEntries(names.map((n, i) => [n, values[i] ?? 0])),
        inputs,
        outputs,
        interface: kind,
        stepSizeS,
        maxTimeS,
        relativeTolerance,
        warm: true,
        signal: this.#stop.signal,
      });
      return result?.values ?? new Float64Array(outputs.length);
    };
    const timeNs = clock.nowNs();
    const mean = await at(means);
    const variance = new Float64Array(outputs.length);
    for (const [i, name] of names.entries()) {
      const std = calibration.parameters[name]?.std ?? 0;
      if (std === 0) continue;
      const { lower = Number.NEGATIVE_INFINITY, upper = Number.POSITIVE_INFINITY } =
        definition.parameters[i] ?? {};
      const step = (by: number) =>
        means.map((m, j) => (j === i ? Math.min(upper, Math.max(lower, m + by)) : m));
      const plus = await at(step(std));
      const minus = await at(step(-std));
      for (let k = 0; k < outputs.length; k++) {
        variance[k] = (variance[k] ?? 0) + (((plus[k] ?? 0) - (minus[k] ?? 0)) / 2) ** 2;
      }
    }
    const quality = this.#quality();
    const samples = definition.virtualSensors.flatMap((sensor, k): EdgeSample[] => {
      const value = mean[k] ?? Number.NaN;
      const half = Z95 * Math.sqrt(variance[k] ?? 0);
      if (!Number.isFinite(value)) return [];
      return [
        ['', value] as const,
        ['_lower', value - half] as const,
        ['_upper', value + half] as const,
      ].map(([suffix, v]) => ({
        alias: `${sensor.alias}${config.suffix}${suffix}`,
        timeNs,
        quality,
        value: v,
        dataType: 'DOUBLE',
      }));
    });
    await append(samples);
  }
}
