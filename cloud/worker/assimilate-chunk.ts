import { nsToSeconds } from '../../shared/core/index.js';
import {
  type AlignedGroup,
  type AlignedSample,
  addNis,
  type addSample,
  beginRefits,
  type Calibrator,
  channelAlarms,
  crossCheck,
  errorOfKept,
  gapsOf,
  type InputRanges,
  identifiabilityOf,
  keptError,
  pastFindings,
  type Sample,
  type SensorSlopes,
  type StepResult,
  watchSample,
  withChannelAlarms,
  withIntegrationError,
  withoutWild,
  withSample,
} from '../../shared/twin/index.js';
import { accountAlarms, behindAlarms } from './asset-report.js';
import { firstSamples } from './engine.js';
import { faultsWithin } from './faults-within.js';
import type { Forward } from './forward-run.js';
import { earlyCodes, judgedSample, rangesOf } from './judged-samples.js';
import { noteMissing, noteSample, noteWait } from './note-samples.js';
import { setAside } from './quarantine.js';
import { resultRow } from './results.js';

/** Values of a channel after which what it held once, and how it changed, count for half. */
const CHANNEL_HALF_LIFE = 1000;

/** What became of a chunk of instants. */
export interface Assimilated {
  /** Instants that were dealt with. */
  groups: AlignedGroup[];
  fates: Parameters<typeof addSample>[1][];
  /** Where inputs have been by then. */
  ranges: InputRanges;
  /** Whether samples to come must tell whether a value of an input is wild. */
  waits: boolean;
  /** What stopped it before the end of the chunk, and where; what was done before it counts. */
  fault: { error: unknown; group: AlignedGroup } | undefined;
}

/**
 * Takes the samples of a chunk into the estimate, one after the other.
 *
 * @param from place of the chunk's first instant among those of the window
 */
export async function assimilate(
  run: Forward,
  chunk: readonly AlignedGroup[],
  window: readonly AlignedGroup[],
  from: number,
): Promise<Assimilated> {
  const { job, deps, progress, signal } = run;
  const { definition } = job.twin;
  const done: Assimilated = {
    ...{ groups: [], fates: [], fault: undefined, waits: false },
    ranges: rangesOf(definition, run.mark),
  };
  const early = earlyCodes(definition, window);
  let slopes: SensorSlopes | undefined;
  for (const [place, group] of chunk.entries()) {
    if (group.sample === undefined) {
      progress.thinned++;
      done.groups.push(group);
      continue;
    }
    if (run.overtime()) break;
    const judged = judgedSample(definition, done.ranges, window, from + place, early);
    const { sample } = judged;
    if (sample === undefined) {
      done.waits = true;
      noteWait(progress, job.twin, judged.wild);
      break;
    }
    progress.waitsFor = undefined;
    // Not `push(...)`: there may be more of an input than a call takes arguments.
    for (const found of judged.wild) run.wildInputs.push(found);
    for (const found of judged.codes) run.codes.push(found);
    done.ranges = withSample(done.ranges, sample, judged);
    noteSample(progress, job.twin, sample);
    watchSample(run.channels, sample, CHANNEL_HALF_LIFE);
    if (run.state.quarantined.includes(sample.timeNs)) {
      done.groups.push(group);
      done.fates.push('quarantined');
      continue;
    }
    run.calibrator ??= await beginCalibrator(
      run,
      withoutWild(
        definition,
        window.flatMap((g) => g.sample ?? []),
      ),
    );
    const begunNs = deps.clock.nowNs();
    try {
      const step = await run.calibrator.step(run.calibratorState!, sample, signal);
      run.calibratorState = step.state;
      slopes = step.slopes ?? slopes;
      deps.onSample?.();
      progress.stepS += nsToSeconds(deps.clock.nowNs() - begunNs);
      const { result } = step;
      progress.gaps.push(...gapsOf([result]));
      progress.kept.take(result);
      done.fates.push(noteResult(run, sample, result, done.ranges));
      done.groups.push(group);
    } catch (error) {
      // What a stopped model says is no fault of the sample.
      if (signal.aborted) break;
      const aside = await setAside(run, sample, error);
      if (aside === undefined) {
        done.fault = { error, group };
        break;
      }
      run.state = aside;
      progress.quarantined++;
      done.groups.push(group);
      done.fates.push('quarantined');
    }
  }
  const { newestS } = run.channels;
  if (progress.fromS !== undefined && newestS !== null) {
    progress.channelFaults = faultsWithin(run, done.ranges, progress.fromS, newestS);
  }
  if (run.calibratorState !== undefined && progress.steps > 0) {
    progress.past = pastFindings(job.twin, progress.kept, run.calibratorState);
  }
  if (slopes !== undefined) {
    const { slope, noiseStd, active } = slopes;
    progress.identifiability = identifiabilityOf(job.twin, slope, noiseStd, active);
    if (run.calibratorState !== undefined && progress.last !== undefined) {
      progress.check = crossCheck(job.twin, run.calibratorState, slopes, progress.last);
    }
  }
  return done;
}

/** Notes what a sample came to, with its row of results where it was taken. @returns its fate */
function noteResult(
  run: Forward,
  sample: AlignedSample,
  result: StepResult,
  ranges: InputRanges,
): Parameters<typeof addSample>[1] {
  const { job, progress } = run;
  const { twin, twinName } = job;
  if (result.skipped !== undefined) {
    const reason = result.skipped;
    progress.skipped[reason] = (progress.skipped[reason] ?? 0) + 1;
    if (reason === 'input-missing') noteMissing(progress, twin, sample.inputs);
    return { skipped: reason };
  }
  progress.steps++;
  progress.last = result;
  if (Number.isFinite(result.nis)) {
    progress.nisSum += result.nis;
    progress.nisCount++;
  }
  addNis(progress.counted, result);
  const alarms = [
    ...withChannelAlarms(
      result.alarms,
      channelAlarms([], faultsWithin(run, ranges, sample.timeS, sample.timeS)),
    ),
    ...accountAlarms(twinName, progress),
    ...behindAlarms(twinName, progress, sample.timeNs),
  ];
  const values = resultRow(twin.definition, { ...result, alarms });
  run.rows.push({ timeNs: sample.timeNs, values });
  return 'assimilated';
}

/**
 * The calibrator of a run, and its state where there is none. What the integration of the model misses is
 * measured when an estimate begins, and kept in its state: bands hold it as those of `calibrate` do.
 */
async function beginCalibrator(run: Forward, window: readonly Sample[]): Promise<Calibrator> {
  const { job, deps, progress, signal } = run;
  const { twin } = job;
  const model = await job.model();
  const samples = firstSamples(deps.engine, window);
  let kept = run.calibratorState?.filter.integration;
  if (kept === undefined && model.integrationError !== undefined) {
    const error = await model.integrationError(samples, signal);
    if (error.unknown !== undefined) {
      deps.logger.warn('Integration error unknown, not in the bands', { reason: error.unknown });
    }
    kept = keptError(twin, error);
  }
  const error = kept && errorOfKept(twin, kept);
  progress.integration = error;
  const calibrator = deps.engine.createCalibrator({
    twin: error === undefined ? twin : withIntegrationError(twin, error),
    model,
  });
  const state = run.calibratorState ?? beginRefits(twin, calibrator.initialState(samples));
  run.calibratorState =
    kept === undefined ? state : { ...state, filter: { ...state.filter, integration: kept } };
  return calibrator;
}
