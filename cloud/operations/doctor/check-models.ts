import { type Logger, messageOf } from '../../../shared/core/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import type { CalibrationEngine, FleetSource } from '../../worker/index.js';
import { type Check, failed, ok, warning } from './check.js';

/**
 * Loads each twin of a fleet and runs its FMU once, at the priors' means. Where no input has a
 * value of its own there is nothing to run it at; it is loaded then.
 *
 * @returns the twins that could be loaded, beside what was found
 */
export async function checkModels(
  source: FleetSource,
  engine: CalibrationEngine,
  logger: Logger,
  signal: AbortSignal,
): Promise<{ twins: Map<string, Twin>; checks: Check[] }> {
  const twins = new Map<string, Twin>();
  const checks: Check[] = [];
  for (const name of new Set(source.fleet.assets.filter((a) => a.enabled).map((a) => a.twin))) {
    signal.throwIfAborted();
    try {
      const twin = await source.twin(name);
      twins.set(name, twin);
      checks.push(await runOnce(name, twin, engine, logger, signal));
    } catch (error) {
      signal.throwIfAborted();
      checks.push(
        failed(
          'model',
          name,
          messageOf(error),
          'Mend the twin definition or its FMU: `twinloop twin check` tells more.',
        ),
      );
    }
  }
  return { twins, checks };
}

async function runOnce(
  name: string,
  twin: Twin,
  engine: CalibrationEngine,
  logger: Logger,
  signal: AbortSignal,
): Promise<Check> {
  const { inputs, parameters } = twin.definition;
  const model = await engine.createModel(twin, { logger });
  try {
    if (inputs.some((i) => i.value === undefined)) {
      return ok(
        'model',
        name,
        'definition and FMU load; its inputs follow streams, so it was not run',
      );
    }
    const [answer] = await model.evaluate(
      [Float64Array.from(parameters, (p) => p.prior.mean)],
      Float64Array.from(inputs, (i) => i.value as number),
      signal,
    );
    if (answer instanceof Error) {
      return warning(
        'model',
        name,
        `the FMU loads but fails at the priors' means: ${answer.message}`,
        'Look at priors and inputs with `twinloop twin check`.',
      );
    }
    return ok('model', name, 'definition and FMU load, and it runs at the priors’ means');
  } finally {
    await model.close();
  }
}
