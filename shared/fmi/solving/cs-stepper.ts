import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import { iterateEvents } from './events.js';
import { slackOf } from './same-time.js';
import type { InputSignals } from './signals.js';
import type { Stepper } from './steady-state.js';

/** How often a discarded step is halved before the run is given up. */
const MAX_HALVINGS = 20;
/** Returns from doStep without progress after which the FMU is taken to be stuck. */
const MAX_IDLE_RETURNS = 100;

export interface CsOptions {
  /** Whether the FMU takes steps of any size. */
  canVaryStep: boolean;
  /** FMI 3: the instance was made with event mode. */
  eventModeUsed: boolean;
  signals: InputSignals | undefined;
  /** Tell the FMU the derivatives of its inputs before each step. */
  inputDerivatives?: boolean;
  /** The regular step; passed on to the digit where a step comes out as this but for rounding. */
  stepSizeS: number;
  /** Called right before and after events (event mode only). */
  onEvent?: (timeS: number, after: boolean) => void;
}

/** Moves a co-simulation FMU from communication point to communication point. */
export class CsStepper implements Stepper {
  timeS: number;
  readonly canVaryStep: boolean;
  readonly #instance: FmuInstance;
  readonly #options: CsOptions;
  readonly #idle = { returns: 0 };
  #nextTimeEvent = Number.POSITIVE_INFINITY;
  #terminated = false;
  steps = 0;
  /** Steps that the FMU refused. */
  discardedSteps = 0;
  /** Steps that the FMU ended early. */
  earlyReturns = 0;
  events = 0;

  constructor(instance: FmuInstance, timeS: number, options: CsOptions) {
    this.#instance = instance;
    this.timeS = timeS;
    this.canVaryStep = options.canVaryStep;
    this.#options = options;
    // After initialization an FMU with event mode is in it.
    if (options.eventModeUsed) this.#leaveEventMode();
  }

  get terminated(): boolean {
    return this.#terminated;
  }

  #leaveEventMode(): void {
    const info = iterateEvents(this.#instance, this.timeS);
    this.#nextTimeEvent = info.nextEventTimeDefined ? info.nextEventTime : Number.POSITIVE_INFINITY;
    if (info.terminateSimulation) this.#terminated = true;
    else this.#instance.enterStepMode();
  }

  #handleEvent(inputs: boolean): void {
    this.events++;
    this.#options.onEvent?.(this.timeS, false);
    this.#instance.enterEventMode();
    if (inputs) this.#options.signals?.apply(this.timeS, true, true);
    this.#leaveEventMode();
    this.#options.onEvent?.(this.timeS, true);
  }

  /**
   * Moves on by a step; where the FMU refuses it as too long, in smaller ones.
   *
   * @returns `false` when the FMU has ended the simulation
   */
  advance(stepSizeS: number): boolean {
    return this.advanceTo(this.timeS + stepSizeS);
  }

  /** Moves on to a communication point. */
  advanceTo(end: number): boolean {
    const { signals, eventModeUsed, canVaryStep, inputDerivatives } = this.#options;
    while (!this.#terminated && this.#isBefore(end)) {
      const inputEvent = signals?.nextEvent(this.timeS) ?? Number.POSITIVE_INFINITY;
      let limit = end;
      if (canVaryStep || eventModeUsed) limit = Math.min(limit, inputEvent);
      if (eventModeUsed) limit = Math.min(limit, this.#nextTimeEvent);
      // What lies ahead by less than steps may be off counts as reached; time must go on.
      if (!eventModeUsed && !this.#isBefore(limit)) limit = end;
      // Without event mode, what jumps at a communication point holds from there on.
      signals?.apply(this.timeS, !eventModeUsed, !eventModeUsed);
      if (inputDerivatives === true) signals?.applyDerivatives(this.timeS);
      const eventNeeded = this.#isBefore(limit) ? this.#stepTo(limit) : true;
      if (this.#terminated) break;
      if (!eventModeUsed) continue;
      const isInputEvent = !this.#isBefore(inputEvent);
      if (eventNeeded || isInputEvent || !this.#isBefore(this.#nextTimeEvent)) {
        this.#handleEvent(isInputEvent);
      }
    }
    return !this.#terminated;
  }

  /** Whether a time lies ahead, by more than the sums of steps may be off. */
  #isBefore(timeS: number): boolean {
    return this.timeS < timeS - slackOf(timeS, this.#options.stepSizeS);
  }

  /**
   * Steps to a time, or to where the FMU wants an event handled. The next communication point is
   * the sum that the FMU can form itself, to the digit: some compare.
   */
  #stepTo(end: number): boolean {
    const { stepSizeS, eventModeUsed } = this.#options;
    let h = end - this.timeS;
    const isRegular = Math.abs(h - stepSizeS) <= slackOf(end, stepSizeS);
    if (isRegular || (!this.canVaryStep && !eventModeUsed)) h = stepSizeS;
    let halvings = 0;
    for (;;) {
      const from = this.timeS;
      const result = this.#instance.doStep(from, h);
      this.steps++;
      const reached = Math.min(Math.max(result.lastSuccessfulTime, from), from + h);
      if (result.terminate) {
        this.timeS = reached;
        this.#terminated = true;
        return false;
      }
      if (result.accepted && !result.earlyReturn) {
        this.timeS = from + h;
      } else if (result.accepted) {
        this.earlyReturns++;
        this.timeS = reached;
      } else {
        this.discardedSteps++;
        if (reached > from) this.timeS = reached;
        else if (!this.canVaryStep || halvings >= MAX_HALVINGS) {
          throw new TwinError(
            'FMI_CALL_FAILED',
            `doStep was discarded at ${from} s with a step of ${h} s${this.canVaryStep ? ' and with all larger ones' : '; the FMU says that it takes no others'}. Try a smaller step size.`,
          );
        } else {
          halvings++;
          h /= 2;
          continue;
        }
      }
      if (this.timeS > from) this.#idle.returns = 0;
      else if (++this.#idle.returns > MAX_IDLE_RETURNS) {
        throw new TwinError(
          'NUMERIC',
          `doStep returned ${MAX_IDLE_RETURNS} times at ${from} s without progress.`,
        );
      }
      if (result.eventHandlingNeeded && this.#options.eventModeUsed) return true;
      if (!this.#isBefore(end)) return false;
      // With input signals a shorter step is a communication point of its own.
      if (this.#options.signals !== undefined) return false;
      h = Math.min(h, end - this.timeS);
    }
  }
}
