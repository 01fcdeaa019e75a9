import type { Alarm, CalibratorState, StepResult, Twin } from '../types.js';
import { alarmFindings } from './calibration-findings.js';
import type { StepTrace } from './step-trace.js';
import { instantText } from './time-axis.js';
import type { Finding } from './verdict.js';

/** How often an alarm was raised in a run, and when. */
export interface PastAlarm {
  code: Alarm['code'];
  subject: string;
  /** Samples that raised it. */
  samples: number;
  sinceS: number;
  untilS: number;
}

/** Alarms by which readings contradict the model, or each other. */
const CONTRADICTIONS: readonly Alarm['code'][] = [
  'sensor-fault',
  'model-mismatch',
  'correlated-innovations',
];
/** Share of a run's samples from which a contradiction is none of chance, … */
const MUCH = 0.1;
/** … and samples that it takes at least. */
const FEWEST = 10;

/** Counts the contradictions of a run as its steps come. */
export class ContradictionCount {
  readonly #found = new Map<string, PastAlarm>();

  /** Takes the next step. */
  take({ alarms, timeS }: Pick<StepTrace, 'alarms' | 'timeS'>): void {
    for (const { code, subject } of alarms) {
      if (!CONTRADICTIONS.includes(code)) continue;
      const key = `${code} ${subject}`;
      const before = this.#found.get(key);
      if (before === undefined) {
        this.#found.set(key, { code, subject, samples: 1, sinceS: timeS, untilS: timeS });
      } else {
        before.samples++;
        before.untilS = timeS;
      }
    }
  }

