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
import { drawWear, RESTING, SHAPES, type WearingCourse, type WearShape } from './wear/shapes.js';

const HOUR_S = 3600;
const HORIZON_S = 12 * 86_400;
/** Shares of the wear to the limit at which the time to it is forecast; of a record of parts at rest, of its time. */
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

/** Shares of the wear horizon after which the risk of parts at rest is asked. */
const AHEAD = [0.25, 0.5, 1] as const;

/** What is made of one course, by lead: times to the limit or, of parts at rest, risks by time ahead. */
type Made = { times: Outcome[] } | { risks: number[][] };

/** Calibrates along one course, and asks at each lead's row. */
async function followed<R>(
  m: RestingMachine,
  course: WearingCourse,
  rows: readonly number[],
  ask: (twin: Twin, model: TwinModel, state: CalibratorState, row: number) => Promise<R>,
): Promise<R[]> {
  const twin = twinOf(m, course);
  const model: TwinModel = {
    outputs: [],
    evaluate: async (points, inputs) => points.map((p) => m.atRest(p, inputs)),
    close: async () => {},
  };
  const calibrator = createCalibrator({ twin, model });
  let state: CalibratorState = calibrator.initialState();
  const found: R[] = [];
  for (let k = 0; k <= rows.at(-1)!; k++) {
    const sample = {
      timeS: k * HOUR_S,
      inputs: course.inputs[k]!,
      measured: course.measured[k]!,
    };
    ({ state } = await calibrator.step(state, sample));
    if (!rows.includes(k)) continue;
    found.push(await ask(twin, model, state, k));
  }
  return found;
}

async function made(m: RestingMachine, shape: WearShape, seed: number): Promise<Made> {
  const [{ from, name }] = m.parameters as [RestingMachine['parameters'][number]];
  if (shape === RESTING) {
    const course = drawWear(m, shape, createRng(1000 * SHAPES.length + seed));
    const rows = LEADS.map((lead) => Math.floor(lead * course.passedAt));
    const risks = await followed(m, course, rows, async (twin, model, state) => {
      const result = await forecast({ twin, model, state, horizonS: HORIZON_S, points: 24 });
      const { passedLimit } = result.parameters[name]!;
      return AHEAD.map((share) => passedLimit![24 * share]!);
    });
    return { risks };
  }
  const rng = createRng(1000 * SHAPES.indexOf(shape) + seed);
  const course = drawWear(m, shape, rng);
  const rows = LEADS.map((lead) =>
    course.truth.findIndex(([b = 0]) => (b - from) / (course.limit - from) >= lead),
  );
  const times = await followed(m, course, rows, async (twin, model, state, row) => {
    const trueS = (course.passedAt - row) * HOUR_S;
    const result = await forecast({ twin, model, state, horizonS: REACH * trueS, points: 60 });
    return outcome(result, result.parameters[name]!, trueS, rng);
  });
  return { times };
}

/** Width of the 80 % interval, as a share of the true time; a later end counts as the horizon's. */
function widthOf({ interval80S: [from, to], trueS }: Outcome): number {
  return ((to ?? REACH * trueS!) - (from ?? REACH * trueS!)) / trueS!;
}

const ALL = [...SHAPES, RESTING];

type Drawn = Job & { machine: string; shape: string; seed: number };

/** How probable it is said to be that parts at rest pass a limit, by machine. */
function restTable(resting: readonly { machine: string; risks: number[][] }[]): string[] {
  const machines = [...new Set(resting.map(({ machine }) => machine))];
  return markdown(
    'Probability in percent with which parts at rest are said to pass the limit, mean (largest)',
    ['machine', 'forecasts', ...AHEAD.map((share) => `within ${share} wear horizons`)],
    machines.map((machine) => {
      const own = resting.filter((r) => r.machine === machine).flatMap(({ risks }) => risks);
      return [
        machine,
        own.length,
        ...AHEAD.map((_, k) => {
          const at = own.map((risks) => risks[k]!);
          const mean = at.reduce((sum, risk) => sum + risk, 0) / at.length;
          return `${percent(mean, 1, 1)} (${percent(Math.max(...at), 1, 1)})`;
        }),
      ];
    }),
  );
}

/** Whether forecasts mean what they say for wear of several shapes, on machines at rest. */
export const study = defineStudy({
  name: 'study:forecast-shapes',
  measures:
    'Whether forecasts mean what they say for wear of several shapes: the parameters of three machines at rest wear; the time at which the first of them passes a limit is forecast when it has gone 30, 60 and 85 % of the way, and compared with when it does. Of parts at rest it is asked how probable passing the same limit is said to be.',
  takes: 'about 2 s a course',
  options: {
    seeds: count('courses of each machine and shape', 12),
    only: words('machines and shapes whose names contain one of these'),
  },
  jobs({ seeds, only }): Drawn[] {
    const machines = RESTING_MACHINES.map((m) => m.name);
    const shapes = ALL.map((s) => s.name);
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
    return made(m, ALL.find(({ name }) => name === shape)!, seed);
  },
  tables(done) {
    const in80 = (outcomes: readonly Outcome[]) => insideOf(outcomes)[1]!;
    const width = (outcomes: readonly Outcome[]) => median(outcomes.map(widthOf)).toFixed(2);
    const rows = SHAPES.flatMap((shape) => {
      const own = done.flatMap(({ job, result }) =>
        job.shape === shape.name && 'times' in result ? [result.times] : [],
      );
      if (own.length === 0) return [];
      const all = own.flat();
      const byLead = LEADS.map((_, k) => own.map((times) => times[k]!));
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
    const wearing = markdown(
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
    const resting = done.flatMap(({ job, result }) =>
      'risks' in result ? [{ machine: job.machine, risks: result.risks }] : [],
    );
    return [...(rows.length > 0 ? wearing : []), ...(resting.length > 0 ? restTable(resting) : [])];
  },
});
