import { type Command, printJson, printLine } from '../core/index.js';
import {
  inputOption,
  lanesOf,
  lanesOption,
  parseInputs,
  progressBar,
  twinArgument,
} from './command-options.js';
import { identifiability } from './identifiability.js';
import { identifiabilityReportLines } from './identifiability-text.js';
import { loadTwin } from './twin.js';
import { createTwinModel } from './twin-model.js';

/** `twin check`: does the definition fit its FMU, and what can its sensors tell? */
export const twinCheckCommand: Command = {
  name: 'twin check',
  summary: 'Check a twin definition with its FMU, and what its sensors can tell',
  arguments: [twinArgument],
  options: [inputOption, lanesOption],
  examples: ['twinloop twin check shared/twins/web-line/twin.json'],
  async run(args, io) {
    const twin = await loadTwin(String(args.twin));
    const inputs = parseInputs(args.input);
    const model = await createTwinModel(twin, { logger: io.logger, ...lanesOf(args) });
    const bar = progressBar(io, 'Checking', 'operating points');
    try {
      bar.start(twin.definition.parameters.length + 1);
      const report = await identifiability(twin, model, {
        inputs,
        onPoint: bar.update,
        signal: io.signal,
      });
      bar.stop();
      if (args.json === true) printJson(io.stdout, report);
      else for (const line of identifiabilityReportLines(report)) printLine(io.stdout, line);
    } finally {
      bar.stop();
      await model.close();
    }
    return 0;
  },
};
