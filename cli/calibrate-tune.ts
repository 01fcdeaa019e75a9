import { type CommandIo, printJson, printLine, writeUserFile } from '../shared/core/index.js';
import { type TuneResult, tuneEstimator, tuneRuns } from '../shared/twin/calibrator/tune.js';
import { withIntegrationError } from '../shared/twin/model/integration-error.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import type { Twin } from '../shared/twin/types.js';
import { errorOfIntegration, readData, samplesToTake } from './calibration-data.js';
import { lanesOf } from './options.js';
import { progressBar } from './progress.js';

/** `calibrate --tune`: searches the settings under which a recording is most probable, and prints them. */
export async function tune(
  twin: Twin,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<number> {
  const data = await readData(twin, undefined, args, io);
  const samples = samplesToTake(twin, data);
  const model = await createTwinModel(twin, { logger: io.logger, ...lanesOf(args) });
  const bar = progressBar(io, 'Tuning', 'samples');
  let result: TuneResult;
  try {
    bar.start(tuneRuns(twin) * samples.length);
    // With the errors that a calibration will have: else the trends would be tuned to explain them.
    const error = await errorOfIntegration(model, samples, io);
    result = await tuneEstimator({
      twin: withIntegrationError(twin, error),
      model,
      samples,
      onSample: bar.update,
      signal: io.signal,
    });
  } finally {
    bar.stop();
    await model.close();
  }
  const { tried, best, estimator, measured } = result;
  const fragment = { estimator, ...(measured.length > 0 && { measured }) };
  if (typeof args.output === 'string') {
    await writeUserFile(args.output, `${JSON.stringify({ ...fragment, tried }, null, 2)}\n`);
  }
  if (args.json === true) {
    printJson(io.stdout, result);
    return 0;
  }
  printLine(io.stdout, `${result.twin}: ${samples.length} samples`);
  printLine(io.stdout, '  trendScale  noise scale   log-likelihood  NIS per channel');
  for (const t of tried) {
    const cells = [
      t.trendScale.toPrecision(3).padStart(12),
      t.noiseScale.toPrecision(3).padStart(13),
      t.logLikelihood.toFixed(1).padStart(17),
      t.meanNisPerChannel.toFixed(3).padStart(17),
    ];
    printLine(io.stdout, `${cells.join('')}${t === best ? '  best' : ''}`);
  }
  const [least, most] = result.plausibleTrendScale;
  printLine(
    io.stdout,
    `The recording does not speak against a trendScale from ${least.toPrecision(2)} to ${most.toPrecision(2)}${least < best.trendScale / 10 ? ': a longer one, or one with wear in it, would tell more' : ''}.`,
  );
  printLine(io.stdout, 'Put this into the twin definition:');
  printLine(io.stdout, JSON.stringify(fragment, null, 2));
  return 0;
}
