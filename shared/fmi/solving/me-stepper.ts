import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import { FmiCallError } from '../binding/status.js';
import { iterateEvents } from './events.js';
import {
  type Derivatives,
  DormandPrince,
  FixedStepSolver,
  type OdeSolver,
  type SolverName,
  type Tolerances,
} from './ode-solver.js';
import type { OfferedJacobian } from './offered-jacobian.js';
import { Rosenbrock } from './rosenbrock.js';
import { sameTime } from './same-time.js';
import type { InputSignals } from './signals.js';
import type { Stepper } from './steady-state.js';

/** Points inside a step at which event indicators are looked at besides its end. */
const INNER_POINTS = 3;
/** Number of states up to which dense Jacobians by differences are worth it. */
export const MAX_STATES_IMPLICIT = 300;
/** Progress is looked at after so many steps. */
const WATCHED_STEPS = 50_000;
/** Steps that the rest of a run may take at the present pace. */
const MAX_STEPS_AHEAD = 1e7;
/**
 * Absolute tolerance in units of relative tolerance times nominal value. States may live far below
 * their nominal value, which is 1 where a tool does not know better.
 */
const ABSOLUTE_SHARE = 0.01;
/** Events without any progress in time after which the model is taken to chatter. */
const MAX_EVENTS_AT_ONCE = 100;

export interface MeOptions {
  solver: SolverName;
  /** Where the run is to end, seconds: to tell slow from endless. */
  stopTimeS?: number;
  /** Names of the states, for messages. */
  stateNames?: readonly string[];
  /** Step of the fixed-step solvers, seconds. */
  stepSizeS: number;
  /** Relative tolerance of the adaptive solver; absolute: times each state's nominal value. */
  relativeTolerance: number;
  /** Longest step of the adaptive solver, seconds. */
  maxStepSizeS: number;
  /** Whether completedIntegratorStep must be called. */
  needsCompletedIntegratorStep: boolean;
  signals: InputSignals | undefined;
  /** What the implicit solver may take the FMU's own derivatives by the states from. */
  offeredJacobian?: OfferedJacobian | undefined;
}

/** What may be written down on the way. */
export interface MeObserver {
  /** The next time a sample is due; Infinity when none is. */
  nextSample(): number;
  /** The model stands at the sample's time. */
  sample(timeS: number): void;
  /** A step of the solver is done. */
  step?(timeS: number): void;
  /** The model stands right before (`after` false) or after an event. */
  event(timeS: number, after: boolean): void;
}

/** Integrates a model-exchange FMU and handles its events. */
export class MeStepper implements Stepper {
  timeS: number;
  readonly canVaryStep = true;
  steps = 0;
  stateEvents = 0;
  timeEvents = 0;
  stepEvents = 0;
  observer: MeObserver | undefined;
  readonly #instance: FmuInstance;
  readonly #options: MeOptions;
  #solver: OdeSolver;
  readonly #tolerances: Tolerances;
  readonly #x: Float64Array;
  readonly #xEnd: Float64Array;
  readonly #dx: Float64Array;
  readonly #xInner: Float64Array;
  readonly #z: Float64Array;
  readonly #zInner: Float64Array;
  readonly #adaptive: boolean;
  readonly #f: Derivatives;
  #rejectedBefore = 0;
  #watchedStep = 0;
  #watchedTime = 0;
  #nextTimeEvent = Number.POSITIVE_INFINITY;
  #terminated = false;
  #eventsAtOnce = 0;
  #lastEventTime = Number.NEGATIVE_INFINITY;

