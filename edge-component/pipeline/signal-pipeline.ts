import type { SignalConfig } from '../../shared/config/index.js';
import { type Quality, secondsToNs, type TqvValue } from '../../shared/core/index.js';
import type { EdgeSample } from '../outbox/record.js';
import { MAX_TEXT, toTypedValue } from './typed-value.js';

/** One reading as a source hands it over. */
export interface RawSample {
  /** Index of the signal in the source's config. */
  signal: number;
  /** The device's time; undefined where it gives none. */
  timeNs: bigint | undefined;
  quality: Quality;
  value: unknown;
}

/** SiteWise takes values up to ten minutes ahead; a minute is left for the way there. */
const MAX_AHEAD_NS = secondsToNs(9 * 60);

/** What one signal's readings go through, and what it must remember for that. */
export class SignalPipeline {
  readonly #config: SignalConfig;
  readonly #toleranceNs: bigint;
  readonly #alignNs: bigint;
  readonly #heartbeatNs: bigint;
  /** What was sent last. */
  #sent: EdgeSample | undefined;
  /** When it was sent, gateway time. */
  #sentAtNs = 0n;
  /** The newest reading of the current alignment interval. */
  #held: EdgeSample | undefined;
  #heldEndNs = 0n;
  /** Readings whose time was not believed. */
  clockFaults = 0;

  constructor(config: SignalConfig, clockToleranceS: number) {
    this.#config = config;
    this.#toleranceNs = secondsToNs(clockToleranceS);
    this.#alignNs = secondsToNs(config.alignS);
    this.#heartbeatNs = secondsToNs(config.heartbeatS);
  }

  /**
   * Takes one reading.
   *
   * @param nowNs gateway time
   * @param out what is to be sent is added here
   */
  push(raw: RawSample, nowNs: bigint, out: EdgeSample[]): void {
    const sample = this.#convert(raw, nowNs);
    if (sample === undefined) return;
    if (this.#alignNs === 0n) this.#emit(sample, nowNs, out);
    else this.#align(sample, nowNs, out);
  }

  /** Lets time pass: ends an alignment interval, repeats the last value when its heartbeat is due. */
  tick(nowNs: bigint, out: EdgeSample[]): void {
    if (this.#held !== undefined && nowNs >= this.#heldEndNs) this.#release(nowNs, out);
    if (this.#heartbeatNs === 0n || this.#sent === undefined) return;
    if (nowNs < this.#sentAtNs) this.#sentAtNs = nowNs; // the gateway's clock went back
    if (nowNs - this.#sentAtNs < this.#heartbeatNs) return;
    this.#send({ ...this.#sent, timeNs: nowNs }, nowNs, out);
  }

  /** The source is down: one BAD sample, unless the last one was BAD already. */
  down(nowNs: bigint, out: EdgeSample[]): void {
    if (this.#held !== undefined) this.#release(nowNs, out);
    if (this.#sent?.quality === 'BAD' && this.#sent.value === null) return;
    this.#send(this.#sample(nowNs, 'BAD', null), nowNs, out);
  }

  #sample(timeNs: bigint, quality: Quality, value: TqvValue): EdgeSample {
    return { alias: this.#config.alias, timeNs, quality, value, dataType: this.#config.dataType };
  }

  #convert(raw: RawSample, nowNs: bigint): EdgeSample | undefined {
    let quality = raw.quality;
    let timeNs = raw.timeNs ?? nowNs;
    const ahead = timeNs - nowNs;
    if (ahead > this.#toleranceNs || -ahead > this.#toleranceNs || ahead > MAX_AHEAD_NS) {
      timeNs = nowNs;
      this.clockFaults++;
      if (quality === 'GOOD') quality = 'UNCERTAIN';
    }
    const { dataType, scale, offset, range } = this.#config;
    let value = toTypedValue(raw.value, dataType, scale, offset);
    if (value === null) return this.#sample(timeNs, 'BAD', null);
    if (typeof value === 'string' && value.length > MAX_TEXT) {
      // Half a text is not what the device said.
      value = value.slice(0, MAX_TEXT);
      if (quality === 'GOOD') quality = 'UNCERTAIN';
    }
    if (range !== undefined && typeof value === 'number') {
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = range;
      if (value < min || value > max) {
        if (range.action === 'drop') return undefined;
        if (range.action === 'clamp') value = value < min ? min : max;
        if (quality === 'GOOD') quality = 'UNCERTAIN';
      }
    }
    return this.#sample(timeNs, quality, value);
  }

  /** Keeps the last reading of each interval; a reading of a later interval ends the earlier one. */
  #align(sample: EdgeSample, nowNs: bigint, out: EdgeSample[]): void {
    const endNs = (sample.timeNs / this.#alignNs + 1n) * this.#alignNs;
    if (this.#held !== undefined && endNs !== this.#heldEndNs) {
      // A straggler of an interval that is over says nothing new.
      if (endNs < this.#heldEndNs) return;
      this.#release(nowNs, out);
    }
    if (this.#held === undefined || sample.timeNs >= this.#held.timeNs) {
      this.#held = sample;
      this.#heldEndNs = endNs;
    }
  }

  #release(nowNs: bigint, out: EdgeSample[]): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#emit({ ...held, timeNs: this.#heldEndNs }, nowNs, out);
  }

  #emit(sample: EdgeSample, nowNs: bigint, out: EdgeSample[]): void {
    const last = this.#sent;
    if (last !== undefined && last.quality === sample.quality && this.#isStill(last, sample))
      return;
    this.#send(sample, nowNs, out);
  }

  /** Whether a sample lies within the deadband around the last one sent. */
  #isStill(last: EdgeSample, sample: EdgeSample): boolean {
    // A stream of BAD samples without values repeats nothing worth sending.
    if (last.value === null && sample.value === null) return true;
    const { deadband } = this.#config;
    if (deadband === undefined) return false;
    if (typeof last.value !== 'number' || typeof sample.value !== 'number') {
      return last.value === sample.value;
    }
    const moved = Math.abs(sample.value - last.value);
    const { absolute, percent } = deadband;
    return (
      (absolute === undefined || moved <= absolute) &&
      (percent === undefined || moved <= (percent / 100) * Math.abs(last.value))
    );
  }

  #send(sample: EdgeSample, nowNs: bigint, out: EdgeSample[]): void {
    this.#sent = sample;
    this.#sentAtNs = nowNs;
    out.push(sample);
  }
}
