import type { SignalConfig } from '../../shared/config/index.js';
import { type Quality, secondsToNs, type TqvValue } from '../../shared/core/index.js';
import { type EdgeSample, LATEST_NS } from '../outbox/record.js';
import { SourceLedger } from './source-ledger.js';
import { cutText, MAX_TEXT_BYTES, toTypedValue, whyNot } from './typed-value.js';

/** One reading as a source hands it over. */
export interface RawSample {
  /** Index of the signal in the source's config. */
  signal: number;
  /** The device's time; undefined where it gives none. */
  timeNs: bigint | undefined;
  quality: Quality;
  value: unknown;
  /**
   * Why it is not GOOD: one of few words, such as an OPC UA status or `modbus-exception-4`, never text
   * with values in it, for it is counted by this name.
   */
  reason?: string;
  /**
   * It may have waited on its way, at a broker or in a history: then an old time is no evidence against the
   * device's clock.
   */
  mayBeLate?: boolean;
  /** It is of a device's history, read after a gap. */
  fromHistory?: boolean;
  /** It goes no further, and is counted by this reason. */
  refused?: string;
}

/** The gateway's clock, as far as readings depend on it. */
export interface ClockTrust {
  /** Whether the clock is known to be set: else what it says makes nothing GOOD, and judges no device. */
  readonly trusted: boolean;
  /** All steps by which it was set so far, together, and whether its time service vouches for it. */
  readonly shiftNs?: bigint;
  readonly synchronised?: boolean;
}

/** The clock at one instant, with what is known of it then: it may be set between two looks. */
export interface ClockReading extends ClockTrust {
  readonly nowNs: bigint;
}

/** SiteWise takes values that are not older than seven days; what is, was not said by a right clock. */
const MOST_LATE_NS = secondsToNs(7 * 86_400);
/** SiteWise takes values up to ten minutes ahead; a minute is left for the way there. */
const MAX_AHEAD_NS = secondsToNs(9 * 60);

