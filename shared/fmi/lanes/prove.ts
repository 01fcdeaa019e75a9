import { type LogFields, type Logger, messageOf, silentLogger } from '../../core/index.js';
import type { InterfaceType } from '../binding/instance.js';
import { defaultInterface } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable } from '../description/model-description.js';
import {
  resultColumn,
  type SimulateRequest,
  type SimulationResult,
} from '../running/simulation.js';
import { isUnnamedStatesText, namesSetAgain, RESET_FAILS } from '../solving/habits.js';
import { type Fallbacks, type KeptProof, keepProof, type Proof, readProof } from './kept-proof.js';
import { createFmuPool, type FmuPool, type FmuPoolOptions } from './pool.js';

/** Parameters that are tried one by one, at their bounds. */
const MAX_PARAMETERS = 20;
const MAX_OUTPUTS = 50;
/** Runs of the same experiment may part by this share of a column's range. */
const SAME = 1e-9;
/** No tolerance below this is tried. */
const FINEST = 1e-9;
/** What half a step or a tenth of the tolerance may change. */
const CONVERGED = 2e-4;

const isScalar = (v: ModelVariable) => v.type === 'Float64' && v.dimensions.length === 0;

/** The column that differs most between two runs, and by which share of its range. */
function apart(a: SimulationResult, b: SimulationResult, names: readonly string[]) {
  let [share, at] = [0, ''];
  for (const [name, off] of Object.entries(shares(a, b, names))) {
    if (!(off <= share)) [share, at] = [off, name];
  }
  return { share, at };
}

/**
 * What each column of two runs differs by, root mean square over common rows, as a share of its range: a
 * jump that comes a step later counts once. Runs of other rows are compared at their ends.
 */
function shares(a: SimulationResult, b: SimulationResult, names: readonly string[]) {
  const sameRows = a.time.length === b.time.length && a.time.every((t, k) => t === b.time[k]);
  return Object.fromEntries(
    names.map((name) => {
      const [x, y] = [resultColumn(a, name), resultColumn(b, name)];
      const range = x.reduce((r, v) => Math.max(r, Math.abs(v)), 1e-9);
      if (!sameRows) return [name, Math.abs((x.at(-1) as number) - (y.at(-1) as number)) / range];
      const sum = x.reduce((total, v, k) => total + (v - (y[k] as number)) ** 2, 0);
      return [name, Math.sqrt(sum / x.length) / range];
    }),
  );
}

/** What a proof tries the FMU with, where the default experiment is not what it is used for. */
export interface ProofOptions extends Omit<FmuPoolOptions, 'fmu' | 'useProof'> {
  interface?: InterfaceType;
  stepSizeS?: number;
  tolerance?: number;
  signal?: AbortSignal;
}

type Experiment = SimulateRequest & { stepSizeS: number; outputs: string[] };

/** What an experiment takes over from the FMU, cut short. */
function experimentOf(fmu: Fmu, type: InterfaceType, given: ProofOptions): Experiment {
  const { startTime = 0, stopTime, stepSize } = fmu.modelDescription.defaultExperiment;
  const end = stopTime !== undefined && stopTime > startTime ? stopTime : startTime + 1;
  const own = stepSize !== undefined && stepSize > 0 ? stepSize : (end - startTime) / 500;
  const stepSizeS = given.stepSizeS ?? own;
  const outputs = fmu.modelDescription.variables
    .filter((v) => v.causality === 'output' && isScalar(v))
    .slice(0, MAX_OUTPUTS)
    .map((v) => v.name);
  return {
    interface: type,
    startTimeS: startTime,
    stopTimeS: Math.min(Math.max(end, startTime + stepSizeS), startTime + 1000 * stepSizeS),
    stepSizeS,
    outputIntervalS: stepSizeS,
    outputs,
    ...(given.tolerance !== undefined && { tolerance: given.tolerance }),
    ...(given.signal !== undefined && { signal: given.signal }),
  };
}

/**
 * Inputs that move a model which its start values leave at rest, where a fault would not show.
 */
