import { twinSchema } from '../../shared/config/index.js';
import { createRng } from '../../shared/core/index.js';
import {
  type CalibratorState,
  createCalibrator,
  forecast,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { checkWords, chosen, count, words } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown, median, percent } from './common/table.js';
import { insideOf, type Outcome, outcome } from './forecast.js';
import { RESTING_MACHINES, type RestingMachine } from './wear/machines.js';
import { drawWear, SHAPES, type WearingCourse, type WearShape } from './wear/shapes.js';

const HOUR_S = 3600;
const HORIZON_S = 12 * 86_400;
/** Shares of the wear to the limit at which the time to it is forecast. */
const LEADS = [0.3, 0.6, 0.85] as const;
/** Forecasts reach so many times the true time. */
const REACH = 6;

function twinOf(m: RestingMachine, course: WearingCourse): Twin {
  const [first] = m.parameters;
  const definition = twinSchema.parse({
    name: m.name,
    fmu: './none.fmu',
    inputs: Array.from(m.inputs(0), (value, i) => ({ variable: `u${i}`, noiseStd: 0, value })),
    measured: m.noise.map((noiseStd, i) => ({ variable: `y${i}`, alias: `/y${i}`, noiseStd })),
    parameters: m.parameters.map((p) => ({
      variable: p.name,
      alias: `/${p.name}`,
      lower: p.lower,
      upper: p.upper,
      prior: { mean: p.prior[0], std: p.prior[1] },
      wearHorizonS: HORIZON_S,
      ...(p === first ? { alarm: { above: course.limit } } : {}),
    })),
    virtualSensors: [{ variable: 'hidden', alias: '/hidden' }],
    simulation: { mode: 'steady-state' },
  });
  return { definition, fmuPath: '', hash: m.name };
}

/** Forecasts on one course, by lead. */
async function forecasts(m: RestingMachine, shape: WearShape, seed: number): Promise<Outcome[]> {
  const rng = createRng(1000 * SHAPES.indexOf(shape) + seed);
  const course = drawWear(m, shape, rng);
  const twin = twinOf(m, course);
  const model: TwinModel = {
    outputs: [],
    evaluate: async (points, inputs) => points.map((p) => m.atRest(p, inputs)),
    close: async () => {},
  };
  const [{ from, name }] = m.parameters as [RestingMachine['parameters'][number]];
  const rows = LEADS.map((lead) =>
    course.truth.findIndex(([b = 0]) => (b - from) / (course.limit - from) >= lead),
  );
  const calibrator = createCalibrator({ twin, model });
  let state: CalibratorState = calibrator.initialState();
  const found: Outcome[] = [];
  for (let k = 0; k <= rows.at(-1)!; k++) {
    const sample = {
      timeS: k * HOUR_S,
      inputs: course.inputs[k]!,
      measured: course.measured[k]!,
    };
    ({ state } = await calibrator.step(state, sample));
    if (!rows.includes(k)) continue;
    const trueS = (course.passedAt - k) * HOUR_S;
    const result = await forecast({ twin, model, state, horizonS: REACH * trueS, points: 60 });
    found.push(outcome(result, result.parameters[name]!, trueS, rng));
  }
  return found;
}

/** Width of the 80 % interval, as a share of the true time; a later end counts as the horizon's. */
function widthOf({ interval80S: [from, to], trueS }: Outcome): number {
  return ((to ?? REACH * trueS!) - (from ?? REACH * trueS!)) / trueS!;
}

type Drawn = Job & { machine: string; shape: string; seed: number };

/** Whether forecasts mean what they say for wear of several shapes, on machines at rest. */
export const study = defineStudy({
  name: 'study:forecast-shapes',
  measures:
    'Whether forecasts mean what they say for wear of several shapes: the parameters of three machines at rest wear; the time at which the first of them passes a limit is forecast when it has gone 30, 60 and 85 % of the way, and compared with when it does.',
  takes: 'about 2 s a course',
  options: {
    seeds: count('courses of each machine and shape', 12),
    only: words('machines and shapes whose names contain one of these'),
  },
  jobs({ seeds, only }): Drawn[] {
    const machines = RESTING_MACHINES.map((m) => m.name);
    const shapes = SHAPES.map((s) => s.name);
    checkWords(only, [...machines, ...shapes]);
    return chosen(shapes, only, (name) => name).flatMap((shape) =>
      chosen(machines, only, (name) => name).flatMap((machine) =>
        Array.from({ length: seeds }, (_, k) => k + 1).map((seed) => ({
          key: `${shape}/${machine}/${seed}`,
          machine,
          shape,
          seed,
        })),
      ),
    );
  },
  run({ machine, shape, seed }) {
    const m = RESTING_MACHINES.find(({ name }) => name === machine)!;
    return forecasts(m, SHAPES.find(({ name }) => name === shape)!, seed);
  },
  tables(done) {
    const in80 = (outcomes: readonly Outcome[]) => insideOf(outcomes)[1]!;
    const width = (outcomes: readonly Outcome[]) => median(outcomes.map(widthOf)).toFixed(2);
    const rows = SHAPES.flatMap((shape) => {
      const own = done.filter(({ job }) => job.shape === shape.name);
      if (own.length === 0) return [];
      const all = own.flatMap(({ result }) => result);
      const byLead = LEADS.map((_, k) => own.map(({ result }) => result[k]!));
      const early = all.filter(({ pit }) => pit > 0.5).length;
      const medians = all.map((o) => (o.medianS ?? REACH * o.trueS!) / o.trueS!);
      return [
        [
          `${shape.name}${shape.heldBack ? ' *' : ''}`,
          all.length,
          ...insideOf(all),
          byLead.map(in80).join(' / '),
          percent(early, all.length),
          median(medians).toFixed(2),
          width(all),
          byLead.map(width).join(' / '),
        ],
      ];
    });
    const title = `Times to limit of ${RESTING_MACHINES.map((m) => m.name).join(', ')}; * was not aimed at while the forecast was made`;
    return markdown(
      title,
      [
        'wear',
        'forecasts',
        'in 50 %',
        'in 80 %',
        'in 95 %',
        'in 80 % at 30 / 60 / 85 %',
        'median too early, %',
        'forecast median ÷ true',
        'width of 80 % ÷ true',
        'at 30 / 60 / 85 %',
      ],
      rows,
    );
  },
});
