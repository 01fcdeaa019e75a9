import { availableParallelism } from 'node:os';
import { type Logger, messageOf, silentLogger, TwinError } from '../../core/index.js';
import type { InterfaceType } from '../binding/instance.js';
import { defaultInterface, misnamedBinaries, prepareLibraries } from '../binding/instantiate.js';
import { type Fmu, openFmu } from '../description/fmu.js';
import type {
  AdvanceRequest,
  AdvanceResult,
  JacobianRequest,
  PropagateRequest,
  PropagateResult,
  SettleRequest,
  SettleResult,
  TrajectoryRequest,
  TrajectoryResult,
} from '../running/requests.js';
import type { SimulateRequest, SimulationResult } from '../running/simulation.js';
import type { Jacobian } from '../solving/derivatives.js';
import { type Batchable, Batching } from './batching.js';
import { Cancelling } from './cancelling.js';
import { coldAgain, mayBePoisoned } from './cold-retry.js';
import { type Fallbacks, fallbackTexts, type KeptProof, readProof } from './kept-proof.js';
import { cancelled, Lane } from './lane.js';
import type { LaneJob, LaneJobs } from './lane-protocol.js';
import { MessageLog } from './message-log.js';
import type { SandboxLevel } from './sandbox.js';
import { isWorn } from './wear.js';

export interface FmuPoolOptions {
  fmu: Fmu;
  /** Number of processes; default: one per core. */
  lanes?: number;
  /** Wall time that one run may take before its process is killed, ms; default 60 000. */
  timeoutMs?: number;
  /** Wall time that compiling an FMU of sources may take, ms; default 600 000. */
  compileTimeoutMs?: number;
  /**
   * Runs after which a process is replaced, against leaks; default: 5000, once they took twenty times as long
   * as starting it.
   */
  recycleAfter?: number;
  /** Resident memory of one process above which it is replaced, MB; default 2048. */
  memoryLimitMb?: number;
  logger?: Logger;
  /** The strongest sandbox to try; default: the strongest that the system allows. */
  sandbox?: SandboxLevel;
  /** Ask the FMU to log; its messages go to the logger. */
  loggingOn?: boolean;
  /** `false`: take no notice of what a proof found out; for the proof itself. */
  useProof?: false;
  /** Called with every FMI call of every process: name, arguments, status. Slow. */
  onFmiCall?: (text: string) => void;
}

export interface RunOptions {
  /** Overrides the pool's deadline, ms. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Told a few times a second how far a simulation is, seconds of its time. */
  onProgress?: (timeS: number) => void;
}

/** Starting a process and loading an FMU may take so long, ms. */
const START_TIMEOUT_MS = 150_000;
/** Compiling an FMU of sources may take so long, ms. */
const COMPILE_TIMEOUT_MS = 600_000;

/** Jobs that are set up with a tolerance. */
const TOLERANT: ReadonlySet<keyof LaneJobs> = new Set([
  'settle',
  'simulate',
  'propagate',
  'trajectory',
]);

