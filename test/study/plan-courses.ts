import { createRng, type Rng } from '../../shared/core/index.js';
import {
  createCalibrator,
  type Plan,
  plan,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { webLine } from './algebraic-web-line.js';

const ROW_S = 4 * 3600;
const ROWS_BEFORE = 60;
const HORIZON_S = 7 * 86_400;
const ROWS_AHEAD = HORIZON_S / ROW_S;
const SIGMA = 1e-4;
const LIMIT_N = 85;
const S9 = 18 + 8;
const STAND_S = 4 * 3600;

const drags = ([b3, b9]: readonly [number, number]) => [0, 0, b3, 0, 0, 0, 0, b9, 0];

/** The algebraic line with its speed as input. */
const model: TwinModel = {
  outputs: [],
  evaluate: async (points, [speed]) =>
    points.map(([b3 = 0, b9 = 0]) => {
      const y = webLine(drags([b3, b9]), undefined, speed);
      return Float64Array.of(...y.subarray(0, 9), y[S9]!);
    }),
  close: async () => {},
};

/** The web line with b3 and b9 to be found, S9 to be kept above its limit, and most web to be run. */
export function planTwin(twin: Twin, risk: number): Twin {
  const { definition } = twin;
  const parameters = definition.parameters.filter((p) => ['b3', 'b9'].includes(p.variable));
  return {
    ...twin,
    definition: {
      ...definition,
      inputs: definition.inputs.filter((i) => i.variable === 'lineSpeed'),
      parameters: parameters.map((p) => ({ ...p, prior: { mean: 0.01, std: 0.01 } })),
      measured: definition.measured.map((m) => ({ ...m, noiseStd: SIGMA })),
      virtualSensors: [
        { variable: 'S9_Tension_N', alias: '/study/s9', unit: 'N', alarm: { below: LIMIT_N } },
      ],
      decisions: {
        inputs: [{ variable: 'lineSpeed', lower: 0.5, upper: 1.2, cost: 0 }],
        maintenance: [{ name: 'change R9', resets: ['b9'], costs: 0, takesS: STAND_S }],
        objective: { sense: 'maximise', of: 'lineSpeed', atLimit: 'stop', unit: 'm' },
        risk,
        horizonS: HORIZON_S,
      },
    },
  };
}

/** True drags by the trend model that the filter believes in, the one of R9 worn and wearing on. */
function wear(rng: Rng, twin: Twin, rows: number, from: number, pace: number): number[] {
  const [p] = twin.definition.parameters;
  const range = p!.upper! - p!.lower!;
  const q = 3 * (range / 2) ** 2;
  const tau = ROW_S / p!.wearHorizonS!;
  let b = from;
  let v = pace * range;
  return Array.from({ length: rows }, () => {
    const here = b;
    const kick = Math.sqrt(q * tau) * rng.normal();
    b += tau * (v + kick / 2) + Math.sqrt((q * tau ** 3) / 12) * rng.normal();
    v += kick;
    return here;
  });
}

/** What a way yields on a true course: web until a limit stops the line, and whether one did. */
function yieldOf(
  way: Plan['plan'],
  b3: readonly number[],
  b9: readonly number[],
  fresh: readonly number[],
): { webM: number; passed: boolean } {
  let webM = 0;
  for (let row = 0; row <= ROWS_AHEAD; row++) {
    const aheadS = row * ROW_S;
    const repair = way.maintenance;
    const until = repair === undefined ? 0 : repair.aheadS + repair.takesS;
    const isAfter = repair !== undefined && aheadS >= until;
    if (repair !== undefined && aheadS > repair.aheadS && !isAfter) continue;
    const speed = (isAfter ? repair.inputs.lineSpeed : way.inputs.lineSpeed) ?? 1;
    const age = repair === undefined ? 0 : Math.round((aheadS - repair.aheadS) / ROW_S);
    const drag9 = isAfter ? fresh[age]! : b9[ROWS_BEFORE + row]!;
    const y = webLine(drags([b3[ROWS_BEFORE + row]!, drag9]), undefined, speed);
    if (y[S9]! < LIMIT_N) return { webM, passed: true };
    // The step that ends with the repair's end was a stand.
    if (row > 0 && !(isAfter && aheadS - until < ROW_S)) webM += speed * ROW_S;
  }
  return { webM, passed: false };
}

/** Most violations among courses that a risk explains with 95 %: a binomial quantile. */
function mostOf(courses: number, risk: number): number {
  let p = (1 - risk) ** courses;
  let sum = p;
  let k = 0;
  while (sum < 0.95) {
    k++;
    p *= ((courses - k + 1) / k) * (risk / (1 - risk));
    sum += p;
  }
  return k;
}

export interface Followed {
  courses: number;
  feasible: number;
  violations: number;
  /** Sum of the promised risks: violations that were to be expected. */
  promised: number;
  mostAllowed: number;
  todayViolations: number;
  gainInBand: number;
  meanGain: number;
  meanPromisedGain: number;
}

/** What came of one plan. */
export interface PlanResult {
  feasible: boolean;
  todayPassed: boolean;
  /** Of a plan within the risk. */
  passed: boolean;
  promisedRisk: number;
  gain: number;
  promisedGain: number;
  gainInBand: boolean;
}

/** A plan for a seeded course, followed on its truth. */
export async function followPlan(twin: Twin, seed: number): Promise<PlanResult> {
  const rng = createRng(seed);
  const rows = ROWS_BEFORE + ROWS_AHEAD + 1;
  const b3 = wear(rng, twin, rows, 0.01, 0);
  const b9 = wear(rng, twin, rows, 0.02, 0.02 + 0.08 * rng.uniform());
  // A new part is as the definition's prior has it.
  const fresh = wear(rng, twin, ROWS_AHEAD + 1, 0.01 + 0.01 * rng.normal(), 0.0155 * rng.normal());
  const calibrator = createCalibrator({ twin, model });
  let state = calibrator.initialState();
  for (let row = 0; row <= ROWS_BEFORE; row++) {
    const exact = webLine(drags([b3[row]!, b9[row]!]));
    const measured = Float64Array.from({ length: 9 }, (_, i) => exact[i]! + SIGMA * rng.normal());
    const sample = { timeS: row * ROW_S, inputs: Float64Array.of(1), measured };
    ({ state } = await calibrator.step(state, sample));
  }
  const result = await plan({ twin, model, state, courses: { search: 300, judge: 1000 } });
  const usual = yieldOf(result.today, b3, b9, fresh);
  const own = yieldOf(result.plan, b3, b9, fresh);
  const gain = own.webM - usual.webM;
  return {
    feasible: result.feasible,
    todayPassed: usual.passed,
    passed: own.passed,
    promisedRisk: result.plan.risk,
    gain,
    promisedGain: result.gain.mean,
    gainInBand: gain >= result.gain.lower95 - 1 && gain <= result.gain.upper95 + 1,
  };
}

/** What plans promised and what came of them; those that found no way within the risk count apart. */
export function summarizePlans(results: readonly PlanResult[], risk: number): Followed {
  const kept = results.filter((r) => r.feasible);
  const sum = (of: (r: PlanResult) => number) => kept.reduce((total, r) => total + of(r), 0);
  return {
    courses: results.length,
    feasible: kept.length,
    violations: kept.filter((r) => r.passed).length,
    promised: sum((r) => r.promisedRisk),
    mostAllowed: mostOf(kept.length, risk),
    todayViolations: results.filter((r) => r.todayPassed).length,
    gainInBand: kept.filter((r) => r.gainInBand).length,
    meanGain: sum((r) => r.gain) / Math.max(1, kept.length),
    meanPromisedGain: sum((r) => r.promisedGain) / Math.max(1, kept.length),
  };
}
