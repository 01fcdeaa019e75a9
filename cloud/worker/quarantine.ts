import { messageOf } from '../../shared/core/index.js';
import { keySegment, putJson } from '../../shared/store/index.js';
import { type AlignedSample, type CalibratorState, isModelFault } from '../../shared/twin/index.js';
import type { AssetDeps, AssetJob } from './asset-job.js';
import type { AssetState } from './state.js';

/** Runs that fail at the same sample before it is set aside. */
const MOST_FAILED_RUNS = 3;
/** Samples set aside that are remembered, so that a replay leaves them out too. */
const MOST_REMEMBERED = 1000;

const codeOf = (error: unknown) => String((error as { code?: unknown }).code);

/**
 * Remembers that a run failed at a sample.
 *
 * @returns undefined where it is no fault of the model
 */
export function noteFault(
  state: AssetState,
  timeNs: bigint,
  error: unknown,
): AssetState | undefined {
  if (!isModelFault(error)) return undefined;
  const before = state.fault?.timeNs === timeNs ? state.fault.runs : 0;
  return { ...state, fault: { timeNs, runs: before + 1, message: messageOf(error) } };
}

/** Where a sample that was set aside is kept. */
export function quarantineKey(fleet: string, assetId: string, timeNs: bigint): string {
  return `quarantine/${keySegment(fleet)}/${keySegment(assetId)}/${timeNs}.json`;
}

/**
 * Sets a sample aside at which earlier runs failed too, with all that is needed to try it again: its
 * values, the estimate before it, and the model's words.
 *
 * @returns the state that leaves it out; undefined where it is to be tried again first
 */
export async function setAside(
  run: {
    job: AssetJob;
    deps: AssetDeps;
    state: AssetState;
    calibratorState: CalibratorState | undefined;
  },
  sample: AlignedSample,
  error: unknown,
): Promise<AssetState | undefined> {
  const { job, deps, state } = run;
  const runs = (state.fault?.timeNs === sample.timeNs ? state.fault.runs : 0) + 1;
  if (!isModelFault(error) || runs < MOST_FAILED_RUNS) return undefined;
  const { definition } = job.twin;
  const named = (items: readonly { variable: string }[], values: Float64Array) =>
    Object.fromEntries(items.map(({ variable }, i) => [variable, toJson(values[i])]));
  await putJson(deps.store, quarantineKey(job.fleet, job.assetId, sample.timeNs), {
    asset: job.assetId,
    twin: job.twinName,
    twinHash: job.twin.hash,
    timeNs: sample.timeNs.toString(),
    timeS: sample.timeS,
    inputs: named(definition.inputs, sample.inputs),
    measured: named(definition.measured, sample.measured),
    runs,
    error: { code: codeOf(error), message: messageOf(error) },
    checkpoint:
      run.calibratorState === undefined
        ? null
        : Buffer.from(deps.engine.encodeCheckpoint(run.calibratorState)).toString('base64'),
  });
  deps.logger.error('A sample was set aside: the model fails at it', {
    asset: job.assetId,
    timeNs: sample.timeNs.toString(),
    reason: messageOf(error),
  });
  const { fault: _, ...rest } = state;
  return { ...rest, quarantined: [...state.quarantined, sample.timeNs].slice(-MOST_REMEMBERED) };
}

const toJson = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : null;