/** Why a value is UNCERTAIN whose time is of a clock that is not known to be set. */
export const GATEWAY_CLOCK = 'gateway-clock-not-set';
/** Why a value is UNCERTAIN whose device agreed with the gateway until the gateway's clock was set. */
const CLOCK_SET = 'gateway-clock-set-away';
/** Why a value is UNCERTAIN that got the gateway's time. */
const DEVICE_CLOCK = 'device-clock-far-off';

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
  /** {@link ClockTrust.shiftNs} when its interval began: a clock that is set ends it. */
  #heldShiftNs: bigint | undefined;
  readonly #ledger: SourceLedger;
  readonly #clock: ClockTrust;
  /** {@link ClockTrust.shiftNs} when the device and the gateway last agreed on the time. */
  #agreedNs: bigint | undefined;
  /** Readings whose time was not believed. */
  clockFaults = 0;
  /** Readings that came later than the tolerance for clocks, with their own time. */
  late = 0;

  /**
   * @param ledger what becomes of each reading is noted there
   * @param clock whether the gateway's own clock can be believed
   */
  constructor(
    config: SignalConfig,
    clockToleranceS: number,
    ledger: SourceLedger = new SourceLedger(),
    clock: ClockTrust = { trusted: true },
  ) {
    this.#config = config;
    this.#ledger = ledger;
    this.#clock = clock;
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
    const isOver = nowNs >= this.#heldEndNs || this.#clock.shiftNs !== this.#heldShiftNs;
    if (this.#held !== undefined && isOver) this.#release(nowNs, out);
    if (this.#heartbeatNs === 0n || this.#sent === undefined) return;
    if (nowNs < this.#sentAtNs) this.#sentAtNs = nowNs; // the gateway's clock went back
    if (nowNs - this.#sentAtNs < this.#heartbeatNs) return;
    const { quality, value, reason } = this.#sent;
    // Doubt in the gateway's clock is doubt in the old time, not in the value.
    const repeated =
      reason === GATEWAY_CLOCK
        ? this.#sample(nowNs, 'GOOD', value)
        : this.#sample(nowNs, quality, value, reason);
    this.#send({ ...repeated, made: true }, nowNs, out);
  }

  /** Hands over what an alignment still holds: nothing more will come. */
  end(nowNs: bigint, out: EdgeSample[]): void {
    if (this.#held !== undefined) this.#release(nowNs, out);
  }

  /** The source is down: one BAD sample, unless the last one was BAD already. */
  down(nowNs: bigint, out: EdgeSample[]): void {
    if (this.#held !== undefined) this.#release(nowNs, out);
    if (this.#sent?.quality === 'BAD' && this.#sent.value === null) return;
    this.#send({ ...this.#sample(nowNs, 'BAD', null, 'source-down'), made: true }, nowNs, out);
  }

  #sample(timeNs: bigint, quality: Quality, value: TqvValue, reason = ''): EdgeSample {
    const { alias, dataType } = this.#config;
    if (quality === 'GOOD' && !this.#clock.trusted) {
      return { alias, timeNs, quality: 'UNCERTAIN', value, dataType, reason: GATEWAY_CLOCK };
    }
    return { alias, timeNs, quality, value, dataType, ...(reason === '' ? {} : { reason }) };
  }

  #convert(raw: RawSample, nowNs: bigint): EdgeSample | undefined {
    let { quality, reason = '' } = raw;
    const doubt = (why: string) => {
      if (quality !== 'GOOD') return;
      quality = 'UNCERTAIN';
      reason = why;
    };
    let timeNs = raw.timeNs ?? nowNs;
    const ahead = timeNs - nowNs;
    const farOff = !this.#near(ahead) || ahead > MAX_AHEAD_NS;
    // A clock that is not set itself judges nobody's.
    if (farOff && this.#clock.trusted) {
      if (this.#wasSetAway(ahead, raw)) doubt(CLOCK_SET);
      else if (isLate(ahead, raw)) {
        this.late++;
        this.#agreedNs = this.#clock.shiftNs;
      } else {
        timeNs = nowNs;
        this.clockFaults++;
        doubt(DEVICE_CLOCK);
      }
    } else if (raw.timeNs !== undefined && this.#clock.trusted) {
      this.#agreedNs = this.#clock.shiftNs;
    }
    if (timeNs < 0n || timeNs > LATEST_NS) {
      // However little is known of the gateway's own clock: no device's is right in 1969 or 2555.
      timeNs = nowNs;
      this.clockFaults++;
      doubt(DEVICE_CLOCK);
    }
    const { dataType, scale, offset, range } = this.#config;
    let value = toTypedValue(raw.value, dataType, scale, offset);
    if (value === null) {
      const why = reason === '' ? whyNot(raw.value, dataType) : reason;
      return this.#sample(timeNs, 'BAD', null, why);
    }
    if (typeof value === 'string') {
      // Half a text is not what the device said.
      const fitting = cutText(value, MAX_TEXT_BYTES);
      if (fitting.length < value.length) doubt('text-cut');
      value = fitting;
    }
    if (range !== undefined && typeof value === 'number') {
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = range;
      if (value < min || value > max) {
        if (range.action === 'drop') {
          this.#ledger.refuse('out-of-range');
          return undefined;
        }
        if (range.action === 'clamp') value = value < min ? min : max;
        doubt('out-of-range');
      }
    }
    return this.#sample(timeNs, quality, value, reason);
  }

  #near(aheadNs: bigint): boolean {
    return aheadNs <= this.#toleranceNs && -aheadNs <= this.#toleranceNs;
  }

  /**
   * Whether the device goes on as before and it is the gateway's clock that was set away from it: then the
   * device's time is kept, unless the time service vouches for the gateway's.
   */
  #wasSetAway(aheadNs: bigint, raw: RawSample): boolean {
    const { shiftNs, synchronised } = this.#clock;
    if (shiftNs === undefined || this.#agreedNs === undefined || synchronised === true)
      return false;
    // Not set since they agreed: then it is no step that lies between them.
    if (shiftNs === this.#agreedNs) return false;
    const before = aheadNs + shiftNs - this.#agreedNs;
    return this.#near(before) || isLate(before, raw);
  }

  /** Keeps the last reading of each interval; a reading of a later interval ends the earlier one. */
  #align(sample: EdgeSample, nowNs: bigint, out: EdgeSample[]): void {
    const endNs = (sample.timeNs / this.#alignNs + 1n) * this.#alignNs;
    // After a step back all that comes would be of intervals long over, until the clock is there again.
    if (this.#held !== undefined && this.#clock.shiftNs !== this.#heldShiftNs) {
      this.#release(nowNs, out);
    }
    if (this.#held !== undefined && endNs !== this.#heldEndNs) {
      // A straggler of an interval that is over says nothing new.
      if (endNs < this.#heldEndNs) {
        this.#ledger.refuse('not-last-of-interval');
        return;
      }
      this.#release(nowNs, out);
    }
    if (this.#held === undefined) this.#ledger.hold(1);
    else this.#ledger.refuse('not-last-of-interval');
    if (this.#held === undefined || sample.timeNs >= this.#held.timeNs) {
      this.#held = sample;
      this.#heldEndNs = endNs;
      this.#heldShiftNs = this.#clock.shiftNs;
    }
  }

  #release(nowNs: bigint, out: EdgeSample[]): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    this.#ledger.hold(-1);
    this.#emit({ ...held, timeNs: this.#heldEndNs }, nowNs, out);
  }

  #emit(sample: EdgeSample, nowNs: bigint, out: EdgeSample[]): void {
    const last = this.#sent;
    if (last !== undefined && last.quality === sample.quality && this.#isStill(last, sample)) {
      this.#ledger.refuse(sample.value === null ? 'bad-again' : 'unchanged');
      return;
    }
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

/** Whether a reading that is behind may have waited on its way. */
function isLate(aheadNs: bigint, { mayBeLate = false }: RawSample): boolean {
  return mayBeLate && aheadNs < 0n && -aheadNs <= MOST_LATE_NS;
}
