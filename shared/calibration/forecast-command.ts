import { type Command, printJson, printLine, TwinError, writeFileAtomic } from '../core/index.js';
import { renderLineChart } from '../plot/index.js';
import { openStore } from '../storage/index.js';
import { parseInputs } from './command-options.js';
import { type ForecastSeries, forecast } from './forecast.js';
import { loadState } from './state-store.js';
import { loadTwin } from './twin.js';
import { createTwinModel } from './twin-model.js';

const days = (s: number | null | undefined) =>
  s === null || s === undefined ? 'later' : `${(s / 86_400).toFixed(2)} d`;

/** `forecast`: what the calibrated twin expects of the time to come. */
export const forecastCommand: Command = {
  name: 'forecast',
  summary: 'Carry the calibrated parameters forward: when will a limit be passed?',
  arguments: [{ name: '<twin>', description: 'the twin definition (twin.json)' }],
  options: [
    {
      flags: '--state <store>',
      description: 'folder or s3://bucket/prefix that `calibrate` kept the state in',
      required: true,
    },
    {
      flags: '--days <n>',
      description: 'how far ahead',
      default: 10,
      parse: (text) => {
        const value = Number(text);
        if (!(value > 0)) {
          throw new TwinError('USAGE', `--days is "${text}": expected a positive number.`);
        }
        return value;
      },
    },
    { flags: '--input <name=value...>', description: 'operating inputs to assume instead' },
    { flags: '--plot <svg>', description: 'probability over time of being beyond each limit' },
  ],
  examples: ['twinloop forecast twin.json --state states --days 14 --input lineSpeed=0.8'],
  async run(args, io) {
    const twin = await loadTwin(String(args.twin));
    const inputs = parseInputs(args.input);
    const stored = await loadState(openStore(String(args.state)), twin);
    if (stored === undefined) {
      throw new TwinError(
        'NOT_FOUND',
        `No state of "${twin.definition.name}" in ${String(args.state)}: run \`twinloop calibrate\` with the same --state first.`,
      );
    }
    const model = await createTwinModel(twin, { logger: io.logger });
    try {
      const result = await forecast({
        twin,
        model,
        state: stored.state,
        horizonS: Number(args.days) * 86_400,
        inputs,
        signal: io.signal,
      });
      const limited = Object.entries({ ...result.parameters, ...result.virtualSensors }).filter(
        (entry): entry is [string, Required<ForecastSeries>] => entry[1].beyondLimit !== undefined,
      );
      if (typeof args.plot === 'string') {
        const x = result.aheadS.map((s) => s / 86_400);
        const svg = await renderLineChart({
          title: `${result.twin}: probability of being beyond the limit`,
          xLabel: 'days ahead',
          yLabel: 'probability',
          series: limited.map(([name, s]) => ({ name, x, y: s.beyondLimit })),
        });
        await writeFileAtomic(args.plot, svg);
      }
      if (args.json === true) printJson(io.stdout, result);
      else {
        printLine(io.stdout, `${result.twin}: time to limit (median; 50 %, 80 %, 95 % interval)`);
        for (const [name, { timeToLimitS: t }] of limited) {
          printLine(
            io.stdout,
            `  ${name.padEnd(28)} ${days(t.p50)}; ${days(t.p25)} to ${days(t.p75)}, ${days(t.p10)} to ${days(t.p90)}, ${days(t['p2.5'])} to ${days(t['p97.5'])}`,
          );
        }
      }
    } finally {
      await model.close();
    }
    return 0;
  },
};
