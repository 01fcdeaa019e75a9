import { markdown, median, percent } from '../common/table.js';
import { CONDITIONS, type Condition } from './conditions.js';
import { MACHINES } from './machines.js';
import type { RunResult, Share } from './run.js';

const ratio = ({ inside, of }: Share) => inside / of;
const sum = (shares: readonly Share[]): Share => ({
  inside: shares.reduce((s, v) => s + v.inside, 0),
  of: shares.reduce((s, v) => s + v.of, 0),
});
/** Coverage, %, that the study aims at. */
const TARGETS: Readonly<Record<Condition['group'], string>> = {
  exact: '92-98',
  wear: '92-98',
  disturbed: '≥ 88',
  structural: '≥ 85, or named in ≥ 95 % of runs',
};
/** Coverage of a run below which its verdict must say so. */
const BELIEVABLE = 0.85;

type Command = 'fit' | 'calibrate';

/** Runs that can be believed: their bands hold, or their verdict is below good. */
const honest = (runs: readonly RunResult[], command: Command) =>
  runs.filter((r) => ratio(r[command].parameters) >= BELIEVABLE || r[command].grade !== 'good')
    .length / runs.length;

const warned = (runs: readonly RunResult[], command: Command) =>
  runs.filter((r) => r[command].grade !== 'good').length / runs.length;

/** The study's tables as Markdown. */
export function tables(results: readonly RunResult[]): string[] {
  const groups = CONDITIONS.map((condition) => ({
    condition,
    runs: results.filter((r) => r.condition === condition.name),
  })).filter(({ runs }) => runs.length > 0);
  const summary = groups.map(({ condition, runs }) => {
    const recovered = runs.flatMap(({ calibrate: { recovery } }) => recovery ?? []);
    return [
      condition.name,
      TARGETS[condition.group],
      `${runs.length}`,
      percent(ratio(sum(runs.map((r) => r.fit.parameters)))),
      percent(warned(runs, 'fit')),
      percent(honest(runs, 'fit')),
      percent(ratio(sum(runs.map((r) => r.calibrate.parameters)))),
      percent(ratio(sum(runs.map((r) => r.calibrate.hidden)))),
      median(runs.map((r) => r.calibrate.nis)).toFixed(2),
      percent(warned(runs, 'calibrate')),
      percent(honest(runs, 'calibrate')),
      `${runs.filter((r) => r.calibrate.sensorFault).length}`,
      condition.name === 'step' ? `${median(recovered)} (${recovered.length}/${runs.length})` : '',
    ];
  });
  const cells = groups.map(({ condition, runs }) => [
    condition.name,
    ...MACHINES.map(({ name }) => {
      const own = runs.filter((r) => r.machine === name);
      if (own.length === 0) return '';
      return [
        sum(own.map((r) => r.fit.parameters)),
        sum(own.map((r) => r.calibrate.parameters)),
        sum(own.map((r) => r.calibrate.hidden)),
      ]
        .map((share) => percent(ratio(share)))
        .join('/');
    }),
  ]);
  return [
    ...markdown(
      'All machines: truth inside the 95 % band, %, and what verdicts said',
      [
        'condition',
        'target',
        'runs',
        'fit: parameters',
        'below good, %',
        'holds or says so, %',
        'calibrate: parameters',
        'hidden outputs',
        'NIS, median',
        'below good, %',
        'holds or says so, %',
        'runs with sensor-fault',
        'recovery, samples (runs)',
      ],
      summary,
    ),
    ...markdown(
      'By machine: parameters of fit / parameters of calibrate / hidden outputs of calibrate, %',
      ['condition', ...MACHINES.map((m) => m.name)],
      cells,
    ),
  ];
}
