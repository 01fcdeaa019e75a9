import { messageOf } from '../../core/index.js';
import type { InterfaceType } from '../binding/instance.js';
import { defaultInterface } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable } from '../description/model-description.js';
import {
  resultColumn,
  type SimulateRequest,
  type SimulationResult,
} from '../running/simulation.js';
import { createFmuPool, type FmuPool, type FmuPoolOptions } from './pool.js';

/** One thing that was tried, and what it means. */
export interface Proof {
  name: string;
  /** `care`: it runs, with what `detail` says; `fails`: results can't be relied on. */
  outcome: 'good' | 'care' | 'fails';
  detail: string;
}

/** Parameters that are tried one by one, at their bounds. */
const MAX_PARAMETERS = 20;
const MAX_OUTPUTS = 50;
/** Runs of the same experiment may part by this share of a column's range. */
const SAME = 1e-9;
/** What half a step or a tenth of the tolerance may change. */
const CONVERGED = 1e-3;

const isScalar = (v: ModelVariable) => v.type === 'Float64' && v.dimensions.length === 0;

/** Largest difference at the end of two runs, as a share of each column's range in the first. */
function apart(a: SimulationResult, b: SimulationResult, names: readonly string[]) {
  let [share, at] = [0, ''];
  for (const name of names) {
    const [x, y] = [resultColumn(a, name), resultColumn(b, name)];
    const range = x.reduce((r, v) => Math.max(r, Math.abs(v)), 1e-9);
    const off = Math.abs((x.at(-1) as number) - (y.at(-1) as number)) / range;
    if (!(off <= share)) [share, at] = [off, name];
  }
  return { share, at };
}

/** What an experiment takes over from the FMU, cut short. */
function experimentOf(fmu: Fmu, type: InterfaceType): SimulateRequest & { stepSizeS: number } {
  const { startTime = 0, stopTime, stepSize } = fmu.modelDescription.defaultExperiment;
  const end = stopTime !== undefined && stopTime > startTime ? stopTime : startTime + 1;
  const stepSizeS = stepSize !== undefined && stepSize > 0 ? stepSize : (end - startTime) / 500;
  const stopTimeS = Math.min(end, startTime + 1000 * stepSizeS);
  const outputs = fmu.modelDescription.variables
    .filter((v) => v.causality === 'output' && isScalar(v))
    .slice(0, MAX_OUTPUTS)
    .map((v) => v.name);
  return {
    interface: type,
    startTimeS: startTime,
    stopTimeS,
    stepSizeS,
    outputIntervalS: stepSizeS,
    outputs,
  };
}

/** A value near the start that the bounds allow. */
function nudged(v: ModelVariable): number | undefined {
  const start = v.start?.[0];
  if (typeof start !== 'number') return undefined;
  const by = start === 0 ? 1e-3 * Math.abs(v.nominal ?? 1) : 0.01 * Math.abs(start);
  return [start + by, start - by].find(
    (x) => !(v.min !== undefined && x < v.min) && !(v.max !== undefined && x > v.max),
  );
}

/**
 * Tries what runs of an FMU rest on: that it keeps what is set, that a run repeats itself in a used and
 * in a fresh process, that step and tolerance are fine enough, that it bears its parameters' bounds.
 *
 * @throws TwinError as {@link createFmuPool}
 */
export async function proveFmu(
  fmu: Fmu,
  options: Omit<FmuPoolOptions, 'fmu'> & { interface?: InterfaceType; signal?: AbortSignal } = {},
): Promise<Proof[]> {
  const { interface: wanted, signal, ...poolOptions } = options;
  const type = wanted ?? defaultInterface(fmu);
  const request = { ...experimentOf(fmu, type), ...(signal !== undefined && { signal }) };
  const proofs: Proof[] = [];
  const pool = await createFmuPool({ ...poolOptions, fmu, lanes: 1 });
  try {
    const began = performance.now();
    const first = await pool.simulate(request);
    const ms = performance.now() - began;
    proofs.push({
      name: 'runs',
      outcome: 'good',
      detail: `${type}, ${first.time.length} rows to ${first.time.at(-1)} s in ${ms.toFixed(0)} ms, sandbox "${pool.sandboxLevel}"`,
    });
    proofs.push(await repeats(fmu, pool, poolOptions, request, first));
    proofs.push(await keepsValues(fmu, pool, request));
    proofs.push(await converges(fmu, pool, request, first));
    proofs.push(...(await bearsBounds(fmu, pool, request)));
  } finally {
    await pool.close();
  }
  return proofs;
}

async function repeats(
  fmu: Fmu,
  pool: FmuPool,
  options: Omit<FmuPoolOptions, 'fmu'>,
  request: SimulateRequest,
  first: SimulationResult,
): Promise<Proof> {
  const names = request.outputs ?? [];
  const name = 'a run repeats itself';
  const used = apart(first, await pool.simulate(request), names);
  const other = await createFmuPool({ ...options, fmu, lanes: 1 });
  try {
    const fresh = apart(first, await other.simulate(request), names);
    const worse = used.share > fresh.share ? used : fresh;
    if (worse.share <= SAME)
      return { name, outcome: 'good', detail: 'in a used and a fresh process' };
    const where = used.share > fresh.share ? 'a used process' : 'a fresh process';
    return {
      name,
      outcome: worse.share <= 1e-6 ? 'care' : 'fails',
      detail: `${worse.at} differs by ${worse.share.toExponential(1)} of its range in ${where}`,
    };
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
    const run = await pool.simulate({ ...request, startValues: values, outputs: names });
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

async function converges(
  fmu: Fmu,
  pool: FmuPool,
  request: SimulateRequest & { stepSizeS: number },
  first: SimulationResult,
): Promise<Proof> {
  const name = 'step and tolerance are fine enough';
  const tolerance = (fmu.modelDescription.defaultExperiment.tolerance ?? 1e-4) / 10;
  const finer = { ...request, tolerance };
  if (fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize === true) {
    finer.stepSizeS = request.stepSizeS / 2;
  }
  try {
    const { share, at } = apart(first, await pool.simulate(finer), request.outputs ?? []);
    return share <= CONVERGED
      ? { name, outcome: 'good', detail: `finer ones change results by ${share.toExponential(1)}` }
      : {
          name,
          outcome: 'care',
          detail: `finer ones change ${at} by ${share.toExponential(1)} of its range: set a smaller simulation.stepSizeS, or simulation.tolerance to ${tolerance}`,
        };
  } catch (error) {
    return { name, outcome: 'care', detail: `finer ones fail: ${messageOf(error)}` };
  }
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
        await pool.simulate({ ...request, startValues: { [v.name]: bound } });
      } catch (error) {
        const detail = messageOf(error).split('\n')[0] ?? '';
        proofs.push({ name: `bears ${v.name} = ${bound}`, outcome: 'care', detail });
      }
    }
  }
  if (proofs.length > 0 || bounded.length === 0) return proofs;
  return [{ name: 'bears its bounds', outcome: 'good', detail: `${bounded.length} parameters` }];
}
