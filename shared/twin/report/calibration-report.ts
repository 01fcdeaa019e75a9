import { type Panel, renderPanelChart } from '../../plot/index.js';
import type { RecordingAccount } from '../../recordings/index.js';
import { identifiabilityLines } from '../identifiability/text.js';
import type { Sample, Twin } from '../types.js';
import { boundLines } from './bound-text.js';
import type { DrawnSteps } from './drawn-steps.js';
import { eventRows, gapLines } from './event-text.js';
import { escapeHtml, htmlFigure, htmlPage, htmlTable } from './html.js';
import {
  alarmsPart,
  estimateParts,
  recordingPart,
  sourcesPart,
  verdictPart,
} from './page-parts.js';
import type { CalibrationOutput } from './results.js';
import { resultsPlot } from './results-plot.js';
import { timeUnitOf } from './time-axis.js';
import type { Grade } from './verdict.js';
import { horizonLine, wearHorizonsOf } from './wear-horizon.js';

/** Panels of measured variables that are drawn at most. */
const MOST_PANELS = 8;

const NEXT: Readonly<Record<Grade, string>> = {
  good: 'Nothing speaks against it. Test the predictions on your own data by twinloop backtest; look ahead by twinloop forecast.',
  care: 'Read the reasons above first. Each names what to look at: the sensor, the export, the definition or the model.',
  unusable:
    'Do not act on these figures. Mend what is named above, in the export or the definition, and run it again.',
};

/** Measured values beside what the twin says, with its band. */
async function fitFigure(
  twin: Twin,
  { steps: used, note }: DrawnSteps,
  samples: readonly Sample[],
): Promise<string> {
  const rowOf = new Map(samples.map((s) => [s.timeS, s]));
  const spanS = used.at(-1)!.timeS - used[0]!.timeS;
  const [unitS, unit] = timeUnitOf(spanS);
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
    title: `Measured, and what the twin says, with 95 % bands${note}`,
    xLabel: unit,
    panels,
    panelHeight: 160,
  });
  return htmlFigure(svg, 'Measured values beside what the twin says after each of them.');
}

/**
 * A calibration as one page that needs nothing else: verdict, recording, estimates with bands, fit,
 * innovations, what the sensors can tell, what was assumed, what to do next.
 *
 * @param startS when the run began, seconds
 * @param account of the recording; none where streams were read
 */
export async function calibrationReport(
  twin: Twin,
  output: CalibrationOutput,
  drawn: DrawnSteps,
  startS: number,
  samples: readonly Sample[],
  account: RecordingAccount | undefined,
): Promise<string> {
  const { summary } = output;
  const { definition } = twin;
  const { verdict, recording } = summary;
  const horizons = wearHorizonsOf(definition);
  const figure =
    summary.assimilated < 2
      ? ''
      : htmlFigure(
          await resultsPlot(twin, drawn),
          'Parameters and virtual sensors over time with 95 % bands, and the innovations: NIS per channel is near 1 where the bands are right.',
        );
  return htmlPage(`${output.twin}: calibration`, [
    `<h1>${escapeHtml(output.twin)}: calibration</h1>`,
    ...verdictPart(verdict, NEXT),
    ...recordingPart(recording, account),
    ...estimateParts(definition, summary, 'Where the run ended'),
    ...boundLines(definition, summary.parameters).map((line) => `<p>${escapeHtml(line)}</p>`),
    ...sourcesPart(summary.bands?.sources),
    ...alarmsPart(summary.alarms),
    ...(summary.events.length === 0
      ? []
      : [
          '<h2>Events</h2>',
          htmlTable(
            'When something happened that the model lacks, after the first sample; parameters were kept meanwhile',
            ['since', 'until', 'found after'],
            eventRows(summary.events, startS),
          ),
        ]),
    ...gapLines(summary.gaps, startS, 'filter').map((text) => `<p>${escapeHtml(text.trim())}.</p>`),
    ...(summary.assimilated < 2
      ? []
      : ['<h2>Fit and innovations</h2>', await fitFigure(twin, drawn, samples), figure]),
    ...(summary.identifiability === undefined
      ? []
      : [
          '<h2>What one sample can tell</h2>',
          `<pre>${escapeHtml(identifiabilityLines(summary.identifiability).join('\n'))}</pre>`,
        ]),
    '<h2>What was assumed</h2>',
    `<p>${escapeHtml(horizonLine(horizons))}${Object.keys(horizons).length > 0 ? ' A shorter one (wearHorizonS) follows faster and widens forecasts, a longer one narrows them.' : ''} Samples are ${definition.simulation.mode === 'steady-state' ? 'states of rest' : definition.simulation.mode === 'transient' ? 'moments of a moving machine' : 'states of rest or of motion, as the data show'}.</p>`,
  ]);
}