function excitation(fmu: Fmu): Record<string, number> {
  const values: Record<string, number> = {};
  for (const v of fmu.modelDescription.variables) {
    if (v.causality !== 'input' || !isScalar(v)) continue;
    const start = typeof v.start?.[0] === 'number' ? v.start[0] : 0;
    // No round figure: that could be where a state rests.
    const by = start === 0 ? 0.7 * Math.abs(v.nominal ?? 1) : 0.1 * Math.abs(start);
    const value = [start + by, start - by].find((x) => within(v, x));
    if (value !== undefined) values[v.name] = value;
  }
  return values;
}

const stands = (values: ArrayLike<unknown>): boolean =>
  Array.from(values).every((value) => Object.is(value, values[0]));

const within = (v: ModelVariable, x: number): boolean =>
  !(v.min !== undefined && x < v.min) && !(v.max !== undefined && x > v.max);

/** A value near the start that the bounds allow. */
function nudged(v: ModelVariable): number | undefined {
  const start = v.start?.[0];
  if (typeof start !== 'number') return undefined;
  const by = start === 0 ? 1e-3 * Math.abs(v.nominal ?? 1) : 0.01 * Math.abs(start);
  return [start + by, start - by].find((x) => within(v, x));
}

/** Hears what the importer says of an FMU's habits, and passes everything on. */
function listening(logger: Logger): { logger: Logger; heard: string[] } {
  const heard: string[] = [];
  const hear = (level: 'warn' | 'info') => (message: string, fields?: LogFields) => {
    if (fields?.category === 'twinloop' && typeof fields.text === 'string') heard.push(fields.text);
    else logger[level](message, fields);
  };
  return { heard, logger: { ...bound(logger), warn: hear('warn'), info: hear('info') } };
}

const bound = (logger: Logger): Logger => ({
  error: (message, fields) => logger.error(message, fields),
  warn: (message, fields) => logger.warn(message, fields),
  info: (message, fields) => logger.info(message, fields),
  debug: (message, fields) => logger.debug(message, fields),
});

/**
 * Tries what runs of an FMU rest on: that it keeps what is set, that reset brings it back, that a run
 * repeats itself in a used and in a fresh process, that step and tolerance are fine enough, that it bears
 * its parameters' bounds. What it finds is kept by the FMU's hash, and all later runs do accordingly.
 *
 * @throws TwinError as {@link createFmuPool}
 */
