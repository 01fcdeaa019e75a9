import { accountLines, durationText, type RecordingAccount } from '../../recordings/index.js';
import { escapeHtml, htmlTable } from './html.js';
import {
  countsText,
  type Grade,
  type RecordingSummary,
  type Verdict,
  verdictLines,
} from './verdict.js';

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
