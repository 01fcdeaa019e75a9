/**
 * What the search for events remembers. Lone vectors of doubles, as states are stored so.
 *
 * @see Page, Continuous inspection schemes, Biometrika 41 (1954)
 */
export interface EventMemory {
  /** Cumulative sums of innovations to the high side, then to the low side, 2m. */
  readonly sums: Float64Array;
  /** The last time at which each sum was 0, 2m: when what it tells of began, s. */
  readonly onsetS: Float64Array;
  /** Predicted standard deviation of each channel at the last calm sample, m. */
  readonly calmStd: Float64Array;
  /** Per state: what its noise is multiplied by while an event lasts; none without one. */
  readonly boost: Float64Array;
  /** Samples running that looked calm during an event. */
  readonly quiet: number;
  /** When the event that lasts began, s; `NaN` without one. */
  readonly sinceS: number;
  /** Begin and end of the newest events that are over, s. */
  readonly past: Float64Array;
}

/** An innovation counts with at most so many standard deviations: one outlier is no event. */
const CLIP = 4;
/** What a sum loses at each sample, so that chance leads nowhere. */
const DRIFT = 1;
/** A sum from which an event is declared: after three samples at the least. */
const LIMIT = 8;
/** A sum below this share of it is calm. */
const CALM_SHARE = 0.3;
/** Samples running that end an event … */
const QUIET_RUN = 20;
/** … each within so many standard deviations of calm times. */
const QUIET_Z = 3;
/** Factor on the noise of a state that the sensors show at once, and of the others. */
const BOOST = { shown: 30, others: 3 } as const;
/** A state shows at once where its scale moves a channel by this share of the most that one does. */
const SHOWN_SHARE = 0.5;
/** Events that are kept. */
const MOST_PAST = 64;

const NONE = new Float64Array();

/** Before any sample, for m channels. */
export function noEvents(m: number): EventMemory {
  return {
    sums: new Float64Array(2 * m),
    onsetS: new Float64Array(2 * m).fill(Number.NEGATIVE_INFINITY),
    calmStd: new Float64Array(m).fill(Number.NaN),
    boost: NONE,
    quiet: 0,
    sinceS: Number.NaN,
    past: NONE,
  };
}

/** Whether something happens now that the model lacks. */
export const isEvent = (memory: Pick<EventMemory, 'sinceS'> | undefined): boolean =>
  memory !== undefined && !Number.isNaN(memory.sinceS);

/** Whether nothing speaks for an event, so that what came before belongs to none. */
export const isSumCalm = ({ sums }: Pick<EventMemory, 'sums'>): boolean =>
  sums.every((sum) => sum < CALM_SHARE * LIMIT);

/** Whether what speaks for an event has begun after a time: too lately for its limit to be reached. */
export const mayHaveBegun = (
  { sums, onsetS }: Pick<EventMemory, 'sums' | 'onsetS'>,
  afterS: number,
): boolean => sums.some((sum, k) => sum >= CALM_SHARE * LIMIT && onsetS[k]! > afterS);

/** Spans of events, the one that lasts open to the right. */
export function eventSpans(memory: EventMemory | undefined): { sinceS: number; untilS: number }[] {
  if (memory === undefined) return [];
  const spans: { sinceS: number; untilS: number }[] = [];
  for (let i = 0; i + 1 < memory.past.length; i += 2) {
    spans.push({ sinceS: memory.past[i]!, untilS: memory.past[i + 1]! });
  }
  if (isEvent(memory)) spans.push({ sinceS: memory.sinceS, untilS: Number.POSITIVE_INFINITY });
  return spans;
}

/** What a sample says of events. */
export interface EventSample {
  timeS: number;
  /** Of the sample before. */
  lastTimeS: number;
  /** Measured less predicted, per channel; `NaN` for channels without a value. */
  innovation: Float64Array;
  /** Its predicted standard deviation; `NaN` likewise. */
  std: Float64Array;
  /** Channels × states: outputs by states at the sample before. */
  stateSlope: Float64Array;
  stateScale: Float64Array;
  /** What innovations are divided by, see {@link eventScaleOf}; 1 by default. */
  scale?: number | undefined;
}

/**
 * Takes a sample into the search: two-sided cumulative sums of clipped innovations declare an event,
 * and a run of innovations as small as in calm times ends it.
 *
 * g± ← max(0, g± ± w − 1), w the innovation in standard deviations, clipped at 4; event at g > 8.
 *
 * @see Page 1954; Basseville & Nikiforov, Detection of Abrupt Changes (1993), 2.2
 */
