import { Z95 } from '../../../kalman/index.js';
import { type Panel, renderPanelChart } from '../../../plot/index.js';
import { limitsOf } from '../../report/limits.js';
import { timeUnitOf } from '../../report/time-axis.js';
import type { Estimate, Twin } from '../../types.js';
import type { Commission } from '../commission/commission.js';
import type { Fit } from '../fitting/fit.js';
import { predictionStd } from '../outputs/held-out.js';
import { type FitRecord, residualsOf } from '../record/record.js';

/** Virtual sensors that are drawn at most. */
const MOST_HIDDEN = 8;

/** A quantity over time with its band. */
function coursePanel(
  label: string,
  unit: string | undefined,
  timesS: ArrayLike<number>,
  course: readonly Estimate[],
  [firstS, unitS]: readonly [number, number],
): Panel {
  const column = (of: (e: Estimate) => number) => Float64Array.from(course, of);
  return {
    yLabel: unit === undefined || unit === '' ? label : `${label} (${unit})`,
    series: [
      {
        name: 'value, 95 % band',
        x: Float64Array.from(timesS, (t) => (t - firstS) / unitS),
        y: column((e) => e.mean),
        lower: column((e) => e.lower95),
        upper: column((e) => e.upper95),
      },
    ],
  };
}

/** Rows from one on, and the unit of time that they are drawn in. */
interface Axis {
  from: number;
  x: Float64Array;
  unit: string;
  unitS: number;
}

function axisFrom({ timesS }: FitRecord, from: number): Axis {
  const [unitS, unit] = timeUnitOf(timesS.at(-1)! - timesS[0]!);
  return { from, x: timesS.slice(from).map((t) => (t - timesS[0]!) / unitS), unit, unitS };
}

/** A channel's data with the free run and its band; the rows held out are a curve of their own. */
function runPanel(twin: Twin, fit: Fit, test: Commission['test'], c: number, axis: Axis): Panel {
  const { record } = fit;
  const { x, from } = axis;
  const std = test?.std ?? predictionStd(fit, { ...fit, direct: [] }, record.channels);
  const prediction = test?.prediction ?? fit.prediction;
  const split = test?.fromSample ?? record.timesS.length;
  const at = (values: Float64Array) => x.map((_, i) => values[(from + i) * record.channels + c]!);
  const run = at(prediction);
  const half = at(std).map((s) => Z95 * s);
  const curve = (name: string, held: boolean) => {
    const mine = (v: number, i: number) => (from + i >= split === held ? v : Number.NaN);
    return {
      name,
      x,
      y: run.map(mine),
      lower: run.map((v, i) => mine(v - half[i]!, i)),
      upper: run.map((v, i) => mine(v + half[i]!, i)),
    };
  };
  const { variable, unit } = twin.definition.measured[c]!;
  return {
    yLabel: unit === '' ? variable : `${variable} (${unit})`,
    series: [
      { name: 'data', x, y: at(record.data), points: true },
      ...(from < split ? [curve('free run, fitted rows', false)] : []),
      ...(split < record.timesS.length ? [curve('free run, rows held out', true)] : []),
    ],
  };
}

/** Channels that hold any value. */
const liveChannels = ({ record }: Fit): number[] =>
  Array.from({ length: record.channels }, (_, c) => c).filter((c) =>
    record.data.some((v, i) => i % record.channels === c && !Number.isNaN(v)),
  );

/**
 * The free run beside the data with its 95 % band, the rows held out marked; what is left; and
 * disturbances with their bands.
 *
 * @returns an SVG document; `undefined` where nothing was fitted
 */
export async function fitPlot(twin: Twin, result: Commission): Promise<string | undefined> {
  const { fit, test } = result;
  if (fit === undefined) return undefined;
  const { record } = fit;
  const axis = axisFrom(record, 0);
  const prediction = test?.prediction ?? fit.prediction;
  const panels = liveChannels(fit).flatMap((c): Panel[] => [
    runPanel(twin, fit, test, c, axis),
    {
      yLabel: 'data − free run',
      series: [
        { name: 'residual', x: axis.x, y: residualsOf(record, prediction, c), points: true },
      ],
      limits: [{ value: 0, label: '0' }],
    },
  ]);
  for (const [name, { on, course }] of Object.entries(result.output.disturbances)) {
    const of = [...twin.definition.inputs, ...twin.definition.parameters].find(
      (v) => v.variable === on,
    );
    const times = course.map((at) => at.timeS);
    panels.push({
      ...coursePanel(name, of?.unit, times, course, [record.timesS[0]!, axis.unitS]),
      limits: [{ value: 0, label: '0' }],
    });
  }
  return renderPanelChart({
    title: `${twin.definition.name}: free run beside the data, 95 % bands`,
    xLabel: axis.unit,
    panels,
    panelHeight: 220,
  });
}

/**
 * The free run along the rows that were held out of its fit, beside what was measured there.
 *
 * @returns an SVG document; `undefined` where none were held out
 */
export async function heldOutPlot(
  twin: Twin,
  { fit, test }: Commission,
): Promise<string | undefined> {
  if (fit === undefined || test === undefined) return undefined;
  const axis = axisFrom(fit.record, test.fromSample);
  return renderPanelChart({
    title: `${twin.definition.name}: rows held out, 95 % bands`,
    xLabel: `${axis.unit} since the record’s beginning`,
    panels: liveChannels(fit).map((c) => runPanel(twin, fit, test, c, axis)),
    panelHeight: 220,
  });
}

/**
 * Virtual sensors along the fitted record with bands and limits; those with limits come first.
 *
 * @returns an SVG document; `undefined` where there is no course, as of a machine at rest
 */
export async function hiddenPlot(twin: Twin, { hidden }: Commission): Promise<string | undefined> {
  if (hidden === undefined || hidden.timesS.length < 2) return undefined;
  const { timesS } = hidden;
  const [unitS, unit] = timeUnitOf(timesS.at(-1)! - timesS[0]!);
  const panels = twin.definition.virtualSensors
    .filter((s) => hidden.courses[s.variable] !== undefined)
    .toSorted((a, b) => Number(b.alarm !== undefined) - Number(a.alarm !== undefined))
    .slice(0, MOST_HIDDEN)
    .map((s): Panel => {
      const course = hidden.courses[s.variable]!;
      return {
        ...coursePanel(s.variable, s.unit, timesS, course, [timesS[0]!, unitS]),
        limits: limitsOf([s]),
      };
    });
  if (panels.length === 0) return undefined;
  return renderPanelChart({
    title: `${twin.definition.name}: what no sensor shows, 95 % bands`,
    xLabel: unit,
    panels,
    panelHeight: 160,
  });
}
