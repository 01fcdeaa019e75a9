import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { TwinError } from '../core/index.js';
import { filterSettings } from './calibrator.js';
import { initialNoise } from './noise.js';
import type { Twin, TwinModel } from './types.js';

/** A direction in parameter space that the sensors hardly see. */
export interface WeakDirection {
  /** Share of each parameter, largest first; a unit vector in ranges. */
  combination: { parameter: string; weight: number }[];
  /** Standard deviation along it from one sample, as a share of the range. */
  std: number;
}

/** What one sample of the sensors can tell about the parameters. */
export interface IdentifiabilityReport {
  twin: string;
  /** Parameters at which it holds. */
  at: Record<string, number>;
  /** Ratio of the largest to the smallest eigenvalue of the scaled Fisher information. */
  condition: number | null;
  parameters: Record<
    string,
    {
      /** Cramér-Rao bound from one sample; null where the sensors say nothing. */
      std: number | null;
      identifiable: boolean;
      /** Factor on all sensors' noise that would do (above 1: room to spare). */
      noiseFactor: number;
    }
  >;
  weakDirections: WeakDirection[];
  outputs: Record<string, number>;
}

/** One sample should tell a parameter to this share of its range. */
const WANTED_SHARE = 0.05;

/**
 * Fisher information of one sample about the parameters, from the model's slopes at the prior.
 *
 * @throws TwinError as the model does
 */
export async function identifiability(
  twin: Twin,
  model: TwinModel,
  signal?: AbortSignal,
): Promise<IdentifiabilityReport> {
  const { definition } = twin;
  const settings = filterSettings(twin);
  const inputs = Float64Array.from(definition.inputs, (i) => i.value ?? Number.NaN);
  const open = definition.inputs.filter((i) => i.value === undefined).map((i) => i.variable);
  if (open.length > 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `The check needs values for the inputs ${open.join(', ')}: give each a \`value\` in the twin definition.`,
    );
  }
  const at = Float64Array.from(definition.parameters, (p) => p.prior.mean);
  const points = [at];
  const steps = settings.range.map((range) => 0.01 * range);
  steps.forEach((step, i) => {
    const up = at.slice();
    const room = settings.bounds.upper[i]! - at[i]!;
    up[i]! += room >= step ? step : -step;
    points.push(up);
  });
  const values = await model.evaluate(points, inputs, signal);
  const failed = values.find((v) => !(v instanceof Float64Array));
  if (failed !== undefined) throw failed;
  const h = values as readonly Float64Array[];
  const noise = initialNoise(definition, [
    { timeS: 0, inputs, measured: h[0]!.slice(0, definition.measured.length) },
  ]);
  const n = at.length;
  const information = Matrix.zeros(n, n);
  definition.measured.forEach((_, o) => {
    const slope = points.slice(1).map((point, i) => {
      const step = point[i]! - at[i]!;
      return ((h[i + 1]![o]! - h[0]![o]!) / step / noise[o]!) * settings.range[i]!;
    });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        information.set(i, j, information.get(i, j) + slope[i]! * slope[j]!);
      }
    }
  });
  const eigen = new EigenvalueDecomposition(information, { assumeSymmetric: true });
  const lambda = eigen.realEigenvalues;
  const largest = Math.max(...lambda);
  const blind = (value: number) => !(value > 1e-14 * largest);
  const parameters: IdentifiabilityReport['parameters'] = {};
  definition.parameters.forEach((p, i) => {
    let variance = 0;
    lambda.forEach((value, k) => {
      const weight = eigen.eigenvectorMatrix.get(i, k) ** 2;
      if (blind(value)) variance = weight > 1e-9 ? Number.POSITIVE_INFINITY : variance;
      else variance += weight / value;
    });
    const share = Math.sqrt(variance);
    parameters[p.variable] = {
      std: Number.isFinite(share) ? share * settings.range[i]! : null,
      identifiable: share <= WANTED_SHARE,
      noiseFactor: Number.isFinite(share) ? WANTED_SHARE / share : 0,
    };
  });
  const weakDirections = lambda
    .map((value, k) => ({ std: blind(value) ? Number.POSITIVE_INFINITY : value ** -0.5, k }))
    .filter(({ std }) => std > WANTED_SHARE)
    .map(({ std, k }) => ({
      std,
      combination: definition.parameters
        .map((p, i) => ({ parameter: p.variable, weight: eigen.eigenvectorMatrix.get(i, k) }))
        .filter(({ weight }) => Math.abs(weight) > 0.2)
        .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)),
    }));
  const smallest = Math.min(...lambda);
  return {
    twin: definition.name,
    at: Object.fromEntries(definition.parameters.map((p, i) => [p.variable, at[i]!])),
    condition: blind(smallest) ? null : largest / smallest,
    parameters,
    weakDirections,
    outputs: Object.fromEntries(model.outputs.map((name, o) => [name, h[0]![o]!])),
  };
}

/** The report for people. */
export function identifiabilityLines(report: IdentifiabilityReport): string[] {
  const lines = [
    `${report.twin}: the definition fits its FMU; one run at the prior gave ${Object.keys(report.outputs).length} outputs.`,
    `Condition of the Fisher information: ${report.condition?.toPrecision(3) ?? 'infinite'}`,
  ];
  for (const [name, p] of Object.entries(report.parameters)) {
    const known =
      p.std === null ? 'not seen by any sensor' : `± ${p.std.toPrecision(3)} from one sample`;
    const verdict = p.identifiable
      ? 'identifiable'
      : p.std === null
        ? 'not identifiable at any noise'
        : `not identifiable: noise would have to be ${p.noiseFactor.toPrecision(2)} times what it is`;
    lines.push(`  ${name.padEnd(12)} ${known}: ${verdict}`);
  }
  for (const weak of report.weakDirections) {
    const text = weak.combination.map((c) => `${c.weight.toFixed(2)}·${c.parameter}`).join(' + ');
    lines.push(`  cannot be told apart: ${text}`);
  }
  return lines;
}
