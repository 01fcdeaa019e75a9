import type { Alarm, Twin } from '../types.js';
import { ALARM_MEANINGS } from './alarms.js';
import { isOfFit } from './fit-alarms.js';
import { isOfRecording, recordingFindings } from './recording-findings.js';
import type { CalibrationOutput } from './results.js';
import type { Finding } from './verdict.js';

/** Alarms that speak against a result; limits and what is good to know do not. */
export function alarmFindings(alarms: readonly Alarm[]): Finding[] {
  return alarms
    .filter(({ code }) => ALARM_MEANINGS[code].level === 'warning' || isOfFit(code))
    .map(({ code, subject, message }) => ({
      grade: code === 'fit-unusable' ? 'unusable' : 'care',
      reason: message.replace(/\.$/, ''),
      about: [subject],
    }));
}

/** Everything that speaks against a calibration: its recording, its fit, its alarms. */
export function calibrationFindings(
  twin: Twin,
  output: Pick<CalibrationOutput, 'summary'>,
): Finding[] {
  const { recording, alarms } = output.summary;
  const measured = twin.definition.measured.map((m) => m.variable);
  // A channel is named once.
  const others = alarms.filter((alarm) => !isOfRecording(alarm, recording));
  return [...recordingFindings(recording, measured), ...alarmFindings(others)];
}
