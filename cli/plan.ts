import { printJson, printLine } from '../shared/core/index.js';
import { assumedLines } from '../shared/twin/definition/assumed-inputs.js';
import { type Plan, type PlannedWay, plan, type Spread } from '../shared/twin/plan/plan.js';
import { courseFindings } from '../shared/twin/report/course-findings.js';
import { verdictExitCode, verdictLines, verdictOf } from '../shared/twin/report/verdict.js';
import { askOptions, withAskedTwin } from './asked-twin.js';
import type { Command } from './command.js';
import { twinArgument } from './options.js';
import { progressBar } from './progress.js';

const number = (v: number) => String(Number(v.toPrecision(4)));
const percent = (p: number) =>
  p < 0.01 ? 'under 1 %' : p > 0.99 ? 'over 99 %' : `${(100 * p).toFixed(0)} %`;
const days = (s: number) => `${(s / 86_400).toFixed(1)} d`;
const settings = (inputs: Readonly<Record<string, number>>) =>
  Object.entries(inputs)
    .map(([name, v]) => `${name} = ${number(v)}`)
    .join(', ');
const spread = ({ mean, lower95, upper95 }: Spread, unit: string) =>
  `${number(mean)} (95 %: ${number(lower95)} to ${number(upper95)})${unit === '' ? '' : ` ${unit}`}`;

function wayText({ inputs, maintenance }: PlannedWay): string {
  const first = Object.keys(inputs).length === 0 ? 'as today' : settings(inputs);
  if (maintenance === undefined) return first;
  const then = Object.keys(inputs).length === 0 ? '' : `, then ${settings(maintenance.inputs)}`;
  const until = maintenance.aheadS === 0 ? '' : `${first} for ${days(maintenance.aheadS)}; `;
  return `${until}${maintenance.name}${then}`;
}

function planLines(result: Plan): string[] {
  const { objective } = result;
  const within = `within ${days(result.horizonS)}`;
  const best = result.plan;
  const head = result.feasible
    ? `${result.twin}: ${wayText(best)}`
    : `${result.twin}: no way keeps the risk at ${percent(result.risk)} ${within}. The least risky: ${wayText(best)}`;
  const cause = Object.entries(best.riskByLimit).sort((a, b) => b[1] - a[1])[0];
  return [
    head,
    `  risk of passing a limit ${within}: ${percent(best.risk)} (allowed ${percent(result.risk)}), as today ${percent(result.today.risk)}`,
    ...(result.feasible || cause === undefined
      ? []
      : [
          `  what stands in the way: ${cause[0]} passes its limit first in ${percent(cause[1])} of the courses`,
        ]),
    `  ${objective.label}, ${objective.sense}d: ${spread(best.objective, objective.unit)}, as today ${spread(result.today.objective, objective.unit)}`,
    `  gain: ${spread(result.gain, objective.unit)}`,
    'Risk by setting, all else as planned:',
    ...Object.entries(result.riskCurves).map(
      ([name, points]) =>
        `  ${name}: ${points.map((p) => `${number(p.value)} → ${percent(p.risk)}`).join(', ')}`,
    ),
    'Trade-off, risk against gain:',
    ...result.front.map(
      (f) =>
        `  ${percent(f.risk).padStart(9)}  ${number(f.objective).padStart(10)}  ${wayText(f.way)}`,
    ),
    'Assumed:',
    ...result.assumptions.map((a) => `  ${a}`),
  ];
}

/** `plan`: inputs and maintenance that reach a goal within stated risks. */
export const planCommand: Command = {
  name: 'plan',
  summary: 'Choose inputs and maintenance that reach the goal of `decisions` within its risk',
  arguments: [twinArgument],
  options: askOptions,
  examples: [
    'twinloop plan twin.json --state states',
    'twinloop plan twin.json --state .twinloop --input lineSpeed=0.9 --json',
  ],
  run: (args, io) =>
    withAskedTwin(args, io, async ({ assumed, recording, findings, ...asked }) => {
      const bar = progressBar(io, 'Planning', '%');
      bar.start(100);
      const result = await plan({
        ...asked,
        onProgress: (share) => bar.update(Math.round(100 * share)),
        signal: io.signal,
      }).finally(() => bar.stop());
      if (!result.feasible) {
        findings.push({
          grade: 'unusable',
          reason: `No way keeps the risk of passing a limit at ${percent(result.risk)}: allow other ranges or repairs in \`decisions\`, or more risk.`,
        });
      }
      const verdict = verdictOf([...findings, ...courseFindings(result.goesBy)]);
      if (args.json === true) {
        printJson(io.stdout, { ...result, assumed, summary: { recording, verdict } });
      } else {
        const lines = [...planLines(result), ...assumedLines(assumed), ...verdictLines(verdict)];
        for (const line of lines) printLine(io.stdout, line);
      }
      return verdictExitCode(verdict, args.strict === true);
    }),
};
