import { percentText } from '../../core/index.js';
import { gradeText } from '../report/quantities.js';
import { verdictLines } from '../report/verdict.js';
import { untestedText } from './origins.js';
import type { BacktestOutput, HorizonScore } from './types.js';

const digits = (value: number) => value.toPrecision(3);

/** Parameters whose halves are not compared, in a line. */
export const notComparedLines = ({ ofStart, wearing }: BacktestOutput['splitHalf']): string[] => [
  ...(ofStart === undefined
    ? []
    : [`Not compared, as they tell where a record begins: ${ofStart.join(', ')}`]),
  ...(wearing === undefined ? [] : [`Not compared, as they wear: ${wearing.join(', ')}`]),
];

/** A backtest as lines for a terminal. */
export function backtestLines(output: BacktestOutput): string[] {
  const { summary } = output;
  const lines = [
    `${output.twin}: ${summary.used} of ${summary.samples} samples, ${output.origins.length} fits on a growing part of them, ${summary.modelRuns} model runs, ${summary.wallS.toFixed(1)} s`,
  ];
  const table = (title: string, horizons: readonly HorizonScore[]) => {
    if (horizons.length === 0) return;
    lines.push(title);
    lines.push('  channel              ahead       n   in 50/80/95 %    CRPS    rms error  band ±');
    for (const h of horizons) {
      const shares = [h.coverage50, h.coverage80, h.coverage95].map((s) => Math.round(100 * s));
      lines.push(
        `  ${h.channel.padEnd(18)} ${String(h.samples).padStart(8)} ${String(h.n).padStart(7)}   ${shares.join('/').padStart(11)} ${digits(h.crps).padStart(9)} ${digits(h.rmse).padStart(10)} ${digits(h.halfWidth95).padStart(9)}`,
      );
    }
  };
  table('Predictions of rows that the fit had not seen:', output.horizons);
  if (output.untested !== undefined) lines.push(`  ${untestedText(output.untested)}`);
  if (output.yardstick !== undefined) {
    table('The same where the twin itself made the record:', output.yardstick.horizons);
  }
  for (const h of output.heldOut) {
    lines.push(
      `${h.channel} held out: missed by ${digits(h.rmse)}, ${percentText(h.coverage95)} in the 95 % band (a constant would miss by ${digits(h.std)})`,
    );
  }
  const { splitHalf } = output;
  if (splitHalf.agree !== null) {
    lines.push(`Halves of the record agree on ${percentText(splitHalf.agree)} of the parameters:`);
    for (const [name, p] of Object.entries(splitHalf.parameters)) {
      const values = p.means.map((m, k) => `${digits(m)} ± ${digits(p.stds[k]!)}`);
      lines.push(`  ${name.padEnd(24)} ${values.join('   ')}${p.agree ? '' : '   apart'}`);
    }
  }
  lines.push(...notComparedLines(splitHalf));
  lines.push('Predictions of what is measured, and parameters:');
  for (const [name, verdict] of Object.entries(output.quantities)) {
    lines.push(`  ${name.padEnd(24)} ${gradeText(verdict)}`);
  }
  return [...lines, ...verdictLines(output.verdict)];
}
