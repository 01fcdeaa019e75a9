import { type Panel, renderPanelChart } from '../../plot/index.js';
import type { RecordingAccount } from '../../recordings/index.js';
import { escapeHtml, htmlFigure, htmlPage, htmlTable } from '../report/html.js';
import { recordingPart, verdictPart } from '../report/page-parts.js';
import { gradeMark, gradeText } from '../report/quantities.js';
import { type Grade, verdictLines } from '../report/verdict.js';
import type { Estimate, Twin } from '../types.js';
import type { Commission } from './commission.js';
import { predictionStd } from './estimates.js';
import type { FitOutput } from './types.js';

const Z95 = 1.959963984540054;
const HOUR_S = 3600;
const DAY_S = 86_400;

const digits = (value: number) => (Number.isFinite(value) ? value.toPrecision(4) : String(value));

/** A fit as lines for a terminal. */
export function fitLines(output: FitOutput): string[] {
  const { summary } = output;
  const failed = output.starts.filter((s) => s.error !== undefined).length;
  const lines = [
    `${output.twin}: ${summary.used} of ${summary.samples} samples, ${output.starts.length} starts${failed > 0 ? `, of which ${failed} failed` : ''}, ${summary.modelRuns} model runs, ${summary.wallS.toFixed(1)} s`,
  ];
  const estimate = ([name, e]: [string, Estimate]) =>
    `  ${name.padEnd(28)} ${digits(e.mean).padStart(12)}   95 %: ${digits(e.lower95)} to ${digits(e.upper95)}${gradeMark(output.quantities[name])}`;
  lines.push(...Object.entries(output.parameters).map(estimate));
  if (Object.keys(output.startStates).length > 0) {
    lines.push('States at the start:', ...Object.entries(output.startStates).map(estimate));
  }
  const disturbances = Object.entries(output.disturbances);
  if (disturbances.length > 0) {
    const atEnd = disturbances.map(([name, d]) => estimate([name, d.atEnd]));
    lines.push('Disturbances at the end:', ...atEnd);
  }
  for (const [name, r] of Object.entries(output.residuals.channels)) {
    lines.push(
      `Residuals of ${name}: white ${digits(r.white)}, disturbance ${digits(r.ou.std)} with a time constant of ${digits(r.ou.timeConstantS)} s: ${r.samples} samples worth ${digits(r.nEff)} independent ones`,
    );
  }
  for (const [name, { rmse }] of Object.entries(output.freeRun.channels)) {
    const held = output.heldOut?.channels[name];
    const tested =
      held === undefined
        ? ''
        : `; on ${output.heldOut!.samples} held out ${digits(held.rmse)}, ${Math.round(100 * held.coverage95)} % of them in the 95 % band (a constant would miss by ${digits(held.std)})`;
    lines.push(`Free run of ${name}: misses by ${digits(rmse)} rms${tested}`);
  }
  for (const rail of output.rails) {
    lines.push(
      `${rail.samples} samples of ${rail.variable} at its ${rail.side} end ${rail.value} count as missing`,
    );
  }
  for (const { subject, code, message } of output.summary.alarms) {
    if (code === 'disturbance') lines.push(`${subject}: ${message}`);
  }
  for (const note of output.notes) lines.push(note);
  return [...lines, ...verdictLines(output.verdict)];
}

/**
 * The free run beside the data, with its 95 % band, the rows held out marked.
 *
 * @returns an SVG document; `undefined` where nothing was fitted
 */
export async function fitPlot(twin: Twin, result: Commission): Promise<string | undefined> {
  const { fit, test } = result;
  if (fit === undefined) return undefined;
  const { record } = fit;
  const spanS = record.timesS.at(-1)! - record.timesS[0]!;
  const [unitS, unit] =
    spanS > 2 * DAY_S ? [DAY_S, 'days'] : spanS > 2 * HOUR_S ? [HOUR_S, 'hours'] : [1, 'seconds'];
  const x = record.timesS.map((t) => (t - record.timesS[0]!) / unitS);
  const std = test?.std ?? predictionStd(fit, fit.columns, record.channels);
  const prediction = test?.prediction ?? fit.prediction;
  const panels = twin.definition.measured.flatMap((channel, c): Panel[] => {
    const of = (values: Float64Array, rows: (row: number) => boolean) =>
      Float64Array.from(x, (_, row) => (rows(row) ? values[row * record.channels + c]! : NaN));
    const data = of(record.data, () => true);
    if (data.every(Number.isNaN)) return [];
    const split = test?.fromSample ?? record.timesS.length;
    const run = of(prediction, () => true);
    const half = of(std, () => true).map((s) => Z95 * s);
    const band = (rows: (row: number) => boolean) => ({
      x,
      y: run.map((v, row) => (rows(row) ? v : NaN)),
      lower: run.map((v, row) => (rows(row) ? v - half[row]! : NaN)),
      upper: run.map((v, row) => (rows(row) ? v + half[row]! : NaN)),
    });
    const unitText = channel.unit === '' ? '' : ` (${channel.unit})`;
    return [
      {
        yLabel: `${channel.variable}${unitText}`,
        series: [
          { name: 'data', x, y: data, points: true },
          { name: 'free run, fitted rows', ...band((row) => row < split) },
          ...(split < record.timesS.length
            ? [{ name: 'free run, rows held out', ...band((row) => row >= split) }]
            : []),
        ],
      },
      {
        yLabel: 'data − free run',
        series: [{ name: 'residual', x, y: data.map((v, row) => v - run[row]!), points: true }],
        limits: [{ value: 0, label: '0' }],
      },
    ];
  });
  for (const [name, { on, course }] of Object.entries(result.output.disturbances)) {
    const of = [...twin.definition.inputs, ...twin.definition.parameters].find(
      (v) => v.variable === on,
    );
    const column = (value: (at: (typeof course)[number]) => number) =>
      Float64Array.from(course, value);
    panels.push({
      yLabel: `${name}${of?.unit ? ` (${of.unit})` : ''}`,
      series: [
        {
          name: 'unknown, 95 % band',
          x: column((at) => (at.timeS - record.timesS[0]!) / unitS),
          y: column((at) => at.mean),
          lower: column((at) => at.lower95),
          upper: column((at) => at.upper95),
        },
      ],
      limits: [{ value: 0, label: '0' }],
    });
  }
  return renderPanelChart({
    title: `${twin.definition.name}: free run beside the data, 95 % bands`,
    xLabel: unit,
    panels,
    panelHeight: 220,
  });
}

