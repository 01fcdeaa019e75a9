import { type Clock, type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import type { CalibratorState, Forecast, ForecastSeries, Twin } from '../../shared/twin/index.js';
import { changedPacesOf } from '../../shared/twin/report/course-findings.js';
import type { Asker, Present, Question } from './asking/index.js';
import type {
  Alarm,
  Outlook,
  OutlookSeries,
  OutlookStatus,
  PlanAnswer,
} from './browser/protocol.js';
import { type InputNow, inputsNow, tryableInputs } from './outlook-inputs.js';
import { type Reading, strays } from './strays.js';

/** What a machine's twin can be asked with. */
export interface OutlookSource {
  /** With the asset's own aliases. */
  twin: Twin;
  /** The newest state that a calibration left; undefined before the first. */
  state(): Promise<CalibratorState | undefined>;
}

export interface OutlookOptions {
  /** Why there is none, in a sentence, or what it is asked with. */
  source: OutlookSource | { missing: string };
  /** Asks it; `planner` does what takes long, so that the other can go on answering. */
  asker: Asker;
  planner: Asker;
  horizonS: number;
  clock: Clock;
  logger: Logger;
}

const POINTS = 28;
const COURSES = 600;
/** An input that has moved by this share of its value asks for a new course. */
const MOVED = 0.01;
/** Digits that are worth sending. */
const DIGITS = 6;

/**
 * What the twin expects: today's course, renewed with each calibration and each change of the inputs,
 * and answers to what-if questions. All from the state that the last calibration left, carried forward
 * under the newest inputs.
 */
export class OutlookDesk {
  readonly #options: OutlookOptions;
  #today: { outlook: Outlook; forecast: Forecast; noiseStd: Float64Array } | undefined;
  #todayKey = '';
  #status: OutlookStatus = { revision: 0 };
  #running: Promise<void> | undefined;
  #planning: Promise<PlanAnswer> | undefined;
  readonly #stop = new AbortController();
  #readings: ReadonlyMap<string, Reading> = new Map();
  #inputs: readonly InputNow[] = [];

  constructor(options: OutlookOptions) {
    this.#options = options;
    if ('missing' in options.source) this.#status = { revision: 0, fault: options.source.missing };
  }

  status(): OutlookStatus {
    return this.#status;
  }

  /** Today's course; undefined before the first. */
  today(): Outlook | undefined {
    return this.#today?.outlook;
  }

  /** Sensors whose newest readings lie outside what the twin expects now, before any calibration. */
  strays(): Alarm[] {
    const { source } = this.#options;
    if (this.#today === undefined || 'missing' in source) return [];
    const { forecast, noiseStd } = this.#today;
    return strays(source.twin, forecast, noiseStd, this.#readings);
  }

  /**
   * Takes what is known now, and renews today's course where it has changed.
   *
   * @param key changes with each calibration
   * @param readings newest ones by variable: inputs and measured
   */
  refresh(key: string, readings: ReadonlyMap<string, Reading>): void {
    const { source, logger } = this.#options;
    this.#readings = readings;
    if ('missing' in source || this.#running !== undefined) return;
    const inputs = inputsNow(source.twin, readings);
    // Noise is no change: today's course holds for inputs within a hundredth of those it was asked with.
    const haveMoved = inputs.some((now) => {
      const before = this.#inputs.find((i) => i.variable === now.variable)?.value;
      return before === undefined || Math.abs(now.value - before) > MOVED * Math.abs(before);
    });
    if (key === this.#todayKey && !haveMoved) return;
    this.#inputs = inputs;
    this.#running = this.#ask({})
      .then((today) => {
        this.#todayKey = key;
        this.#today = today;
        this.#status = { revision: this.#status.revision + 1 };
      })
      .catch((error: unknown) => {
        // Asked again with the next calibration, not with each poll.
        this.#todayKey = key;
        const fault = messageOf(error);
        if (fault !== this.#status.fault) {
          logger.warn('The twin could not be asked what will happen', { reason: fault });
        }
        this.#status = { ...this.#status, fault };
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /**
   * Asks the twin what would happen.
   *
   * @throws TwinError `UNAVAILABLE` without a state or a model; `VARIABLE_UNKNOWN`, `VALUE_INVALID`
   */
  async answer(question: Question): Promise<Outlook> {
    return (await this.#ask(question)).outlook;
  }

  /**
   * Works out a plan from the last calibration; several who ask at once get the same.
   *
   * @throws TwinError `NOT_FOUND` without a state; `CONFIG_INVALID` without `decisions`
   */
  plan(): Promise<PlanAnswer> {
    this.#planning ??= this.#plan().finally(() => {
      this.#planning = undefined;
    });
    return this.#planning;
  }

  /** Ends a plan that is being worked out, and waits for what runs. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.#running, this.#planning]);
  }

  async #plan(): Promise<PlanAnswer> {
    return this.#options.planner.plan(await this.#present(), this.#stop.signal);
  }

  /** The state that the last calibration left, and the inputs as they are. */
  async #present(): Promise<Present> {
    const { source } = this.#options;
    if ('missing' in source) throw new TwinError('NOT_FOUND', source.missing);
    const { twin } = source;
    const state = await source.state();
    if (state === undefined) {
      throw new TwinError(
        'NOT_FOUND',
        'No calibration has ended yet: ask again after the first one.',
      );
    }
    const live = Object.fromEntries(this.#inputs.map((i) => [i.variable, i.value]));
    return { twin, state, live };
  }

  async #ask(question: Question) {
    const { horizonS, clock, asker } = this.#options;
    const startedNs = clock.nowNs();
    const present = await this.#present();
    const { forecast, today, assumed } = await asker.course(
      present,
      question,
      { horizonS, points: POINTS, courses: COURSES },
      this.#stop.signal,
    );
    const outlook: Outlook = {
      fromX: forecast.fromS,
      x: forecast.aheadS.map((s) => Math.round(forecast.fromS + s)),
      inputs: tryableInputs(present.twin, today, forecast.inputs, assumed),
      renewed: question.renewed ?? [],
      series: seriesOf(forecast),
      changedPaces: changedPacesOf(forecast.goesBy),
      courses: forecast.paths,
      modelRuns: forecast.modelRuns,
      tookMs: Number((clock.nowNs() - startedNs) / 1_000_000n),
    };
    return { outlook, forecast, noiseStd: present.state.filter.noiseStd };
  }
}

const short = (values: readonly number[]) => values.map((v) => Number(v.toPrecision(DIGITS)));

function toSeries({
  estimates,
  passedLimit,
  timeToLimitS,
  drivers,
}: ForecastSeries): OutlookSeries {
  const ends = (
    lower: 'lower50' | 'lower80' | 'lower95',
    upper: 'upper50' | 'upper80' | 'upper95',
  ) => [short(estimates.map((e) => e[lower])), short(estimates.map((e) => e[upper]))] as const;
  return {
    median: short(estimates.map((e) => e.median)),
    bands: [ends('lower50', 'upper50'), ends('lower80', 'upper80'), ends('lower95', 'upper95')],
    ...(passedLimit === undefined || timeToLimitS === undefined
      ? {}
      : { passed: passedLimit, reachedS: [timeToLimitS.p10, timeToLimitS.p50, timeToLimitS.p90] }),
    ...(drivers === undefined ? {} : { drivers }),
  };
}

function seriesOf(result: Forecast): Record<string, OutlookSeries> {
  const of = (role: string, all: Readonly<Record<string, ForecastSeries>>) =>
    Object.entries(all).map(([variable, s]) => [`${role}:${variable}`, toSeries(s)] as const);
  return Object.fromEntries([
    ...of('parameter', result.parameters),
    ...of('virtualSensor', result.virtualSensors),
    ...of('measured', result.measured),
  ]);
}
