import type { Alarm, Twin } from '../types.js';
import type { StepTrace } from './step-trace.js';
import { instantText } from './time-axis.js';

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
  const constants = definition.parameters.filter((p) => p.dynamics === 'constant');
  const isFitted = used.some((s) => s.statesNis !== undefined || s.beforeFit === true);
  if (constants.length === 0 || isFitted) return [];
  const isTold = (code: Alarm['code'], subject: string) =>
    atEnd.some((a) => a.code === code && a.subject === subject);
  const long = past.filter(
    ({ code, subject, samples }) =>
      samples >= Math.max(FEWEST, MUCH * used.length) &&
      // Of drifting innovations a sample says no more than a note.
      (code === 'correlated-innovations' || !isTold(code, subject)),
  );
  const names = constants.map((p) => p.variable).join(', ');
  const keeps = `${names} ${constants.length === 1 ? 'is a constant and keeps' : 'are constants and keep'} what was learnt meanwhile.`;
  const when = ({ samples, sinceS, untilS }: PastAlarm) =>
    `in ${samples} of ${used.length} samples, ${instantText(sinceS)} to ${instantText(untilS)}`;
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
