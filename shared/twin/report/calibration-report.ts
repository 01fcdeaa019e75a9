import { type Panel, renderPanelChart } from '../../plot/index.js';
import { durationText, type RecordingAccount } from '../../recordings/index.js';
import { identifiabilityLines } from '../identifiability/text.js';
import type { Estimate, Sample, StepResult, Twin } from '../types.js';
import { ALARM_MEANINGS } from './alarms.js';
import { sourcesFigure } from './band-sources.js';
import { eventRows } from './event-text.js';
import { escapeHtml, htmlFigure, htmlPage, htmlTable } from './html.js';
import { recordingPart, verdictPart } from './page-parts.js';
import { gradeText } from './quantities.js';
import type { CalibrationOutput } from './results.js';
import { resultsPlot } from './results-plot.js';
import type { Grade, Verdict } from './verdict.js';

const HOUR_S = 3600;
const DAY_S = 86_400;
/** Panels of measured variables that are drawn at most. */
const MOST_PANELS = 8;

const digits = (value: number) =>
  Number.isFinite(value) ? String(Number(value.toPrecision(5))) : 'none';

const NEXT: Readonly<Record<Grade, string>> = {
  good: 'Nothing speaks against it. Test the predictions on your own data by twinloop backtest; look ahead by twinloop forecast.',
  care: 'Read the reasons above first. Each names what to look at: the sensor, the export, the definition or the model.',
  unusable:
    'Do not act on these figures. Mend what is named above, in the export or the definition, and run it again.',
};

/** Measured values beside what the twin says, with its band. */
async function fitFigure(
  twin: Twin,
  steps: readonly StepResult[],
  samples: readonly Sample[],
): Promise<string> {
  const used = steps.filter((s) => s.skipped === undefined);
  if (used.length < 2) return '';
  const rowOf = new Map(samples.map((s) => [s.timeS, s]));
  const spanS = used.at(-1)!.timeS - used[0]!.timeS;
  const [unitS, unit] =
    spanS > 2 * DAY_S ? [DAY_S, 'days'] : spanS > 2 * HOUR_S ? [HOUR_S, 'hours'] : [1, 'seconds'];
  const x = used.map((s) => (s.timeS - used[0]!.timeS) / unitS);
  const panels = twin.definition.measured
    .slice(0, MOST_PANELS)
    .map(({ variable, unit: of }, i): Panel => {
      const estimates = used.map((s) => s.measured[variable]);
      return {
        yLabel: of === '' ? variable : `${variable} (${of})`,
        series: [
          {
            name: 'measured',
            x,
            y: used.map((s) => rowOf.get(s.timeS)?.measured[i] ?? Number.NaN),
            points: true,
          },
          {
            name: 'twin',
            x,
            y: estimates.map((e) => e?.mean ?? Number.NaN),
            lower: estimates.map((e) => e?.lower95 ?? Number.NaN),
            upper: estimates.map((e) => e?.upper95 ?? Number.NaN),
          },
        ],
      };
    });
  const svg = await renderPanelChart({
    title: 'Measured, and what the twin says, with 95 % bands',
    xLabel: unit,
    panels,
    panelHeight: 160,
  });
  return htmlFigure(svg, 'Measured values beside what the twin says after each of them.');
}

function estimateRows(
  estimates: Readonly<Record<string, Estimate>>,
  items: readonly { variable: string; unit: string; prior?: { mean: number; std: number } }[],
  quantities: Readonly<Record<string, Verdict>>,
): string[][] {
  return Object.entries(estimates).map(([name, e]) => {
    const item = items.find((i) => i.variable === name);
    const prior = item?.prior;
    return [
      name,
      digits(e.mean),
      `${digits(e.lower95)} to ${digits(e.upper95)}`,
      item?.unit ?? '',
      ...(prior === undefined ? [] : [`${digits(prior.mean)} ± ${digits(prior.std)}`]),
      gradeText(quantities[name]),
    ];
  });
}

/**
 * A calibration as one page that needs nothing else: verdict, recording, estimates with bands, fit,
 * innovations, what the sensors can tell, what was assumed, what to do next.
 *
 * @param account of the recording; none where streams were read
 */
export async function calibrationReport(
  twin: Twin,
  output: CalibrationOutput,
  samples: readonly Sample[],
  account: RecordingAccount | undefined,
): Promise<string> {
  const { summary, steps } = output;
  const { definition } = twin;
  const { verdict, recording } = summary;
  const used = steps.filter((s) => s.skipped === undefined).length;
  const horizonS = definition.estimator.wearHorizonS;
  const figure =
    used < 2
      ? ''
      : htmlFigure(
          await resultsPlot(twin, output),
          'Parameters and virtual sensors over time with 95 % bands, and the innovations: NIS per channel is near 1 where the bands are right.',
        );
  return htmlPage(`${output.twin}: calibration`, [
    `<h1>${escapeHtml(output.twin)}: calibration</h1>`,
    ...verdictPart(verdict, NEXT),
    ...recordingPart(recording, account),
    '<h2>Parameters</h2>',
    htmlTable(
      'Where the run ended, beside what was assumed before it',
      ['parameter', 'value', '95 % band', 'unit', 'prior', 'verdict'],
      estimateRows(summary.parameters, definition.parameters, summary.quantities),
    ),
    ...(Object.keys(summary.virtualSensors).length === 0
      ? []
      : [
          '<h2>Virtual sensors</h2>',
          htmlTable(
            'Where the run ended',
            ['virtual sensor', 'value', '95 % band', 'unit', 'verdict'],
            estimateRows(summary.virtualSensors, definition.virtualSensors, summary.quantities),
          ),
        ]),
    ...(summary.bands === undefined
      ? []
      : [
          '<h2>Where the bands come from</h2>',
          htmlFigure(
            sourcesFigure(summary.bands.sources),
            'Share of each source in the variance of a band where the run ended.',
          ),
        ]),
    ...(summary.alarms.length === 0
      ? []
      : [
          '<h2>Alarms</h2>',
          htmlTable(
            'What a person should know',
            ['alarm', 'about', 'what was found'],
            summary.alarms.map((a) => [ALARM_MEANINGS[a.code].title, a.subject, a.message]),
          ),
        ]),
    ...(summary.events.length === 0
      ? []
      : [
          '<h2>Events</h2>',
          htmlTable(
            'When something happened that the model lacks, after the first sample; parameters were kept meanwhile',
            ['since', 'until', 'found after'],
            eventRows(summary.events, steps[0]?.timeS ?? 0),
          ),
        ]),
    ...(used < 2
      ? []
      : ['<h2>Fit and innovations</h2>', await fitFigure(twin, steps, samples), figure]),
    ...(summary.identifiability === undefined
      ? []
      : [
          '<h2>What one sample can tell</h2>',
          `<pre>${escapeHtml(identifiabilityLines(summary.identifiability).join('\n'))}</pre>`,
        ]),
    '<h2>What was assumed</h2>',
    `<p>A parameter may wear through its whole range in ${escapeHtml(durationText(horizonS))} (wearHorizonS); a shorter time follows faster and widens forecasts, a longer one narrows them. Samples are ${definition.simulation.mode === 'steady-state' ? 'states of rest' : definition.simulation.mode === 'transient' ? 'moments of a moving machine' : 'states of rest or of motion, as the data show'}.</p>`,
  ]);
}
