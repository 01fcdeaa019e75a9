import { identifiabilityLines } from '../shared/twin/identifiability/text.js';
import { boundLines } from '../shared/twin/report/bound-text.js';
import { eventLines, gapLines } from '../shared/twin/report/event-text.js';
import { gradeMark } from '../shared/twin/report/quantities.js';
import { isOfRecording } from '../shared/twin/report/recording-findings.js';
import type { CalibrationOutput } from '../shared/twin/report/results.js';
import { judgedNis } from '../shared/twin/report/run-alarms.js';
import type { StepTrace } from '../shared/twin/report/step-trace.js';
import { verdictLines } from '../shared/twin/report/verdict.js';
import { horizonLine, wearHorizonsOf } from '../shared/twin/report/wear-horizon.js';
import type { Twin } from '../shared/twin/types.js';

/** What `calibrate` prints of a run: estimates, what speaks against them, what the sensors can tell. */
export function summaryLines(
  { definition }: Twin,
  { twin, summary }: CalibrationOutput,
  traces: readonly StepTrace[],
): string[] {
  const estimates = [summary.parameters, summary.virtualSensors].flatMap((group) =>
    Object.entries(group).map(
      ([name, e]) =>
        `  ${name.padEnd(28)} ${e.mean.toPrecision(5).padStart(12)}   95 %: ${e.lower95.toPrecision(5)} to ${e.upper95.toPrecision(5)}${gradeMark(summary.quantities[name])}`,
    ),
  );
  const identifiability =
    summary.identifiability === undefined
      ? []
      : [
          'What one sample can tell, where the run ended:',
          ...identifiabilityLines(summary.identifiability).map((line) => `  ${line}`),
        ];
  const used = traces.filter((s) => s.skipped === undefined);
  const { expected, channels, nis } = judgedNis(used);
  const judged =
    channels === 0 || expected.length === used.length
      ? ''
      : ` (${nis.toFixed(2)} without changes, events and what came before the first fit)`;
  return [
    `${twin}: ${summary.assimilated} samples assimilated, ${summary.skipped} skipped, mean NIS per channel ${summary.meanNisPerChannel?.toFixed(2) ?? 'none'}${judged}, ${summary.wallS.toFixed(1)} s`,
    ...estimates,
    ...boundLines(definition, summary.parameters).map((line) => `  ${line}`),
    `  ${horizonLine(wearHorizonsOf(definition))}`,
    ...eventLines(summary.events, traces[0]?.timeS ?? 0),
    ...gapLines(summary.gaps, traces[0]?.timeS ?? 0, 'filter'),
    // Channels that the recording has frozen or copied are named with the verdict.
    ...summary.alarms
      .filter((alarm) => !isOfRecording(alarm, summary.recording))
      .map((alarm) => `  ! ${alarm.code}: ${alarm.message}`),
    ...identifiability,
    ...verdictLines(summary.verdict),
  ];
}
