import type { TqvValue } from '../../shared/core/index.js';
// Not by the twin's door: behind it are engine and importer, 30 MB that a page which only shows never needs.
import { ALARM_MEANINGS, type AlarmMeaning } from '../../shared/twin/report/alarms.js';
import type { Alarm } from './browser/protocol.js';

const meanings: Readonly<Record<string, AlarmMeaning>> = ALARM_MEANINGS;

function toAlarm(entry: unknown): Alarm[] {
  if (typeof entry === 'string') {
    return [{ level: 'warning', code: 'alarm', subject: '', message: entry }];
  }
  if (typeof entry !== 'object' || entry === null) return [];
  const { code, subject, message } = entry as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return [
    {
      code: text(code),
      subject: text(subject),
      message: text(message),
      ...(meanings[text(code)] ?? { level: 'note' }),
    },
  ];
}

/**
 * The alarms that the last calibration wrote: a JSON array of `{ code, subject, message }`. A text
 * that is none is shown as it is.
 */
export function parseAlarms(value: TqvValue | undefined): Alarm[] {
  if (typeof value !== 'string' || value.trim() === '') return [];
  try {
    const parsed: unknown = JSON.parse(value);
    return (Array.isArray(parsed) ? parsed : [parsed]).flatMap(toAlarm);
  } catch {
    return toAlarm(value);
  }
}
