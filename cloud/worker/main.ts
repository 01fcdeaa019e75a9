import { createLogger, isUserError, messageOf, TwinError } from '../../shared/core/index.js';
import { calibrationEngine } from './calibration-engine.js';
import { createWorkerCommand } from './worker-command.js';

// The container's entry: `worker run` alone, without what the command line loads besides.
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => stop.abort(new TwinError('CANCELLED', `Stopped by ${name}.`)));
}
try {
  process.exitCode =
    (await createWorkerCommand(calibrationEngine).run(
      {},
      {
        stdout: process.stdout,
        stderr: process.stderr,
        logger: createLogger({ level: 'info', format: 'json' }),
        signal: stop.signal,
        env: process.env,
      },
    )) ?? 0;
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = isUserError(error) ? 2 : 1;
}