const NEXT: Readonly<Record<Grade, string>> = {
  good: 'Nothing speaks against it. Test the predictions on your own data by twinloop backtest; keep the result for calibrate and workers by twinloop fit --state.',
  care: 'Read the reasons above first. Each names what to look at: the sensor, the export, the definition or the model. A parameter that was not learnt needs a record in which it shows, or a narrower prior.',
  unusable:
    'Do not act on these figures. Mend what is named above, in the export or the definition, and run it again.',
};

/**
 * A fit as one page that needs nothing else: verdict, what to do next, recording, parameters, the free
 * run with its bands and residuals, rows held out, searches.
 *
 * @param account of the recording, if there is one
 */
export async function fitReport(
  twin: Twin,
  result: Commission,
  account?: RecordingAccount,
): Promise<string> {
  const { output } = result;
  const svg = await fitPlot(twin, result);
  const units = new Map(twin.definition.parameters.map((p) => [p.variable, p]));
  const parameters = Object.entries(output.parameters).map(([name, e]) => {
    const p = units.get(name);
    return [
      name,
      digits(e.mean),
      `${digits(e.lower95)} to ${digits(e.upper95)}`,
      p?.unit ?? '',
      p === undefined ? '' : `${digits(p.prior.mean)} ± ${digits(p.prior.std)}`,
      gradeText(output.quantities[name]),
    ];
  });
  const channels = Object.entries(output.freeRun.channels).map(([name, { rmse }]) => {
    const held = output.heldOut?.channels[name];
    const r = output.residuals.channels[name];
    return [
      name,
      digits(rmse),
      held === undefined ? 'none' : digits(held.rmse),
      held === undefined ? '' : `${Math.round(100 * held.coverage95)} %`,
      r === undefined ? '' : digits(r.white),
      r === undefined ? '' : `${digits(r.ou.std)}, ${digits(r.ou.timeConstantS)} s`,
      r === undefined ? '' : digits(r.nEff),
    ];
  });
  const starts = output.starts.map((s) => [
    Object.entries(s.from)
      .map(([n, v]) => `${n} ${v.toPrecision(3)}`)
      .join(', '),
    s.to === undefined
      ? (s.error ?? '')
      : Object.entries(s.to)
          .map(([n, v]) => `${n} ${v.toPrecision(3)}`)
          .join(', '),
    s.nats === undefined ? '' : s.nats.toFixed(2),
    String(s.passes),
    s.converged ? 'yes' : 'no',
  ]);
  return htmlPage(`${output.twin}: fit`, [
    `<h1>${escapeHtml(output.twin)}: fit</h1>`,
    ...verdictPart(output.verdict, NEXT),
    ...recordingPart(output.summary.recording, account),
    '<h2>Parameters</h2>',
    htmlTable(
      'What the record says, beside what was assumed before it',
      ['parameter', 'value', '95 % band', 'unit', 'prior', 'verdict'],
      parameters,
    ),
    '<h2>Free run</h2>',
    htmlTable(
      'The model alone, driven by the inputs; the last rows were held out of the fit',
      [
        ...['channel', 'rms error', 'held out', 'in its 95 % band', 'white'],
        ...['disturbance', 'independent samples'],
      ],
      channels,
    ),
    ...(svg === undefined
      ? []
      : [htmlFigure(svg, 'The free run beside the data with 95 % bands, and what is left.')]),
    '<h2>Searches</h2>',
    htmlTable(
      'Where each search began and ended',
      ['from', 'to', 'nats above the best', 'model runs', 'converged'],
      starts,
    ),
    ...output.notes.map((n) => `<p>${escapeHtml(n)}</p>`),
  ]);
}
