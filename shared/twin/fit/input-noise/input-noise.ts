import { createRng, messageOf } from '../../../core/index.js';
import { sandwich as sandwichOf } from '../../../kalman/index.js';
import { statedInputs } from '../../filter/input-noise.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { addAlong, larger, widened } from '../bands/loewner.js';
import { movedBy } from '../bands/moved-by.js';
import type { FoundInput } from '../fitting/added.js';
import type { Fit } from '../fitting/fit.js';
import { whiteInformation } from '../fitting/sources.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { priorOf } from '../unknowns/prior.js';
import { foundInputNoiseFindings } from './found-input-noise.js';

/** Records with other noise that a moving machine is run along: deviations are known within a seventh. */
const DRAWS = 24;
/** The same numbers at each fit: what a fit says does not change when it is made again. */
const SEED = 20_240_229;

/**
 * Widens a fit's bands by the noise of its inputs, stated or found. The machine followed what its inputs were, the
 * model what was read of them: what the difference does to the outputs, δ, moves the unknowns by
 * A⁻¹ GᵀR⁻¹ δ.
 *
 * - A moving machine remembers: δ is drawn, by runs along the record with other noise on its inputs.
 * - States of rest do not: one run for each input gives δ of each sample, and their squares add up.
 *
 * Memory of the residuals may hold some of it already. So the covariance does not become the sum of both, but in
 * every direction at least what the noise of sensors, the priors and the noise of inputs make together.
 *
 * No model runs where no noise of an input is stated or found.
 *
 * @param found of inputs for which none is stated
 * @see Efron & Tibshirani, An Introduction to the Bootstrap (1993), 6.5 (parametric bootstrap)
 */
export async function withInputNoise(
  context: FitContext,
  fit: Fit,
  found: readonly FoundInput[] = [],
): Promise<Fit> {
  const { inputs, simulation } = context.twin.definition;
  const noise = new Map([
    ...statedInputs(inputs).map((i) => [i, inputs[i]!.noiseStd!] as const),
    ...found.map(({ input, std }) => [input, std] as const),
  ]);
  if (noise.size === 0) return fit;
  const { coordinates, record, u, noiseStd, columns, covariance } = fit;
  const n = coordinates.length;
  const rests = simulation.mode === 'steady-state';
  const rng = createRng(SEED);
  const stdOf = (i: number) => noise.get(i) ?? 0;
  const disturbed: Float64Array[][] = rests
    ? [...noise.keys()].map((i) =>
        record.inputs.map((column, k) => column.map((v) => (k === i ? v + stdOf(i) : v))),
      )
    : Array.from({ length: DRAWS }, () =>
        record.inputs.map((column, i) =>
          stdOf(i) === 0 ? column : column.map((v) => v + stdOf(i) * rng.normal()),
        ),
      );
  const moved = new Float64Array(n * n);
  let failed = 0;
  let problemOfRun: unknown;
  for (const other of disturbed) {
    const otherwise = fitProblem(context, coordinates, { ...record, inputs: other });
    const [run] = await otherwise.simulate([u]);
    if (run === undefined || run instanceof Error) {
      failed++;
      problemOfRun = run;
      continue;
    }
    const spans = rests ? record.timesS.length : 1;
    const rows = record.timesS.length / spans;
    for (let s = 0; s < spans; s++) {
      addAlong(moved, n, movedBy(fit, run, s * rows, (s + 1) * rows), 1);
    }
  }
  const runs = disturbed.length;
  if (!rests && failed < runs) for (let i = 0; i < n * n; i++) moved[i]! /= runs - failed;
  const variance = Float64Array.from({ length: n }, (_, j) => moved[j * (n + 1)]!);
  if (failed === runs || (rests && failed > 0)) {
    return {
      ...fit,
      inputNoise: { found, variance, runs, failed, unknown: messageOf(problemOfRun) },
    };
  }
  const { measured } = context.twin.definition;
  const white = whiteInformation(
    record.data,
    record.channels,
    columns,
    noiseStd,
    measured.map((m, c) => m.noiseStd ?? fit.residualModels[c]!.white),
  );
  const prior = priorOf(coordinates);
  const { white: inverse, sandwich, tFactor } = covariance;
  const least = sandwichOf(
    inverse,
    white.map((v, i) => v + prior.precision[i]!),
    n,
    n,
  );
  const wider = larger(
    sandwich,
    least.map((v, i) => v + moved[i]!),
    n,
  );
  const more = wider.map((v, i) => v - sandwich[i]!);
  return {
    ...fit,
    covariance: {
      ...covariance,
      covariance: widened(
        covariance.covariance,
        more.map((v) => tFactor ** 2 * v),
        n,
        prior,
      ),
      sandwich: widened(sandwich, more, n, prior),
    },
    inputNoise: { found, variance, runs, failed },
  };
}

/** Names noise of inputs that nobody stated, and says where it is not in the bands, or known by few runs. */
export function inputNoiseFindings({ definition }: Twin, { inputNoise }: Fit): Finding[] {
  if (inputNoise === undefined) return [];
  const { found, runs, failed, unknown } = inputNoise;
  const findings: Finding[] = foundInputNoiseFindings(definition, found);
  if (failed === 0) return findings;
  const reason =
    unknown === undefined
      ? `the model failed in ${failed} of ${runs} runs with noise on its inputs: what it does to the bands is known from the others`
      : `what the noise of inputs does is not in the bands: the model failed in ${failed} of ${runs} runs with it: ${unknown}`;
  return [...findings, { grade: 'care', reason }];
}
