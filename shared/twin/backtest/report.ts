import { percentText } from '../../core/index.js';
import type { RecordingAccount } from '../../recordings/index.js';
import { digits } from '../report/digits.js';
import { escapeHtml, htmlFigure, htmlPage, htmlTable } from '../report/html.js';
import { recordingPart, verdictPart } from '../report/page-parts.js';
import { gradeText } from '../report/quantities.js';
import type { Grade } from '../report/verdict.js';
import { notComparedLines } from './lines.js';
import { untestedText } from './origins.js';
import { backtestPlot } from './plot.js';
import type { BacktestOutput, HorizonScore } from './types.js';

const NEXT: Readonly<Record<Grade, string>> = {
  good: 'Predictions and bands came true on rows that no fit had seen. Keep the fit for calibrate and workers by twinloop fit --state.',
  care: 'Read the reasons above first. What is marked good below may be used; each reason names what may not, and why.',
  unusable:
    'Do not act on predictions or parameters of this twin. Mend what is named above, in the export, the definition or the model, and run it again.',
};

function horizonTable(caption: string, horizons: readonly HorizonScore[]): string {
  return htmlTable(
    caption,
    [
      'channel',
      'samples ahead',
      'n',
      'in 50 %',
      'in 80 %',
      'in 95 %',
      'CRPS',
      'rms error',
      'band ±',
    ],
    horizons.map((h) => [
      h.channel,
      h.samples === 'free-run' ? 'free run' : String(h.samples),
      String(h.n),
      percentText(h.coverage50),
      percentText(h.coverage80),
      percentText(h.coverage95),
      digits(h.crps),
      digits(h.rmse),
      digits(h.halfWidth95),
    ]),
  );
}

/**
 * A backtest as one page that needs nothing else: verdict, how predictions came true beside those of the
 * twin's own record, sensors held out, what parts of the record agree on.
 *
 * @param account of the recording, if there is one
 */
export async function backtestReport(
  output: BacktestOutput,
  account?: RecordingAccount,
): Promise<string> {
  const { splitHalf, heldOut, horizons, yardstick } = output;
  const svg = await backtestPlot(output);
  return htmlPage(`${output.twin}: backtest`, [
    `<h1>${escapeHtml(output.twin)}: backtest</h1>`,
    ...verdictPart(output.verdict, NEXT),
    ...recordingPart(output.summary.recording, account),
    '<h2>Verdicts</h2>',
    htmlTable(
      'Of what is measured, how its predictions came true; of parameters, what speaks against their fit and whether parts of the record agree',
      ['quantity', 'verdict', 'because'],
      Object.entries(output.quantities).map(([name, verdict]) => [
        name,
        gradeText(verdict),
        verdict.reasons.join('; ') || 'nothing speaks against it',
      ]),
    ),
    ...(horizons.length === 0
      ? []
      : [
          '<h2>Predictions</h2>',
          horizonTable('Of rows that the fit had not seen, from each of them on', horizons),
          ...(output.untested === undefined
            ? []
            : [`<p>Of predictions ${escapeHtml(untestedText(output.untested))}.</p>`]),
          ...(yardstick === undefined
            ? []
            : [
                horizonTable(
                  'The same where the twin itself made the record, with the noise that was fitted: what a right model would reach',
                  yardstick.horizons,
                ),
              ]),
          '<p>Of 100 values, 50, 80 and 95 should lie in these bands. CRPS, error and half the width of the 95 % band are in the channel’s unit.</p>',
        ]),
    ...(svg === undefined
      ? []
      : [
          htmlFigure(
            svg,
            'Where values fell in the predicted distributions: flat at a tenth where bands are right, high at both ends where they are too narrow, in the middle where too wide.',
          ),
        ]),
    ...(heldOut.length === 0
      ? []
      : [
          '<h2>Sensors held out</h2>',
          htmlTable(
            'Each predicted by a fit that had not seen it',
            ['channel', 'rms error', 'a constant', 'in its 95 % band'],
            heldOut.map((h) => [
              h.channel,
              digits(h.rmse),
              digits(h.std),
              percentText(h.coverage95),
            ]),
          ),
        ]),
    ...(splitHalf.agree === null
      ? []
      : [
          '<h2>Halves of the record</h2>',
          htmlTable(
            'Each parameter fitted to each half (± standard deviation): they agree within 1.96 deviations of their difference',
            ['parameter', 'first half', 'second half', 'apart, deviations', 'agree'],
            Object.entries(splitHalf.parameters).map(([name, p]) => [
              name,
              ...p.means.map((m, k) => `${digits(m)} ± ${digits(p.stds[k]!)}`),
              p.z.toFixed(2),
              p.agree ? 'yes' : 'no',
            ]),
          ),
          ...notComparedLines(splitHalf).map((text) => `<p>${escapeHtml(text)}.</p>`),
        ]),
  ]);
}
