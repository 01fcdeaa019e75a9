import { durationText, secondsText } from '../../../core/index.js';
import type { RecordingAccount } from '../../../recordings/index.js';
import { forecastPlot } from '../../forecast/plot.js';
import { digits } from '../../report/digits.js';
import { escapeHtml, htmlFigure, htmlPage, htmlTable } from '../../report/html.js';
import {
  alarmsPart,
  estimateParts,
  recordingPart,
  sourcesPart,
  verdictPart,
} from '../../report/page-parts.js';
import type { Grade } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { Commission } from '../commission/commission.js';
import type { FitOutput } from '../commission/fit-output.js';
import type { Ahead } from '../handover/ahead.js';
import { ridgeTexts } from '../shape/ridges.js';
import { fitHangsOn } from '../unseen/hangs-on.js';
import { fitPlot, heldOutPlot, hiddenPlot } from './plot.js';

const NEXT: Readonly<Record<Grade, string>> = {
  good: 'Nothing speaks against it. Test the predictions on your own data by twinloop backtest; keep the result for calibrate and workers by twinloop fit --state.',
  care: 'Read the reasons above first. Each names what to look at: the sensor, the export, the definition or the model. A parameter that was not learnt needs a record in which it shows, or a narrower prior.',
  unusable:
    'Do not act on these figures. Mend what is named above, in the export or the definition, and run it again.',
};

/**
 * A fit as one page that needs nothing else: verdict, what to do next, recording, parameters and virtual
 * sensors with their bands and where these come from, what the record tells apart and what not, the free
 * run with its residuals and rows held out, a forecast, searches.
 *
 * @param account of the recording, if there is one
 * @param ahead where something may pass a limit
 */
export async function fitReport(
  twin: Twin,
  result: Commission,
  account?: RecordingAccount,
  ahead?: Ahead,
): Promise<string> {
  const { output } = result;
  const svg = await fitPlot(twin, result);
  const hidden = await hiddenPlot(twin, result);
  const held = await heldOutPlot(twin, result);
  return htmlPage(`${output.twin}: fit`, [
    `<h1>${escapeHtml(output.twin)}: fit</h1>`,
    ...verdictPart(output.verdict, NEXT),
    ...recordingPart(output.summary.recording, account),
    ...estimateParts(twin.definition, output, 'At the end of the record'),
    ...(hidden === undefined
      ? []
      : [
          htmlFigure(
            hidden,
            'Virtual sensors along the fitted free run, with 95 % bands and limits.',
          ),
        ]),
    ...sourcesPart(output.bands?.sources),
    ...tellingPart(twin, result),
    ...alarmsPart(output.summary.alarms),
    '<h2>Free run</h2>',
    freeRunTable(output),
    ...(svg === undefined
      ? []
      : [htmlFigure(svg, 'The free run beside the data with 95 % bands, and what is left.')]),
    ...(held === undefined
      ? []
      : [
          htmlFigure(
            held,
            'The same along the rows that were held out of the fit: nothing of them was known to it.',
          ),
        ]),
    ...(await forecastPart(twin, ahead)),
    '<h2>Searches</h2>',
    startsTable(output),
    ...output.notes.map((n) => `<p>${escapeHtml(n)}</p>`),
  ]);
}

const valuesText = (values: Readonly<Record<string, number>>) =>
  Object.entries(values)
    .map(([name, v]) => `${name} ${v.toPrecision(3)}`)
    .join(', ');

function freeRunTable(output: FitOutput): string {
  const rows = Object.entries(output.freeRun.channels).map(([name, { rmse }]) => {
    const held = output.heldOut?.channels[name];
    const r = output.residuals.channels[name];
    return [
      name,
      digits(rmse),
      held === undefined ? 'none' : digits(held.rmse),
      held === undefined ? '' : digits(held.std),
      held === undefined ? '' : `${Math.round(100 * held.coverage95)} %`,
      r === undefined ? '' : digits(r.white),
      r === undefined ? '' : `${digits(r.ou.std)}, ${secondsText(r.ou.timeConstantS)}`,
      r === undefined ? '' : digits(r.nEff),
    ];
  });
  const held = output.heldOut;
  return htmlTable(
    held === undefined
      ? 'The model alone, driven by the inputs, from the start that was fitted; no rows were held out'
      : `The model alone, driven by the inputs, from the start that was fitted; the last ${held.samples} samples were held out of the fit that is tested on them`,
    [
      ...['channel', 'rms error', 'held out', 'a constant there', 'in its 95 % band'],
      ...['white noise', 'disturbance, time constant', 'independent samples'],
    ],
    rows,
  );
}

