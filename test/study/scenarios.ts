import { webLine } from './algebraic-web-line.js';
import type { Truth } from './truth.js';

/** A hidden course of the nine drags, what happens to the data, and what is looked at. */
export interface Scenario {
  title: string;
  /** Nine drags per row. */
  drag: readonly Float64Array[];
  /** Parameters whose coverage counts, as indices. */
  watched: readonly number[];
  /** First row at which a drag moves. */
  changeRow: number;
  /** Rows at which a roller begins to slip, a drag jumps, or the machine runs again. */
  events: readonly number[];
  /** Parameter whose alarm is timed, where one is. */
  alarmParameter?: number;
  /** Rows from, to (exclusive) at which every speed is 0. */
  standstill?: readonly [number, number];
  /** Shares of the values that are 20σ off, and that are missing. */
  outliers?: number;
  missing?: number;
}

const B3 = 2;
const B5 = 4;
const B9 = 7;
/** A drag that a bearing in order does not have: the alarm that the study times. */
export const ALARM_DRAG = 0.01;

/** First row at which a roller's surface is more than a millimetre a second slower than the web. */
function firstSlip(drag: readonly Float64Array[], roller: number): number {
  return drag.findIndex((d) => webLine(d)[9 + roller]! > 1e-3);
}

function fromRows(truth: Truth, change: (drag: Float64Array, row: number) => void): Float64Array[] {
  return truth.drag.map((d, row) => {
    const drag = d.slice();
    change(drag, row);
    return drag;
  });
}

/** The scenarios by name, on a truth's course. */
export const SCENARIOS: Readonly<Record<string, (truth: Truth) => Scenario>> = {
  record: (truth) => ({
    title: 'the record',
    drag: truth.drag,
    watched: [B3, B9],
    changeRow: truth.growthRow,
    events: [truth.slipRow],
    alarmParameter: B9,
  }),
  outliers: (truth) => ({
    ...SCENARIOS.record!(truth),
    title: '2 % outliers of 20σ, 10 % missing',
    outliers: 0.02,
    missing: 0.1,
  }),
  step: (truth) => ({
    title: 'b5 steps to 0.1',
    drag: fromRows(truth, (d, row) => {
      if (row >= 700) d[B5] = 0.1;
    }),
    watched: [B3, B5, B9],
    changeRow: 700,
    events: [700, truth.slipRow],
    alarmParameter: B5,
  }),
  'fast-ramp': (truth) => {
    const drag = fromRows(truth, (d, row) => {
      d[B3] = 0;
      d[B9] = 0.3 * Math.min(1, Math.max(0, (row - 900) / 60));
    });
    return {
      title: 'b9 grows to 0.3 within 60 rows',
      drag,
      watched: [B3, B9],
      changeRow: 900,
      events: [firstSlip(drag, B9)],
      alarmParameter: B9,
    };
  },
  'r3-slips': (truth) => {
    const drag = fromRows(truth, (d) => {
      d[B3]! *= 1.4;
      d[B9] = 0;
    });
    return {
      title: 'b3 grows to 0.28, R3 slips',
      drag,
      watched: [B3, B9],
      changeRow: truth.growthRow,
      events: [firstSlip(drag, B3)],
      alarmParameter: B3,
    };
  },
  repair: (truth) => ({
    title: 'b3 and b9 are repaired after slip',
    drag: fromRows(truth, (d, row) => {
      if (row >= 1700) d.fill(0);
    }),
    watched: [B3, B9],
    changeRow: truth.growthRow,
    events: [truth.slipRow, 1700],
    alarmParameter: B9,
  }),
  jump: (truth) => ({
    title: 'b9 jumps from 0 to 0.3, far beyond slip',
    drag: fromRows(truth, (d, row) => {
      d[B3] = 0;
      d[B9] = row < 1000 ? 0 : 0.3;
    }),
    watched: [B3, B9],
    changeRow: 1000,
    events: [1000],
    alarmParameter: B9,
  }),
  'all-nine': (truth) => ({
    title: 'all nine grow to 0.05',
    drag: fromRows(truth, (d) => d.fill(0.25 * d[B9]!)),
    watched: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    changeRow: truth.growthRow,
    events: [],
    alarmParameter: B9,
  }),
  standstill: (truth) => ({
    title: 'the machine stands still for 40 rows, b5 comes back with 0.1',
    drag: fromRows(truth, (d, row) => {
      if (row >= 720) d[B5] = 0.1;
    }),
    watched: [B3, B5, B9],
    changeRow: 700,
    standstill: [700, 740],
    events: [740, truth.slipRow],
    alarmParameter: B5,
  }),
};
