import { printJson, printLine, TwinError } from '../shared/core/index.js';
import { assumedLines, assumeInputs } from '../shared/twin/definition/assumed-inputs.js';
import { loadTwin } from '../shared/twin/definition/twin.js';
import { identifiability } from '../shared/twin/identifiability/identifiability.js';
import { operatingInputs } from '../shared/twin/identifiability/operating-points.js';
import { identifiabilityReportLines } from '../shared/twin/identifiability/text.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import { probeBounds, proveTwinFmu } from '../shared/twin/model/twin-proof.js';
import { dynamicsLines, dynamicsReport } from '../shared/twin/transient/dynamics-report.js';
import type { Twin, TwinModel } from '../shared/twin/types.js';
import type { Command } from './command.js';
import { proofLines } from './fmu.js';
import { inputOption, lanesOf, lanesOption, parseInputs, twinArgument } from './options.js';
import { progressBar } from './progress.js';

/** `twin check`: does the definition fit its FMU, and what can its sensors tell? */
export const twinCheckCommand: Command = {
  name: 'twin check',
  summary: 'Check a twin definition with its FMU, and what its sensors can tell',
  arguments: [twinArgument],
  options: [inputOption, lanesOption],
  examples: ['twinloop twin check shared/twins/web-line/twin.json'],
  async run(args, io) {
    const twin = await loadTwin(String(args.twin));
    const { inputs, assumed } = await assumeInputs(twin, parseInputs(args.input));
    // Before the model: what the proof finds necessary, its runs do.
    const proof = await proveTwinFmu(twin, { logger: io.logger, signal: io.signal });
    const model = await createTwinModel(twin, { logger: io.logger, ...lanesOf(args) });
    const bar = progressBar(io, 'Checking', 'operating points');
    try {
      bar.start(twin.definition.parameters.length + 1);
      const at = operatingInputs(twin, inputs);
      const dynamics = await dynamicsReport(twin, model, at, io.signal);
      const atRest = await identifiabilityAtRest(twin, model, {
        inputs,
        onPoint: bar.update,
        signal: io.signal,
      });
      proof.proofs.push(...(await probeBounds(twin, model, at, io.signal)));
      bar.stop();
      if (args.json === true) printJson(io.stdout, { ...atRest.report, dynamics, assumed, proof });
      else
        for (const line of [
          ...atRest.lines,
          ...assumedLines(assumed),
          '',
          ...dynamicsLines(dynamics),
          '',
          'The FMU:',
          ...proofLines(proof),
        ])
          printLine(io.stdout, line);
    } finally {
      bar.stop();
      await model.close();
    }
    return proof.proofs.some((p) => p.outcome === 'fails') ? 1 : 0;
  },
};

/** What the sensors tell at rest; a moving machine's model may have no rest. */
async function identifiabilityAtRest(
  twin: Twin,
  model: TwinModel,
  options: Parameters<typeof identifiability>[2],
): Promise<{ report: object; lines: string[] }> {
  try {
    const report = await identifiability(twin, model, options);
    return { report, lines: identifiabilityReportLines(report) };
  } catch (error) {
    const restless =
      twin.definition.simulation.mode === 'transient' &&
      error instanceof TwinError &&
      error.code === 'NUMERIC';
    if (!restless) throw error;
    const { name } = twin.definition;
    return {
      report: { twin: name, noRest: error.message },
      lines: [
        `${name}: the definition fits its FMU. What the sensors tell at rest can't be said: ${error.message}`,
      ],
    };
  }
}
