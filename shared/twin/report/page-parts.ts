import { durationText } from '../../core/index.js';
import { accountLines, type RecordingAccount } from '../../recordings/index.js';
import type { Alarm, Estimate, Twin } from '../types.js';
import { ALARM_MEANINGS } from './alarms.js';
import { type BandSources, sourcesFigure } from './band-sources.js';
import { digits } from './digits.js';
import { escapeHtml, htmlFigure, htmlTable } from './html.js';
import { gradeText } from './quantities.js';
import { countsText } from './recording-findings.js';
import type { RecordingSummary } from './recording-summary.js';
import { type Grade, type Verdict, verdictLines } from './verdict.js';

/** The verdict as the head of a page, and what to do next. @param next by grade */
export function verdictPart(verdict: Verdict, next: Readonly<Record<Grade, string>>): string[] {
  const [head = '', ...reasons] = verdictLines(verdict);
  const list = reasons.map((r) => `<li>${escapeHtml(r.replace(/^ *- /, ''))}</li>`).join('');
  return [
    `<div class="verdict ${verdict.grade}"><p><strong>${escapeHtml(head)}</strong></p>${list === '' ? '' : `<ul>${list}</ul>`}</div>`,
    `<h2>What to do next</h2><p>${escapeHtml(next[verdict.grade])}</p>`,
  ];
}

/** What was read, and what became of its rows. @param account none where streams were read */
export function recordingPart(
  recording: RecordingSummary,
  account: RecordingAccount | undefined,
): string[] {
  return [
    '<h2>Recording</h2>',
    htmlTable(
      'What became of each row',
      ['', ''],
      [
        ['rows', String(recording.rows)],
        ['used', String(recording.used)],
        ['left out', countsText(recording.skipped) || 'none'],
        ['span', durationText(recording.spanS)],
        ['period', recording.periodS === null ? 'none' : durationText(recording.periodS)],
        ['never moves', recording.deadChannels.join(', ') || 'none'],
      ],
    ).replace('<thead><tr><th scope="col"></th><th scope="col"></th></tr></thead>', ''),
    ...(account === undefined
      ? []
      : [`<pre>${escapeHtml(accountLines(account).join('\n'))}</pre>`]),
  ];
}

/** What somebody stated, without zeros that nobody wrote. */
const asStated = (value: number) => String(Number(value.toPrecision(4)));

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
      ...(prior === undefined ? [] : [`${asStated(prior.mean)} ± ${asStated(prior.std)}`]),
      gradeText(quantities[name]),
    ];
  });
}

/** Tables of parameters and virtual sensors with bands and verdicts. @param when they hold, as a caption */
export function estimateParts(
  { parameters, virtualSensors }: Twin['definition'],
  found: {
    parameters: Readonly<Record<string, Estimate>>;
    virtualSensors: Readonly<Record<string, Estimate>>;
    quantities: Readonly<Record<string, Verdict>>;
  },
  when: string,
): string[] {
  return [
    '<h2>Parameters</h2>',
    htmlTable(
      `${when}, beside what was assumed before (mean ± standard deviation)`,
      ['parameter', 'value', '95 % band', 'unit', 'prior', 'verdict'],
      estimateRows(found.parameters, parameters, found.quantities),
    ),
    ...(Object.keys(found.virtualSensors).length === 0
      ? []
      : [
          '<h2>Virtual sensors</h2>',
          htmlTable(
            when,
            ['virtual sensor', 'value', '95 % band', 'unit', 'verdict'],
            estimateRows(found.virtualSensors, virtualSensors, found.quantities),
          ),
        ]),
  ];
}

/** Where bands come from, as stacked bars. */
export const sourcesPart = (
  sources: Readonly<Record<string, BandSources>> | undefined,
): string[] =>
  sources === undefined || Object.keys(sources).length === 0
    ? []
    : [
        '<h2>Where the bands come from</h2>',
        htmlFigure(sourcesFigure(sources), 'Share of each source in the variance of a band.'),
      ];

/** What a person should know. */
export const alarmsPart = (alarms: readonly Alarm[]): string[] =>
  alarms.length === 0
    ? []
    : [
        '<h2>Alarms</h2>',
        htmlTable(
          'What a person should know',
          ['alarm', 'about', 'what was found'],
          alarms.map((a) => [ALARM_MEANINGS[a.code].title, a.subject, a.message]),
        ),
      ];
