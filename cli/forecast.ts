import {
  printJson,
  printLine,
  TwinError,
  unknownNames,
  writeUserFile,
} from '../shared/core/index.js';
import { assumedLines } from '../shared/twin/definition/assumed-inputs.js';
import type { ForecastSeries } from '../shared/twin/forecast/fan.js';
import { type Forecast, forecast } from '../shared/twin/forecast/forecast.js';
import { forecastPlot } from '../shared/twin/forecast/plot.js';
import { courseFindings } from '../shared/twin/report/course-findings.js';
import { verdictExitCode, verdictLines, verdictOf } from '../shared/twin/report/verdict.js';
import { horizonLine, wearHorizonsOf } from '../shared/twin/report/wear-horizon.js';
import { askOptions, withAskedTwin } from './asked-twin.js';
import type { Command } from './command.js';
import { courseLines } from './course-lines.js';
import { positiveNumber, twinArgument } from './options.js';

const days = (s: number | null) =>
  s === null ? 'later' : s === 0 ? 'now' : `${(s / 86_400).toFixed(2)} d`;

const interval = (ends: readonly (number | null)[]) => [...new Set(ends.map(days))].join(' to ');

function tableLine(name: string, probability: string, median: string, intervals: string[]): string {
  const cells = [median.padEnd(8), ...intervals.map((text) => text.padEnd(18))];
  return `  ${name.padEnd(28)} ${probability.padStart(11)}  ${cells.join(' ')}`.trimEnd();
}

function forecastLines(result: Forecast): string[] {
  const all = Object.entries({ ...result.parameters, ...result.virtualSensors });
  const limited = all.filter(
    (entry): entry is [string, Required<ForecastSeries>] => entry[1].passedLimit !== undefined,
  );
  const horizonDays = (result.aheadS.at(-1)! / 86_400).toFixed(1);
  if (limited.length === 0) {
    return [`${result.twin}: no limits are set; give parameters or virtual sensors an \`alarm\`.`];
  }
  return [
    `${result.twin}: how probable it is that a limit is passed within ${horizonDays} days, and when, in days from now (later: not within them)`,
    tableLine('', 'probability', 'median', ['50 % interval', '80 % interval', '95 % interval']),
    ...limited.map(([name, { timeToLimitS, timeToLimitIntervalsS: t, passedLimit }]) =>
      tableLine(
        name,
        `${(100 * passedLimit.at(-1)!).toFixed(1)} %`,
        days(timeToLimitS.p50),
        ([50, 80, 95] as const).map((p) => interval(t[p])),
      ),
    ),
  ];
}

/** `forecast`: what the calibrated twin expects of the time to come. */
export const forecastCommand: Command = {
  name: 'forecast',
  summary: 'Carry the calibrated parameters forward: when will a limit be passed?',
  arguments: [twinArgument],
  options: [
    ...askOptions,
    {
      flags: '--days <n>',
      description: 'how far ahead',
      default: 10,
      parse: positiveNumber('--days'),
    },
    {
      flags: '--plot <svg>',
      writes: 'file',
      endings: ['.svg'],
      description: 'fan charts with limits, and the probability over time',
    },
    {
      flags: '--show <name...>',
      description: 'what to plot; default: what is most likely to pass its limit',
    },
  ],
  examples: [
    'twinloop forecast twin.json --state states --days 14 --input lineSpeed=0.8',
    'twinloop forecast twin.json --state states --plot fan.svg --show b9 S9_Tension_N',
  ],
  run: (args, io) =>
    withAskedTwin(args, io, async ({ assumed, recording, findings, ...asked }) => {
      const { twin } = asked;
      const show = Array.isArray(args.show) ? (args.show as string[]) : [];
      const { parameters, virtualSensors } = twin.definition;
      const known = [...parameters, ...virtualSensors].map((i) => i.variable);
      const unknown = show.filter((name) => !known.includes(name));
      if (unknown.length > 0) {
        throw new TwinError(
          'USAGE',
          `--show names ${unknownNames(unknown, known)}: expected parameters or virtual sensors, ${known.join(', ')}.`,
        );
      }
      const horizonS = Number(args.days) * 86_400;
      const result = await forecast({ ...asked, horizonS, signal: io.signal });
      if (typeof args.plot === 'string') {
        await writeUserFile(args.plot, await forecastPlot(twin, result, show));
      }
      const verdict = verdictOf([...findings, ...courseFindings(result.goesBy)]);
      const wearHorizonS = wearHorizonsOf(twin.definition);
      if (args.json === true) {
        printJson(io.stdout, { ...result, wearHorizonS, assumed, summary: { recording, verdict } });
      } else {
        const lines = [
          ...forecastLines(result),
          ...courseLines(result.goesBy),
          ...assumedLines(assumed),
          horizonLine(wearHorizonS),
        ];
        for (const line of [...lines, ...verdictLines(verdict)]) printLine(io.stdout, line);
      }
      return verdictExitCode(verdict, args.strict === true);
    }),
};