function startsTable(output: FitOutput): string {
  return htmlTable(
    'Where each search began and ended',
    ['from', 'to', 'nats above the best', 'model runs', 'converged'],
    output.starts.map((s) => [
      valuesText(s.from),
      s.to === undefined ? (s.error ?? '') : valuesText(s.to),
      s.nats === undefined ? '' : s.nats.toFixed(2),
      String(s.passes),
      s.converged ? 'yes' : 'no',
    ]),
  );
}

/** What the record tells of each parameter, what it rests on, and what is known together only. */
function tellingPart(twin: Twin, { fit, output }: Commission): string[] {
  if (fit === undefined) return [];
  const n = fit.coordinates.length;
  const hangsOn = fitHangsOn(twin, fit);
  const rows = fit.coordinates.flatMap((c, j) => {
    if (c.kind !== 'parameter') return [];
    const left = Math.sqrt(fit.covariance.covariance[j * n + j]!) * c.doubt;
    const together = output.ridges.filter((r) => c.name in r.direction);
    const others = new Set(
      together.flatMap((r) => Object.keys(r.direction)).filter((name) => name !== c.name),
    );
    return [
      [
        c.name,
        `${(100 * left).toPrecision(2)} %`,
        [...others].join(', ') || 'none',
        (hangsOn[c.name] ?? []).join(', ') || 'none',
      ],
    ];
  });
  const modes = fit.secondModes.map(valuesText);
  return [
    '<h2>What the record can tell</h2>',
    // The bands of what is not to be used are the priors'.
    ...(output.verdict.grade === 'unusable'
      ? []
      : [
          htmlTable(
            'How wide each band is, where 100 % is that of the prior',
            [
              'parameter',
              'width of the band',
              'known only together with',
              'would be moved by an offset of',
            ],
            rows,
          ),
        ]),
    ...(output.ridges.length + modes.length === 0
      ? []
      : [
          `<ul>${[
            ...ridgeTexts(output.ridges).map(
              (text) => `${text[0]!.toUpperCase()}${text.slice(1)}.`,
            ),
            ...modes.map((m) => `As good a fit: ${m}.`),
          ]
            .map((text) => `<li>${escapeHtml(text)}</li>`)
            .join('')}</ul>`,
        ]),
  ];
}

async function forecastPart(twin: Twin, ahead: Ahead | undefined): Promise<string[]> {
  if (ahead === undefined) return [];
  if ('unknown' in ahead) {
    return ['<h2>Forecast</h2>', `<p>There is none: ${escapeHtml(ahead.unknown)}</p>`];
  }
  const assumed =
    twin.definition.simulation.mode === 'steady-state'
      ? `The machine rests at its last inputs: ${valuesText(ahead.inputs)}.`
      : 'Parameters only: the virtual sensors of a moving machine follow inputs that are to come.';
  const limits = Object.entries({ ...ahead.parameters, ...ahead.virtualSensors }).flatMap(
    ([name, { passedLimit, timeToLimitS, timeToLimitIntervalsS }]): string[][] => {
      if (passedLimit === undefined) return [];
      const [from, to] = timeToLimitIntervalsS?.['80'] ?? [null, null];
      return [
        [
          name,
          `${(100 * passedLimit.at(-1)!).toFixed(1)} %`,
          whenText(timeToLimitS?.p50),
          [...new Set([whenText(from), whenText(to)])].join(' to '),
        ],
      ];
    },
  );
  return [
    '<h2>Forecast</h2>',
    `<p>As far ahead as the record goes back. ${escapeHtml(assumed)} Other spans and inputs: twinloop forecast.</p>`,
    ...(limits.length === 0
      ? []
      : [
          htmlTable(
            `Limits within ${durationText(ahead.aheadS.at(-1)!)}`,
            ['quantity', 'probability of passing it', 'when, median', '80 % interval'],
            limits,
          ),
        ]),
    htmlFigure(
      await forecastPlot(twin, ahead),
      'What is to come, with 50, 80 and 95 % intervals, and how likely a limit is passed by then.',
    ),
  ];
}

const whenText = (s: number | null | undefined) =>
  s === null || s === undefined ? 'later' : s === 0 ? 'now' : durationText(s);