interface Waiting extends Batchable {
  toMessage(id: number): LaneJob;
  options: RunOptions;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * Runs simulations of one FMU in child processes: a run that crashes or hangs costs itself, never
 * the caller.
 */
export class FmuPool {
  readonly fmu: Fmu;
  readonly laneCount: number;
  readonly #options: FmuPoolOptions;
  readonly #logger: Logger;
  readonly #messages: MessageLog;
  readonly #timeoutMs: number;
  readonly #recycleAfter: number | undefined;
  readonly #memoryLimitBytes: number;
  readonly #idle: Lane[] = [];
  readonly #busy = new Set<Lane>();
  readonly #leaving = new Set<Promise<void>>();
  #queue: Waiting[] = [];
  readonly #batching = new Batching();
  /** Jobs of the queue, by their signals: they are cancelled while they wait, and no longer. */
  readonly #cancelling = new Cancelling<Waiting>((signal, jobs) => {
    this.#queue = this.#queue.filter((job) => !jobs.has(job));
    for (const job of jobs) job.reject(cancelled(signal));
  });
  readonly #proofs: Partial<Record<InterfaceType, KeptProof>>;
  #closed = false;
  #repeated = 0;

  /** Use {@link createFmuPool}. */
  constructor(options: FmuPoolOptions) {
    this.#options = options;
    this.fmu = options.fmu;
    this.laneCount = Math.max(1, Math.floor(options.lanes ?? availableParallelism()));
    this.#logger = options.logger ?? silentLogger;
    this.#messages = new MessageLog(this.#logger, options.loggingOn === true);
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#proofs =
      options.useProof === false
        ? {}
        : Object.fromEntries(
            (['cs', 'me'] as const).map((type) => [type, readProof(this.fmu, type)]),
          );
    const renewed = this.#fallbacks('cs').freshProcess || this.#fallbacks('me').freshProcess;
    this.#recycleAfter = renewed ? 1 : options.recycleAfter;
    this.#memoryLimitBytes = (options.memoryLimitMb ?? 2048) * 1024 * 1024;
  }

  /** Process ids of the lanes, for those who watch or test them. */
  get pids(): number[] {
    return [...this.#idle, ...this.#busy].flatMap((lane) => lane.pid ?? []);
  }

  #fallbacks(type: InterfaceType): Fallbacks {
    return this.#proofs[type]?.fallbacks ?? {};
  }

  #spawn(): Lane {
    return new Lane({
      fmu: this.fmu,
      logger: this.#logger,
      messages: this.#messages,
      loggingOn: this.#options.loggingOn ?? false,
      fmiLogging: this.#options.onFmiCall !== undefined,
      onCall: this.#options.onFmiCall,
      sandbox: this.#options.sandbox ?? 'namespaces',
      habits:
        this.#fallbacks('cs').freshInstance || this.#fallbacks('me').freshInstance
          ? { freshInstance: true }
          : {},
      memoryLimitBytes: this.#memoryLimitBytes,
      startTimeoutMs: Math.max(this.#timeoutMs, START_TIMEOUT_MS),
    });
  }

  /** Starts the first process and loads the FMU there, so that faults show at once. */
  async start(): Promise<void> {
    const compileMs = this.#options.compileTimeoutMs ?? COMPILE_TIMEOUT_MS;
    await prepareLibraries(this.fmu, AbortSignal.timeout(compileMs));
    const lane = this.#spawn();
    try {
      await lane.ready();
    } catch (error) {
      await lane.close();
      throw error;
    }
    for (const name of misnamedBinaries(this.fmu)) {
      this.#logger.warn('FMU binary has another name than its modelIdentifier', { name });
    }
    for (const text of this.fmu.system?.warnings ?? []) {
      this.#logger.warn('System of FMUs', { text });
    }
    for (const type of ['cs', 'me'] as const) {
      const applied = fallbackTexts(this.#fallbacks(type));
      if (applied.length > 0) {
        this.#logger.info('FMU run as its check found right for it, nothing needs doing', {
          interface: type,
          applied,
        });
      }
    }
    this.#logger.info('FMU loaded', {
      model: this.fmu.modelDescription.modelName,
      sandbox: lane.level,
    });
    this.#idle.push(lane);
  }

  /**
   * Runs the FMU until its outputs rest.
   *
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, `FMI_CALL_FAILED`, `NUMERIC`,
   *   `FMU_CRASHED`, `FMU_TIMEOUT`, `CANCELLED`
   */
  async settle(request: SettleRequest & RunOptions): Promise<SettleResult> {
    return this.#submit('settle', request);
  }

  /**
   * Simulates over a time span.
   *
   * @throws TwinError as {@link settle}
   */
  async simulate(request: SimulateRequest & RunOptions = {}): Promise<SimulationResult> {
    return this.#submit('simulate', request);
  }

  /**
   * Moves on from a serialized state, or from the start, to a time.
   *
   * @throws TwinError as {@link settle}; `FMU_UNSUPPORTED` when the FMU can't serialize its state
   */
  async advance(request: AdvanceRequest & RunOptions): Promise<AdvanceResult> {
    return this.#submit('advance', request);
  }

  /**
   * Runs over a time from given continuous states.
   *
   * @throws TwinError as {@link settle}; `FMU_UNSUPPORTED` when the states can't be set
   */
  async propagate(request: PropagateRequest & RunOptions): Promise<PropagateResult> {
    return this.#submit('propagate', request);
  }

  /**
   * Runs once along given times and reads outputs at each.
   *
   * @throws TwinError as {@link settle}; `FMU_UNSUPPORTED` when states are given that can't be set
   */
  async trajectory(request: TrajectoryRequest & RunOptions): Promise<TrajectoryResult> {
    return this.#submit('trajectory', request);
  }

  /**
   * Partial derivatives at the initialized start: the FMU's own, or checked finite differences.
   *
   * @throws TwinError as {@link settle}
   */
  async jacobian(request: JacobianRequest & RunOptions): Promise<Jacobian> {
    return this.#submit('jacobian', request);
  }

  async #submit<K extends keyof LaneJobs>(
    type: K,
    given: LaneJobs[K]['request'] & RunOptions,
  ): Promise<LaneJobs[K]['result']> {
    const { timeoutMs, signal, onProgress, ...rest } = given;
    const { tolerance } = this.#fallbacks(rest.interface ?? defaultInterface(this.fmu));
    const request = {
      // The one that a proof found necessary, where the run names none.
      ...(tolerance !== undefined && TOLERANT.has(type) && { tolerance }),
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      ...(onProgress !== undefined && { progress: true }),
    };
    const result = await this.#enqueue(type, (id) => ({ type, id, request }) as LaneJob, {
      ...(onProgress !== undefined && { onProgress }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal !== undefined && { signal }),
    });
    return result as LaneJobs[K]['result'];
  }

  #enqueue(
    type: keyof LaneJobs,
    toMessage: (id: number) => LaneJob,
    options: RunOptions,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new TwinError('CANCELLED', 'The FMU pool is closed.'));
        return;
      }
      const job: Waiting = { type, toMessage, options, alone: false, resolve, reject };
      this.#queue.push(job);
      this.#cancelling.join(options.signal, job);
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      let lane = this.#idle.pop();
      while (lane !== undefined && !lane.alive) lane = this.#idle.pop();
      if (lane === undefined) {
        if (this.#busy.size >= this.laneCount) return;
        lane = this.#spawn();
      }
      const left = Math.max(1, (this.#recycleAfter ?? Infinity) - lane.runs);
      const count = this.#batching.head(this.#queue, this.laneCount, left);
      const jobs = this.#queue.splice(0, count);
      for (const job of jobs) this.#cancelling.leave(job.options.signal, job);
      this.#busy.add(lane);
      void (jobs.length > 1 ? this.#runMany(lane, jobs) : this.#runOn(lane, jobs[0]!));
    }
  }

  async #runOn(lane: Lane, job: Waiting): Promise<void> {
    const usedBefore = lane.runs > 0;
    const begunMs = performance.now();
    let last = lane;
    try {
      const result = await this.#tryOn(lane, job.toMessage, job.options);
      if (usedBefore) this.#batching.note(job.type, 1, performance.now() - begunMs);
      job.resolve(result);
    } catch (error) {
      const cold = coldAgain(job.toMessage, usedBefore);
      if (cold !== undefined && mayBePoisoned(error) && !this.#closed) {
        // The library may carry what an earlier run left in its static memory.
        this.#logger.info('FMU run repeated cold in a fresh process', {
          reason: messageOf(error),
        });
        this.#repeated++;
        this.#busy.delete(lane);
        this.#retire(lane);
        last = this.#spawn();
        this.#busy.add(last);
        try {
          job.resolve(await this.#tryOn(last, cold, job.options));
        } catch (again) {
          job.reject(again);
        }
      } else job.reject(error);
    }
    this.#done(last);
  }

  /** Has a process do several jobs; what fails among them is done again by itself, and says why. */
  async #runMany(lane: Lane, jobs: Waiting[]): Promise<void> {
    const { options } = jobs[0]!;
    const begunMs = performance.now();
    let results: unknown[] = [];
    try {
      results = (await lane.run(
        (id) => ({ type: 'many', id, jobs: jobs.map((job) => job.toMessage(id)) }),
        options.timeoutMs ?? this.#timeoutMs,
        options,
      )) as unknown[];
      if (results.length === jobs.length)
        this.#batching.note(jobs[0]!.type, jobs.length, performance.now() - begunMs);
    } catch {
      // Each is tried by itself.
    }
    const again = jobs.slice(results.length);
    for (const [i, result] of results.entries()) jobs[i]!.resolve(result);
    for (const job of again) job.alone = true;
    const ended = options.signal?.aborted === true ? cancelled(options.signal) : this.#closing();
    if (ended !== undefined) for (const job of again) job.reject(ended);
    else {
      this.#queue.unshift(...again);
      for (const job of again) this.#cancelling.join(job.options.signal, job);
    }
    this.#done(lane);
  }

  /** Why nothing more is run, once it is closed. */
  #closing(): TwinError | undefined {
    return this.#closed ? new TwinError('CANCELLED', 'The FMU pool was closed.') : undefined;
  }

  /** Takes back a process that has done its jobs. */
  #done(last: Lane): void {
    this.#busy.delete(last);
    const worn = isWorn(last, {
      recycleAfter: this.#recycleAfter,
      memoryLimitBytes: this.#memoryLimitBytes,
    });
    if (this.#closed || !last.alive || worn) {
      if (worn && last.alive) {
        this.#logger.info('FMU process recycled', { runs: last.runs, rssBytes: last.rssBytes });
      }
      this.#retire(last);
    } else this.#idle.push(last);
    this.#dispatch();
  }

  #tryOn(lane: Lane, toMessage: (id: number) => LaneJob, options: RunOptions): Promise<unknown> {
    return lane.run(toMessage, options.timeoutMs ?? this.#timeoutMs, options);
  }

  #retire(lane: Lane): void {
    const gone: Promise<void> = lane.close().finally(() => this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  /** Runs that failed and were tried again in a fresh process. */
  get repeatedRuns(): number {
    return this.#repeated;
  }

  /** How the processes are contained; `undefined` before the first is started. */
  get sandboxLevel(): SandboxLevel | undefined {
    return [...this.#idle, ...this.#busy][0]?.level;
  }

  /** Ends all processes; runs under way and waiting are rejected. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = new TwinError('CANCELLED', 'The FMU pool was closed.');
    for (const job of this.#queue.splice(0)) {
      this.#cancelling.leave(job.options.signal, job);
      job.reject(closed);
    }
    const lanes = [...this.#idle.splice(0), ...this.#busy];
    await Promise.all([...lanes.map((lane) => lane.close()), ...this.#leaving]);
    this.#messages.close();
  }
}

/**
 * Creates a pool and loads the FMU in its first process.
 *
 * @throws TwinError `FMU_UNSUPPORTED` when it can't be loaded here, `FMU_CRASHED`, `FMU_TIMEOUT`
 */
export async function createFmuPool(options: FmuPoolOptions): Promise<FmuPool> {
  const pool = new FmuPool(options);
  await pool.start();
  return pool;
}

/**
 * Simulates an FMU once, in a process of its own.
 *
 * @param fmu an opened FMU, or the path of one
 * @throws TwinError what {@link openFmu}, {@link createFmuPool} and {@link FmuPool.simulate} throw
 */
export async function simulate(
  fmu: Fmu | string,
  options: SimulateRequest & RunOptions & Omit<FmuPoolOptions, 'fmu' | 'lanes'> = {},
): Promise<SimulationResult> {
  const opened = typeof fmu === 'string' ? await openFmu(fmu) : fmu;
  const { logger, loggingOn, onFmiCall, memoryLimitMb, recycleAfter, sandbox, ...request } =
    options;
  const pool = await createFmuPool({
    fmu: opened,
    lanes: 1,
    ...(logger && { logger }),
    ...(sandbox !== undefined && { sandbox }),
    ...(loggingOn !== undefined && { loggingOn }),
    ...(onFmiCall && { onFmiCall }),
    ...(memoryLimitMb !== undefined && { memoryLimitMb }),
    ...(recycleAfter !== undefined && { recycleAfter }),
    ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
    ...(Number.isFinite(request.timeoutMs) && { compileTimeoutMs: Number(request.timeoutMs) }),
  });
  try {
    return await pool.simulate(request);
  } finally {
    await pool.close();
  }
}