export function watchForEvents(memory: EventMemory, sample: EventSample): EventMemory {
  const { innovation, std, timeS, scale = 1 } = sample;
  const m = innovation.length;
  if (isEvent(memory)) return duringEvent(memory, sample);
  const sums = memory.sums.slice();
  const onsetS = memory.onsetS.slice();
  const calmStd = memory.calmStd.slice();
  let worst = -1;
  for (let c = 0; c < m; c++) {
    const w = innovation[c]! / (scale * std[c]!);
    if (Number.isNaN(w)) continue;
    [w, -w].forEach((v, side) => {
      const k = side * m + c;
      if (sums[k] === 0) onsetS[k] = sample.lastTimeS;
      sums[k] = nextSum(sums[k]!, v);
      if (sums[k]! > LIMIT && (worst < 0 || sums[k]! > sums[worst]!)) worst = k;
    });
    if (Math.max(sums[c]!, sums[m + c]!) < CALM_SHARE * LIMIT) calmStd[c] = std[c]!;
  }
  if (worst < 0) return { ...memory, sums, onsetS, calmStd };
  const onset = onsetS[worst]!;
  return {
    ...memory,
    sums: new Float64Array(2 * m),
    onsetS: onsetS.fill(timeS),
    calmStd: calmStd.map((s, c) => (Number.isNaN(s) ? std[c]! : s)),
    boost: boostOf(sample),
    quiet: 0,
    sinceS: onset,
  };
}

/** A cumulative sum after one more innovation. */
const nextSum = (sum: number, w: number) =>
  Math.max(0, sum + Math.max(-CLIP, Math.min(CLIP, w)) - DRIFT);

/** Share of the limit that the sums of a fit's own window may come to. */
const SHARE_IN_WINDOW = 0.5;
/** Innovations are divided by so much at most. */
const MOST_SCALE = 4;
/** Steps of the search for the divisor, each halves it. */
const HALVINGS = 20;

/**
 * What innovations are divided by, so that what a machine has done again and again in the window of its
 * fit, and the model follows less well, is no event: a heater that switches, a valve that sticks. The
 * second highest of the window's cumulative sums then comes to half of the limit; what was seen but once
 * may have been an event that nobody found. What is far off, as an event is, counts as much as before,
 * for innovations are clipped after the division.
 *
 * @param window innovations in predicted deviations, a vector of the channels each; `NaN` without a value
 * @returns 1 where innovations are the noise that they should be, at most 4
 */
export function eventScaleOf(window: readonly Float64Array[]): number {
  const within = (scale: number) => secondPeak(window, scale) <= SHARE_IN_WINDOW * LIMIT;
  if (within(1)) return 1;
  if (!within(MOST_SCALE)) return MOST_SCALE;
  let [low, high] = [1, MOST_SCALE];
  for (let k = 0; k < HALVINGS; k++) {
    const middle = (low + high) / 2;
    if (within(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The second highest of the peaks that the sums come to between two times at which all are calm. */
function secondPeak(window: readonly Float64Array[], scale: number): number {
  const m = window[0]?.length ?? 0;
  const sums = new Float64Array(2 * m);
  let [first, second, peak] = [0, 0, 0];
  const end = () => {
    if (peak > first) [first, second] = [peak, first];
    else second = Math.max(second, peak);
    peak = 0;
  };
  for (const innovations of window) {
    if (innovations.every(Number.isNaN)) {
      // A gap: what went before it is over.
      sums.fill(0);
      end();
      continue;
    }
    innovations.forEach((w, c) => {
      if (Number.isNaN(w)) return;
      sums[c] = nextSum(sums[c]!, w / scale);
      sums[m + c] = nextSum(sums[m + c]!, -w / scale);
    });
    peak = Math.max(peak, ...sums);
    if (sums.every((sum) => sum === 0)) end();
  }
  end();
  return second;
}

/**
 * The search after an event that a fit took up, as a change of parameters or as what the fit before had
 * not known: it begins afresh.
 */
export function endedByFit(memory: EventMemory, timeS: number): EventMemory {
  return {
    ...memory,
    sums: memory.sums.map(() => 0),
    onsetS: memory.onsetS.map(() => timeS),
    calmStd: memory.calmStd.map(() => Number.NaN),
    boost: NONE,
    quiet: 0,
    sinceS: Number.NaN,
  };
}

function duringEvent(memory: EventMemory, sample: EventSample): EventMemory {
  const { innovation, timeS } = sample;
  const seen = innovation.some((v) => !Number.isNaN(v));
  // Without a reading nothing says that it is over.
  if (!seen) return memory;
  const calm = innovation.every(
    (v, c) => Number.isNaN(v) || Math.abs(v) < QUIET_Z * memory.calmStd[c]!,
  );
  const quiet = calm ? memory.quiet + 1 : 0;
  if (quiet < QUIET_RUN) return { ...memory, quiet };
  return {
    ...memory,
    onsetS: memory.onsetS.map(() => timeS),
    boost: NONE,
    quiet: 0,
    sinceS: Number.NaN,
    past: Float64Array.of(...memory.past, memory.sinceS, timeS).slice(-2 * MOST_PAST),
  };
}

/** What an event shows in first is where it acts; the other states follow by the model. */
function boostOf({ stateSlope, stateScale }: EventSample): Float64Array {
  const ns = stateScale.length;
  const shows = Float64Array.from(stateScale, (scale, s) => {
    let most = 0;
    for (let k = s; k < stateSlope.length; k += ns) {
      most = Math.max(most, Math.abs(stateSlope[k]!) * scale);
    }
    return most;
  });
  const most = Math.max(...shows);
  return shows.map((v) => (v >= SHOWN_SHARE * most ? BOOST.shown : BOOST.others));
}
