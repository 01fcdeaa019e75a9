import { createWorkspace, diagonal, srKfPredict, srKfUpdate } from '../../kalman/index.js';
import { beside, drivenOf, first } from './input-drive.js';
import type { LinearRun } from './linearise.js';

/** The states as they are if the parameters are exactly the newest fit's: mean and lower factor. */
export interface HeldStates {
  readonly x: Float64Array;
  readonly S: Float64Array;
}

/**
 * What a time adds to a state's standard deviation.
 *
 * @param scale its typical magnitude
 * @param speed how fast the model moves it, per second
 * @param noise `share` of the scale per √s; `speedNoise`, √s, times the speed
 */
export const stateNoiseStd = (
  scale: number,
  speed: number,
  { share, speedNoise }: { share: number; speedNoise: number },
  dtS: number,
): number => Math.hypot(share * scale, speedNoise * speed) * Math.sqrt(dtS);

/** What a sample says of them. */
export interface HeldStep {
  states: HeldStates;
  /** Measured less predicted, per channel; `NaN` where there is none. */
  innovation: Float64Array;
  /** Its predicted standard deviation. */
  std: Float64Array;
  /** Normalised innovation squared of all channels that have a value. */
  nis: number;
}

/**
 * One step of the filter whose noise a fit found by likelihood, the parameters held. Its innovations
 * are noise until something happens that the model lacks; those of the joint filter hide it in the
 * bands of the parameters. It costs no model run: the joint filter's straight line serves both.
 *
 * @param n number of parameters
 * @param stateStd per state: what the time since the last sample adds
 * @param ignored channels whose values are looked at but not believed
 */
export function heldStep(
  held: HeldStates,
  run: LinearRun,
  n: number,
  input: {
    measured: Float64Array;
    noiseStd: Float64Array;
    stateStd: Float64Array;
    ignored: readonly number[];
  },
): HeldStep {
  const { measured, noiseStd, stateStd, ignored } = input;
  const ns = held.x.length;
  const m = measured.length;
  const p = n + ns;
  const workspace = createWorkspace();
  const { mean } = run;
  const driven = drivenOf(run);
  const width = ns + driven;
  /** Slopes by the states, then by what noise of the inputs adds, which is one deviation wide. */
  const slopes = (from: number, rows: number) =>
    Float64Array.from({ length: rows * width }, (_, i) => {
      const [row, k] = [from + Math.floor(i / width), i % width];
      return k < ns ? run.slope[row * p + n + k]! : run.drive![row * driven + k - ns]!;
    });
  const F = new Float64Array(width * width);
  F.set(slopes(0, ns));
  const start = srKfPredict(
    beside({ x: held.x.map((v, i) => v - run.centre[n + i]!), S: held.S }, driven),
    {
      F: diagonal(new Float64Array(width).fill(1)),
      rootQ: diagonal(Float64Array.of(...stateStd, ...new Float64Array(driven))),
    },
    workspace,
  );
  const z = measured.map((v, o) => v - mean[ns + o]!);
  const line = { H: slopes(ns, m), rootR: diagonal(noiseStd) };
  const seen = srKfUpdate(start, { ...line, z }, workspace);
  const { innovation } = seen;
  const believed =
    ignored.length === 0
      ? seen
      : srKfUpdate(
          start,
          { ...line, z: z.map((v, o) => (ignored.includes(o) ? Number.NaN : v)) },
          workspace,
        );
  const end = first(
    srKfPredict(believed, { F, rootQ: new Float64Array(width * width) }, workspace),
    ns,
  );
  return {
    states: { x: end.x.map((v, i) => v + mean[i]!), S: end.S },
    innovation: innovation.y.slice(),
    std: innovation.std.slice(),
    nis: innovation.nis,
  };
}