  /** @param instance in event mode: fresh from initialization, or put there */
  constructor(instance: FmuInstance, timeS: number, options: MeOptions) {
    this.#instance = instance;
    this.#options = options;
    this.timeS = timeS;
    this.#watchedTime = timeS;
    const n = instance.stateCount;
    this.#x = new Float64Array(n);
    this.#xEnd = new Float64Array(n);
    this.#dx = new Float64Array(n);
    this.#xInner = new Float64Array(n);
    this.#z = new Float64Array(instance.eventIndicatorCount);
    this.#zInner = new Float64Array(instance.eventIndicatorCount);
    this.#tolerances = {
      relative: options.relativeTolerance,
      absolute: new Float64Array(n).fill(options.relativeTolerance),
      ...(options.stateNames !== undefined && { names: options.stateNames }),
    };
    const f = (t: number, x: Float64Array, dx: Float64Array) => this.#derivatives(t, x, dx);
    this.#adaptive = options.solver !== 'rk4' && options.solver !== 'euler';
    this.#f = f;
    this.#solver = this.#makeSolver(n, f);
    // After initialization, and after a state was restored, the instance is in event mode.
    this.#leaveEventMode();
  }

  get terminated(): boolean {
    return this.#terminated;
  }

  get rejectedSteps(): number {
    return this.#rejectedBefore + this.#solver.rejectedSteps;
  }

  #makeSolver(n: number, f: Derivatives): OdeSolver {
    const { solver, stepSizeS } = this.#options;
    switch (solver) {
      case 'auto':
      case 'dopri5':
        return new DormandPrince(n, f, this.#tolerances);
      case 'rodas3':
        return this.#implicitSolver(n, f);
      case 'rk4':
        return new FixedStepSolver(n, f, stepSizeS, 4);
      case 'euler':
        return new FixedStepSolver(n, f, stepSizeS, 1);
    }
  }

  #implicitSolver(n: number, f: Derivatives): OdeSolver {
    const offered = this.#options.offeredJacobian?.on(this.#instance);
    return new Rosenbrock(n, f, this.#tolerances, offered);
  }

  #readNominals(): void {
    const { absolute, relative } = this.#tolerances;
    if (absolute.length === 0) return;
    this.#instance.getNominals(absolute);
    for (let i = 0; i < absolute.length; i++) {
      const nominal = Math.abs(absolute[i] as number);
      absolute[i] =
        ABSOLUTE_SHARE * relative * (nominal > 0 && Number.isFinite(nominal) ? nominal : 1);
    }
  }

  #moveTo(t: number, x: Float64Array): void {
    this.#instance.setTime(t);
    // Right after an event the values behind a jump hold, up to the next one those before it.
    this.#options.signals?.apply(t, sameTime(t, this.#lastEventTime), false);
    this.#instance.setContinuousStates(x);
  }

  #derivatives(t: number, x: Float64Array, dx: Float64Array): boolean {
    try {
      this.#moveTo(t, x);
      this.#instance.getDerivatives(dx);
    } catch (error) {
      if (error instanceof FmiCallError && error.status === 'Discard') return false;
      throw error;
    }
    for (let i = 0; i < dx.length; i++) if (!Number.isFinite(dx[i] as number)) return false;
    return true;
  }

  #leaveEventMode(): void {
    const info = iterateEvents(this.#instance, this.timeS);
    this.#nextTimeEvent = info.nextEventTimeDefined ? info.nextEventTime : Number.POSITIVE_INFINITY;
    if (info.terminateSimulation) {
      this.#terminated = true;
      return;
    }
    this.#instance.enterContinuousTimeMode();
    this.#instance.getContinuousStates(this.#x);
    this.#readNominals();
    this.#instance.getEventIndicators(this.#z);
    this.#solver.restart();
  }

  #handleEvent(): void {
    this.observer?.event(this.timeS, false);
    if (this.timeS === this.#lastEventTime) {
      if (++this.#eventsAtOnce > MAX_EVENTS_AT_ONCE) {
        throw new TwinError(
          'NUMERIC',
          `More than ${MAX_EVENTS_AT_ONCE} events at ${this.timeS} s without progress: the model chatters.`,
        );
      }
    } else this.#eventsAtOnce = 0;
    this.#lastEventTime = this.timeS;
    this.#instance.enterEventMode();
    this.#options.signals?.apply(this.timeS, true, true);
    this.#leaveEventMode();
    this.observer?.event(this.timeS, true);
  }

  /** Goes on from other continuous states, events that they set off included. */
  placeStates(states: Float64Array): void {
    if (this.#terminated) return;
    this.#instance.setContinuousStates(states);
    this.#handleEvent();
  }

  /** Lets inputs that were held over the last step jump to what `set` makes them. */
  jump(set: () => void): void {
    if (this.#terminated) return;
    this.#instance.enterEventMode();
    set();
    this.#leaveEventMode();
  }

  advance(stepSizeS: number): boolean {
    return this.advanceTo(this.timeS + stepSizeS);
  }

  /**
   * Integrates to a time.
   *
   * @returns `false` when the FMU asked for the simulation's end before
   */
  advanceTo(end: number): boolean {
    const { signals } = this.#options;
    while (!this.#terminated && this.timeS < end) {
      const inputEvent = signals?.nextEvent(this.timeS) ?? Number.POSITIVE_INFINITY;
      const limit = Math.min(
        end,
        this.#nextTimeEvent,
        inputEvent,
        this.observer?.nextSample() ?? Number.POSITIVE_INFINITY,
        signals?.nextRow(this.timeS) ?? Number.POSITIVE_INFINITY,
      );
      if (limit > this.timeS) this.#integrate(limit);
      else this.#timeEvent();
      if (this.#terminated) break;
      if (sameTime(this.timeS, this.#nextTimeEvent) || sameTime(this.timeS, inputEvent))
        this.#timeEvent();
    }
    return !this.#terminated;
  }

  #timeEvent(): void {
    this.timeEvents++;
    this.#handleEvent();
  }

  #canTurnImplicit(): boolean {
    return (
      this.#options.solver === 'auto' &&
      this.#x.length <= MAX_STATES_IMPLICIT &&
      this.#solver instanceof DormandPrince
    );
  }

  #turnImplicit(): void {
    this.#rejectedBefore += this.#solver.rejectedSteps;
    this.#solver = this.#implicitSolver(this.#x.length, this.#f);
  }

  /** A step, implicit where no explicit one is small enough. */
  #step(t0: number, hMax: number): number {
    try {
      return this.#solver.step(t0, this.#x, hMax, this.#xEnd);
    } catch (error) {
      const stuck = error instanceof TwinError && error.code === 'NUMERIC';
      if (!stuck || !this.#canTurnImplicit()) throw error;
      this.#turnImplicit();
      return this.#solver.step(t0, this.#x, hMax, this.#xEnd);
    }
  }

  /** Goes on implicitly where it may, and ends what would take for ever: it would look like a stall. */
  #watchProgress(): void {
    const { stopTimeS = Number.POSITIVE_INFINITY } = this.#options;
    const stiff = this.#solver instanceof DormandPrince && this.#solver.stiff;
    if (stiff && this.#canTurnImplicit()) this.#turnImplicit();
    if (!this.#adaptive || this.steps - this.#watchedStep < WATCHED_STEPS) return;
    const meanStepS = (this.timeS - this.#watchedTime) / WATCHED_STEPS;
    this.#watchedStep = this.steps;
    this.#watchedTime = this.timeS;
    if (!Number.isFinite(stopTimeS) || stopTimeS - this.timeS <= MAX_STEPS_AHEAD * meanStepS)
      return;
    const remedy = stiff
      ? this.#x.length <= MAX_STATES_IMPLICIT
        ? 'it is stiff, and stability limits the steps. Use the solver rodas3.'
        : `it is stiff, and with ${this.#x.length} states no implicit solver is offered; use co-simulation.`
      : 'it may diverge or chatter. Allow another tolerance, look at its parameters, or use co-simulation.';
    throw new TwinError(
      'NUMERIC',
      `The model gets nowhere: ${this.steps} steps brought the run to ${this.timeS} s, the last ones of ${meanStepS.toExponential(1)} s; ${remedy}`,
    );
  }

  /** One step of the solver, shortened to the first event in it. */
  #integrate(limit: number): void {
    const t0 = this.timeS;
    this.#watchProgress();
    const longest = this.#adaptive ? this.#options.maxStepSizeS : Number.POSITIVE_INFINITY;
    const hMax = Math.min(limit - t0, longest);
    let t1 = this.#step(t0, hMax);
    if (sameTime(t1, limit)) t1 = limit;
    this.steps++;
    const h = t1 - t0;
    const theta = this.#z.length > 0 ? this.#findEvent(t0, h) : undefined;
    if (theta !== undefined) {
      t1 = t0 + theta * h;
      this.#solver.interpolate(theta, this.#xEnd);
    }
    this.timeS = t1;
    this.observer?.step?.(t1);
    this.#x.set(this.#xEnd);
    this.#moveTo(t1, this.#x);
    if (this.#z.length > 0 && theta === undefined) this.#instance.getEventIndicators(this.#z);
    let stepEvent = false;
    if (this.#options.needsCompletedIntegratorStep) {
      const completed = this.#instance.completedIntegratorStep();
      if (completed.terminateSimulation) this.#terminated = true;
      stepEvent = completed.enterEventMode;
    }
    // Samples are taken where the model stands, never by moving it back: some evaluate only in
    // steps, and would answer with what they computed last.
    const { observer } = this;
    if (observer !== undefined && sameTime(observer.nextSample(), t1)) {
      if (this.#dx.length > 0) this.#instance.getDerivatives(this.#dx);
      observer.sample(t1);
    }
    if (this.#terminated) return;
    if (theta !== undefined) {
      this.stateEvents++;
      this.#handleEvent();
    } else if (stepEvent) {
      this.stepEvents++;
      this.#handleEvent();
    }
  }

  #indicatorsAt(t0: number, h: number, theta: number): void {
    if (theta === 1) this.#xInner.set(this.#xEnd);
    else this.#solver.interpolate(theta, this.#xInner);
    this.#moveTo(t0 + theta * h, this.#xInner);
    this.#instance.getEventIndicators(this.#zInner);
  }

  /** Whether an indicator lies in another domain than at the step's start: above zero, or not. */
  #crossed(): boolean {
    for (let i = 0; i < this.#z.length; i++) {
      if ((this.#z[i] as number) > 0 !== (this.#zInner[i] as number) > 0) return true;
    }
    return false;
  }

  /** Share of the step at which the first event lies, just behind it; `undefined` without one. */
  #findEvent(t0: number, h: number): number | undefined {
    let low = 0;
    for (let point = 1; point <= INNER_POINTS + 1; point++) {
      let high = point / (INNER_POINTS + 1);
      this.#indicatorsAt(t0, h, high);
      if (!this.#crossed()) {
        low = high;
        continue;
      }
      // Any crossing inside counts, so the bracket is halved on "in another domain", down to where
      // times can hardly be told apart; secant steps on the indicators would be misled by several.
      const resolution = Math.max(4 * Number.EPSILON * Math.abs(t0 + h), 1e-13 * h) / h;
      while (high - low > Math.max(resolution, 1e-14)) {
        const middle = (low + high) / 2;
        this.#indicatorsAt(t0, h, middle);
        if (this.#crossed()) high = middle;
        else low = middle;
      }
      return high;
    }
    return undefined;
  }
}