export async function proveFmu(
  fmu: Fmu,
  options: ProofOptions = {},
): Promise<KeptProof & { path?: string }> {
  const { interface: wanted, stepSizeS, tolerance, signal, ...given } = options;
  const type = wanted ?? defaultInterface(fmu);
  const plain = experimentOf(fmu, type, options);
  const { heard, logger } = listening(given.logger ?? silentLogger);
  const poolOptions = { ...given, logger, useProof: false as const };
  const proofs: Proof[] = [];
  const fallbacks: Fallbacks = {};
  const pool = await createFmuPool({ ...poolOptions, fmu, lanes: 1 });
  let costMs: number;
  let finer: Finer;
  try {
    let began = performance.now();
    let request: Experiment = { ...plain, startValues: excitation(fmu) };
    let first: SimulationResult;
    try {
      first = await pool.simulate(request);
    } catch (error) {
      if (signal?.aborted || Object.keys(request.startValues ?? {}).length === 0) throw error;
      // Not every model bears what its inputs' bounds allow.
      request = plain;
      began = performance.now();
      first = await pool.simulate(request);
    }
    costMs = performance.now() - began;
    const still = request.outputs.filter((n) => stands(resultColumn(first, n)));
    const resting = still.length === request.outputs.length;
    proofs.push({
      name: 'runs',
      outcome: resting ? 'care' : 'good',
      detail: `${resting ? 'no output moves, so that little is proved: ' : ''}${type}, ${first.time.length} rows to ${first.time.at(-1)} s in ${costMs.toFixed(0)} ms, sandbox "${pool.sandboxLevel}"`,
    });
    const again = await repeats(fmu, pool, poolOptions, request, first);
    proofs.push(again.proof);
    if (again.onlyFresh) fallbacks.freshProcess = true;
    proofs.push(await keepsValues(fmu, pool, request));
    finer = await converges(fmu, pool, request, first);
    proofs.push(finer.proof);
    if (finer.tolerance !== undefined && tolerance === undefined) {
      fallbacks.tolerance = finer.tolerance;
    }
    proofs.push(...(await bearsBounds(fmu, pool, request)));
  } finally {
    await pool.close();
  }
  const back = 'reset brings it back';
  if (heard.includes(RESET_FAILS)) {
    fallbacks.freshInstance = true;
    proofs.push({
      name: back,
      outcome: 'care',
      detail: 'it does not: a new instance for each run',
    });
  } else proofs.push({ name: back, outcome: 'good', detail: 'as a fresh instance' });
  const unnamed = heard.find(isUnnamedStatesText);
  if (unnamed !== undefined) {
    proofs.push({ name: 'names its states', outcome: 'care', detail: unnamed.replace(/\.$/, '') });
  }
  const setAgain = [...new Set(heard.flatMap((text) => namesSetAgain(text) ?? []))];
  if (setAgain.length > 0) fallbacks.setAgain = setAgain;
  const kept: KeptProof = {
    version: 1,
    sha256: fmu.sha256,
    interface: type,
    proofs,
    fallbacks,
    costMs,
    integrationError: finer.error,
  };
  // Found for runs that name no tolerance, which these runs did.
  const before = tolerance === undefined ? undefined : readProof(fmu, type)?.fallbacks.tolerance;
  if (before !== undefined) fallbacks.tolerance = before;
  const path = await keepProof(fmu, kept);
  return { ...kept, ...(path !== undefined && { path }) };
}

async function repeats(
  fmu: Fmu,
  pool: FmuPool,
  options: Omit<FmuPoolOptions, 'fmu'>,
  request: SimulateRequest,
  first: SimulationResult,
): Promise<{ proof: Proof; onlyFresh?: true }> {
  const names = request.outputs ?? [];
  const name = 'a run repeats itself';
  const used = apart(first, await pool.simulate(request), names);
  const other = await createFmuPool({ ...options, fmu, lanes: 1 });
  try {
    const fresh = apart(first, await other.simulate(request), names);
    const worse = used.share > fresh.share ? used : fresh;
    if (worse.share <= SAME) {
      return { proof: { name, outcome: 'good', detail: 'in a used and a fresh process' } };
    }
    const differs = `${worse.at} differs by ${worse.share.toExponential(1)} of its range`;
    if (fresh.share <= SAME) {
      const detail = `${differs} in a used process: a new process for each run`;
      return { proof: { name, outcome: 'care', detail }, onlyFresh: true };
    }
    const outcome = worse.share <= 1e-6 ? 'care' : 'fails';
    return { proof: { name, outcome, detail: `${differs} in a fresh process` } };
  } finally {
    await other.close();
  }
}

async function keepsValues(fmu: Fmu, pool: FmuPool, request: SimulateRequest): Promise<Proof> {
  const name = 'what is set is kept';
  const values: Record<string, number> = {};
  for (const v of fmu.modelDescription.variables) {
    const value = v.causality === 'parameter' && isScalar(v) ? nudged(v) : undefined;
    if (value !== undefined && Object.keys(values).length < MAX_OUTPUTS) values[v.name] = value;
  }
  const names = Object.keys(values);
  if (names.length === 0) return { name, outcome: 'good', detail: 'there is no parameter to set' };
  try {
    const startValues = { ...request.startValues, ...values };
    const run = await pool.simulate({ ...request, startValues, outputs: names });
    const lost = names.filter((n) => {
      const [set, found] = [values[n] as number, resultColumn(run, n).at(-1) as number];
      return !(Math.abs(found - set) <= 1e-9 * Math.abs(set));
    });
    return lost.length === 0
      ? { name, outcome: 'good', detail: `${names.length} parameters` }
      : { name, outcome: 'fails', detail: `not kept: ${lost.slice(0, 8).join(', ')}` };
  } catch (error) {
    return { name, outcome: 'care', detail: `could not be tried: ${messageOf(error)}` };
  }
}

