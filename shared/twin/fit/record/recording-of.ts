import { channelFaults } from '../../readings/channel-faults.js';
import { paceOf, type RecordingSummary } from '../../report/recording-summary.js';
import type { Sample, Twin } from '../../types.js';
import { type FitRecord, heardRows } from './record.js';

/** What a record was read from and what a fit leaves out of it; by itself where no reader has told. */
export function recordingOf(
  twin: Twin,
  samples: readonly Sample[],
  record: FitRecord,
  dead: ReadonlySet<number>,
  told?: RecordingSummary,
): RecordingSummary {
  if (told !== undefined) {
    const skipped = { ...told.skipped, ...record.skipped };
    return { ...told, used: heardRows(record), skipped };
  }
  return {
    rows: samples.length,
    used: heardRows(record),
    skipped: { ...record.skipped },
    unreadable: {},
    deadChannels: [...dead].map((c) => twin.definition.measured[c]!.variable),
    ...channelFaults(twin, samples),
    ...paceOf(record.timesS),
    ageS: null,
  };
}
