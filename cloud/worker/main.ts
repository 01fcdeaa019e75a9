import { messageOf, onStopSignal, STOP_SIGNALS, TwinError } from '../../shared/core/index.js';
import { createLogger } from '../../shared/core/winston.js';
import { calibrationEngine } from './calibration-engine.js';
import { HEARTBEAT_VARIABLE, heartbeatAgeS, MAX_SILENCE_S } from './heartbeat.js';
import { runWorkerJob } from './run-job.js';
import { faultExitCode, jobExitCodeOf } from './verdict.js';

// The container's entry: `worker run` alone, without what the command line loads besides; with the
// argument `health`, whether the worker that runs in this container gets on.
const { env } = process;
const logger = createLogger({ level: 'info', format: 'json' });

async function work(): Promise<number> {
  const stop = new AbortController();
  let signalled = 0;
  onStopSignal((name) => {
    signalled = STOP_SIGNALS[name];
    stop.abort(new TwinError('CANCELLED', `Stopped by ${name}.`));
  });
  const code = await runWorkerJob(
    {},
    {
      stdout: process.stdout,
      stderr: process.stderr,
      logger,
      signal: stop.signal,
      env,
    },
    calibrationEngine,
    jobExitCodeOf,
  );
  // Not 0: samples may be left, and Batch shall start a job again whose host was taken away.
  return signalled === 0 ? code : 128 + signalled;
}

function health(): number {
  const age = heartbeatAgeS(env[HEARTBEAT_VARIABLE] ?? '');
  return age !== undefined && age <= MAX_SILENCE_S ? 0 : 1;
}

try {
  process.exitCode = process.argv[2] === 'health' ? health() : await work();
} catch (error) {
  // A run that could not begin is told as an asset that failed is, and started again by the same rule.
  const fault = {
    code: error instanceof TwinError ? error.code : 'INTERNAL',
    retryable: error instanceof TwinError && error.retryable,
  };
  logger.error('The run could not begin', { ...fault, message: messageOf(error) });
  process.exitCode = faultExitCode([fault]);
}
