import { ALARM_DRAG, type Scenario } from './scenarios.js';

export const PHASES = ['healthy', 'growth', 'event', 'after'] as const;
/** Rows around an event that count as its time. */
const BEFORE_EVENT = 10;
const AFTER_EVENT = 30;
/** An estimate is on track again within this of the truth, or within 3 of its own deviations. */
const ON_TRACK = 0.02;

/** Sums over runs; two of the same kind add up. */
export interface Score {
  runs: number;
  steps: number;
  modelRuns: number;
  nis: number;
  channels: number;
  /** By phase, over the watched parameters. */
  inside: number[];
  counted: number[];
  tensionInside: number[];
  tensionCounted: number[];
  squaredB: number;
  countedB: number;
  squaredTension: number;
  squaredSlip: number;
  countedSlip: number;
  /** Rows from passing the alarm's drag to the alarm; Infinity: never. */
  delays: number[];
  /** Samples after each event until every parameter was on track to stay. */
  recoveries: number[];
  falseAlarms: number;
  lockUps: number;
  /** Steps that said of a parameter that the sensors do not tell it. */
  notIdentifiable: number;
  /** Samples left out as the model failed. */
  setAside: number;
}

export const newScore = (): Score => ({
  runs: 0,
  steps: 0,
  modelRuns: 0,
  nis: 0,
  channels: 0,
  inside: [0, 0, 0, 0],
  counted: [0, 0, 0, 0],
  tensionInside: [0, 0, 0, 0],
  tensionCounted: [0, 0, 0, 0],
  squaredB: 0,
  countedB: 0,
  squaredTension: 0,
  squaredSlip: 0,
  countedSlip: 0,
  delays: [],
  recoveries: [],
  falseAlarms: 0,
  lockUps: 0,
  notIdentifiable: 0,
  setAside: 0,
});

/** Adds `more` to `score`. */
export function addScore(score: Score, more: Score): void {
  const into = score as unknown as Record<string, number | number[]>;
  for (const [key, value] of Object.entries(more) as [string, number | number[]][]) {
    if (typeof value === 'number') into[key] = (into[key] as number) + value;
    else if (key === 'delays' || key === 'recoveries') (into[key] as number[]).push(...value);
    else into[key] = value.map((v, i) => v + (into[key] as number[])[i]!);
  }
}

export function phaseOf(scenario: Scenario, row: number): number {
  if (scenario.events.some((e) => row >= e - BEFORE_EVENT && row < e + AFTER_EVENT)) return 2;
  if (row < scenario.changeRow) return 0;
  return scenario.events.every((e) => row < e) ? 1 : 3;
}

/** An estimate of the nine drags at a row. */
export interface Visit {
  row: number;
  mean: ArrayLike<number>;
  std: ArrayLike<number>;
  lower: ArrayLike<number>;
  upper: ArrayLike<number>;
  nis: number;
  channels: number;
  modelRuns: number;
}

/** Collects one run. */
export function scorer(score: Score, scenario: Scenario) {
  const { drag, watched, alarmParameter } = scenario;
  const n = 9;
  const above = new Float64Array(n);
  const falseAlarm = new Set<number>();
  let detected = Number.POSITIVE_INFINITY;
  let lost = false;
  const passed =
    alarmParameter === undefined ? -1 : drag.findIndex((d) => d[alarmParameter]! > ALARM_DRAG);
  const pending = scenario.events.map((row) => ({ row, samples: 0, lastOff: 0 }));
  return {
    visit(v: Visit) {
      const b = drag[v.row]!;
      const phase = phaseOf(scenario, v.row);
      for (const i of watched) {
        score.counted[phase]!++;
        if (v.lower[i]! <= b[i]! + 1e-9 && b[i]! <= v.upper[i]! + 1e-9) score.inside[phase]!++;
        if (phase === 3) {
          score.squaredB += (v.mean[i]! - b[i]!) ** 2;
          score.countedB++;
        }
      }
      if (Number.isFinite(v.nis)) {
        score.nis += v.nis;
        score.channels += v.channels;
      }
      score.steps++;
      score.modelRuns += v.modelRuns;
      let off = false;
      for (let i = 0; i < n; i++) {
        const error = Math.abs(v.mean[i]! - b[i]!);
        off ||= error > Math.max(ON_TRACK, 3 * v.std[i]!);
        above[i] = v.lower[i]! > ALARM_DRAG ? above[i]! + 1 : 0;
        if (above[i]! < 3) continue;
        if (b[i]! < ALARM_DRAG) falseAlarm.add(i);
        else if (i === alarmParameter) detected = Math.min(detected, v.row);
      }
      lost = off;
      for (const [k, event] of pending.entries()) {
        if (v.row < event.row || v.row >= (pending[k + 1]?.row ?? drag.length)) continue;
        event.samples++;
        if (off && event.samples <= 60) event.lastOff = event.samples;
      }
    },
    end() {
      score.runs++;
      if (passed >= 0) score.delays.push(detected - passed);
      score.recoveries.push(...pending.map((e) => e.lastOff));
      score.falseAlarms += falseAlarm.size;
      if (lost) score.lockUps++;
    },
  };
}

const percent = (a: number, b: number) => (b === 0 ? '–' : ((100 * a) / b).toFixed(1));
const root = (sum: number, count: number, digits: number) =>
  count === 0 ? '–' : Math.sqrt(sum / count).toFixed(digits);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]) => sorted(values)[values.length >> 1];
const share = (values: readonly number[], p: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(p * values.length))];
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** What the table shows of a score, in its order. */
export function rowOf(s: Score): Record<string, string> {
  const delay = median(s.delays);
  return {
    ...Object.fromEntries(
      PHASES.map((phase, i) => [`${phase} %`, percent(s.inside[i]!, s.counted[i]!)]),
    ),
    'S4–S9 %': percent(sum(s.tensionInside), sum(s.tensionCounted)),
    'S4–S9 event %': percent(s.tensionInside[2]!, s.tensionCounted[2]!),
    'NIS/channel': (s.nis / s.channels).toFixed(3),
    'RMSE b after': root(s.squaredB, s.countedB, 4),
    'RMSE S N': root(s.squaredTension, sum(s.tensionCounted), 2),
    'RMSE slip m/s': root(s.squaredSlip, s.countedSlip, 5),
    'delay rows': delay === undefined ? '–' : Number.isFinite(delay) ? `${delay}` : 'never',
    'false alarms': `${s.falseAlarms}/${9 * s.runs}`,
    'recovery median/95 %/worst':
      s.recoveries.length === 0
        ? '–'
        : `${median(s.recoveries)}/${share(s.recoveries, 0.95)}/${Math.max(...s.recoveries)}`,
    lost: `${s.lockUps}`,
    'not identifiable %': percent(s.notIdentifiable, s.steps),
    'set aside': `${s.setAside}`,
    'runs/step': (s.modelRuns / s.steps).toFixed(1),
  };
}