  /** What was found up to now. */
  get found(): PastAlarm[] {
    return [...this.#found.values()];
  }
}

/** Fields of a contradiction in a state: code, channel (-1: of the model), samples, since and until when. */
const FIELDS = 5;

/**
 * A state that remembers its sample's contradictions, as {@link ContradictionCount} counts them: constants that are
 * learnt sample by sample keep what they learnt meanwhile, in runs to come too.
 */
export function withContradictions(
  twin: Twin,
  state: CalibratorState,
  { alarms, timeS }: Pick<StepResult, 'alarms' | 'timeS'>,
): CalibratorState {
  const { filter } = state;
  const learns = twin.definition.parameters.some((p) => p.dynamics === 'constant');
  if (filter.refit !== undefined || !learns) return state;
  const contradictions = addedTo(filter.contradictions, twin, alarms, timeS);
  return contradictions === filter.contradictions
    ? state
    : { ...state, filter: { ...filter, contradictions } };
}

/** @param before undefined where there was none yet */
function addedTo(
  before: Float64Array | undefined,
  { definition }: Twin,
  alarms: readonly Alarm[],
  timeS: number,
): Float64Array | undefined {
  const found = alarms.filter(({ code }) => CONTRADICTIONS.includes(code));
  if (found.length === 0) return before;
  const rows = [...(before ?? [])];
  for (const { code, subject } of found) {
    const kind = CONTRADICTIONS.indexOf(code);
    const channel = definition.measured.findIndex((m) => m.variable === subject);
    let at = 0;
    while (at < rows.length && !(rows[at] === kind && rows[at + 1] === channel)) at += FIELDS;
    if (at === rows.length) rows.push(kind, channel, 0, timeS, timeS);
    rows[at + 2]!++;
    rows[at + 4] = timeS;
  }
  return Float64Array.from(rows);
}

function remembered({ definition }: Twin, kept: Float64Array): PastAlarm[] {
  return Array.from({ length: Math.floor(kept.length / FIELDS) }, (_, k) => {
    const [kind, channel, samples, sinceS, untilS] = kept.subarray(k * FIELDS, (k + 1) * FIELDS);
    return {
      code: CONTRADICTIONS[kind!]!,
      subject: definition.measured[channel!]?.variable ?? definition.name,
      ...{ samples: samples!, sinceS: sinceS!, untilS: untilS! },
    };
  });
}

/**
 * Samples of so many in a life from which a contradiction has moved constants by more than their bands: n of N off by
 * the noise σ move a mean by σn/N, and its band is 2σ/√N.
 */
const MOVED = 2;

/**
 * Contradictions that constants of a state have learnt from, since it began, and that its newest sample does not
 * raise any more.
 *
 * @param atEnd the alarms of its newest sample
 */
export function learntContradictions(
  twin: Twin,
  { filter, sampleCount }: Pick<CalibratorState, 'filter' | 'sampleCount'>,
  atEnd: readonly Alarm[],
): Alarm[] {
  if (filter.contradictions === undefined || filter.refit !== undefined) return [];
  const most = Math.min(MUCH * sampleCount, MOVED * Math.sqrt(sampleCount));
  return alarmsOf(twin, remembered(twin, filter.contradictions), sampleCount, most, atEnd).map(
    (alarm) => ({
      ...alarm,
      message: `${alarm.message.replace(/\.$/, '')}; begin the estimate anew, or go back to before it (twinloop state restore).`,
    }),
  );
}

/** Contradictions as findings: of all, for what else is estimated makes up for what constants have learnt. */
export const learntFindings = (learnt: readonly Alarm[]): Finding[] =>
  alarmFindings(learnt).map(({ grade, reason }) => ({ grade, reason }));

/**
 * Contradictions that stood for long in a run and had passed when it ended, where constants are filtered:
 * a constant keeps what it learnt meanwhile, and its band has grown narrow with it until it follows
 * nothing. Where constants are fitted, the fit's own verdict says it.
 */
export function pastContradictions(
  { definition }: Twin,
  used: readonly StepTrace[],
  past: readonly PastAlarm[],
  atEnd: readonly Alarm[],
): Alarm[] {
  const isFitted = used.some((s) => s.statesNis !== undefined || s.beforeFit === true);
  return isFitted ? [] : alarmsOf({ definition }, past, used.length, MUCH * used.length, atEnd);
}

/** @param most samples from which a contradiction counts, of `count` */
function alarmsOf(
  { definition }: Pick<Twin, 'definition'>,
  past: readonly PastAlarm[],
  count: number,
  most: number,
  atEnd: readonly Alarm[],
): Alarm[] {
  const constants = definition.parameters.filter((p) => p.dynamics === 'constant');
  if (constants.length === 0) return [];
  const isTold = (code: Alarm['code'], subject: string) =>
    atEnd.some((a) => a.code === code && a.subject === subject);
  const long = past.filter(
    ({ code, subject, samples }) =>
      samples >= Math.max(FEWEST, most) &&
      // Of drifting innovations a sample says no more than a note.
      (code === 'correlated-innovations' || !isTold(code, subject)),
  );
  const names = constants.map((p) => p.variable).join(', ');
  const keeps = `${names} ${constants.length === 1 ? 'is a constant and keeps' : 'are constants and keep'} what was learnt meanwhile.`;
  const when = ({ samples, sinceS, untilS }: PastAlarm) =>
    `in ${samples} of ${count} samples, ${instantText(sinceS)} to ${instantText(untilS)}`;
  const alarms = long
    .filter(({ code }) => code === 'sensor-fault')
    .map(
      (a): Alarm => ({
        code: 'sensor-fault',
        subject: a.subject,
        message: `${a.subject} contradicted the other channels ${when(a)}: ${keeps}`,
      }),
    );
  const { name } = definition;
  const ofModel = long.filter(({ code }) => code !== 'sensor-fault');
  if (ofModel.length > 0 && !isTold('model-mismatch', name)) {
    const what = ofModel.map((a) =>
      a.code === 'model-mismatch'
        ? `no parameter values explained the channels together ${when(a)}`
        : `innovations of ${a.subject} followed each other ${when(a)}`,
    );
    alarms.push({
      code: 'model-mismatch',
      subject: name,
      message: `The model lacks something: ${what.join('; ')}: ${keeps}`,
    });
  }
  return alarms;
}