interface Finer {
  proof: Proof;
  /** The tolerance below which results stay where they are; left out: the FMU's own will do. */
  tolerance?: number;
  error: Record<string, number>;
}

/** Compares with a tenth of the tolerance, and a tenth of that, until nothing moves; and with half the step. */
async function converges(
  fmu: Fmu,
  pool: FmuPool,
  request: Experiment,
  first: SimulationResult,
): Promise<Finer> {
  const name = 'step and tolerance are fine enough';
  const names = request.outputs;
  const own = request.tolerance ?? fmu.modelDescription.defaultExperiment.tolerance ?? 1e-4;
  const canVary =
    request.interface === 'me' ||
    fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize === true;
  let error: Record<string, number> = {};
  try {
    let [last, tolerance] = [first, own];
    let moved = await pool.simulate({ ...request, tolerance: own / 10 });
    error = shares(first, moved, names);
    let { share, at } = apart(first, moved, names);
    const byTolerance = share;
    while (share > CONVERGED && tolerance > FINEST) {
      tolerance /= 10;
      last = moved;
      moved = await pool.simulate({ ...request, tolerance: tolerance / 10 });
      ({ share } = apart(last, moved, names));
      error = shares(first, moved, names);
    }
    if (byTolerance > CONVERGED) {
      const settled = share <= CONVERGED;
      const detail = `a finer tolerance changes ${at} by ${byTolerance.toExponential(1)} of its range: ${settled ? `${tolerance.toPrecision(1)} is used where none is given` : `even ${tolerance.toPrecision(1)} is too coarse`}`;
      const proof: Proof = { name, outcome: settled ? 'care' : 'fails', detail };
      return settled
        ? { proof, tolerance: Number(tolerance.toPrecision(1)), error }
        : { proof, error };
    }
    if (canVary && request.interface === 'cs') {
      const half = await pool.simulate({ ...request, stepSizeS: request.stepSizeS / 2 });
      ({ share, at } = apart(first, half, names));
      error = larger(error, shares(first, half, names));
      if (share > CONVERGED) {
        const detail = `half the step changes ${at} by ${share.toExponential(1)} of its range: set a smaller step (simulation.stepSizeS)`;
        return { proof: { name, outcome: 'care', detail }, error };
      }
    }
    const most = Math.max(share, byTolerance).toExponential(1);
    return {
      proof: { name, outcome: 'good', detail: `finer ones change results by ${most}` },
      error,
    };
  } catch (fault) {
    const detail = `finer ones fail: ${messageOf(fault)}`;
    return { proof: { name, outcome: 'care', detail }, error };
  }
}

function larger(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(a).map(([k, v]) => [k, Math.max(v, b[k] ?? 0)]));
}

async function bearsBounds(fmu: Fmu, pool: FmuPool, request: SimulateRequest): Promise<Proof[]> {
  const bounded = fmu.modelDescription.variables.filter(
    (v) => v.causality === 'parameter' && isScalar(v) && (v.min ?? v.max) !== undefined,
  );
  const proofs: Proof[] = [];
  for (const v of bounded.slice(0, MAX_PARAMETERS)) {
    for (const bound of [v.min, v.max]) {
      if (typeof bound !== 'number' || !Number.isFinite(bound)) continue;
      try {
        await pool.simulate({
          ...request,
          startValues: { ...request.startValues, [v.name]: bound },
        });
      } catch (error) {
        const detail = messageOf(error).split('\n')[0] ?? '';
        proofs.push({ name: `bears ${v.name} = ${bound}`, outcome: 'care', detail });
      }
    }
  }
  if (proofs.length > 0 || bounded.length === 0) return proofs;
  return [{ name: 'bears its bounds', outcome: 'good', detail: `${bounded.length} parameters` }];
}
