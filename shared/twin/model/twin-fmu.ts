import { modelSensors } from '../../config/index.js';
import {
  ConfigError,
  type Logger,
  type Problem,
  TwinError,
  unknownNames,
} from '../../core/index.js';
import {
  createFmuPool,
  elementNames,
  type Fmu,
  type FmuPool,
  findScalar,
  type Interpolation,
  type ModelDescription,
  openFmu,
  type Scalar,
} from '../../fmi/index.js';
import { inputInterpolations } from '../definition/input-interpolation.js';
import { type ForceTarget, forceTargets } from '../disturbances/index.js';
import type { Twin } from '../types.js';
import { InDefinitionUnits, type TwinRuns } from './definition-units.js';

/** A twin's FMU, checked against the definition, with runs that speak the definition's units. */
export interface TwinFmu {
  fmu: Fmu;
  runs: TwinRuns;
  /** How each input runs between samples: switches and whole numbers are kept. */
  interpolations: readonly Interpolation[];
  /** The same, were the definition to say these. */
  interpolationsAs(said: readonly Interpolation[]): Interpolation[];
  /** What the definition's disturbances add to, in its order. */
  forces: readonly ForceTarget[];
  /** The same of variables that none is declared for. */
  targetsOf(disturbances: readonly { on: string }[]): readonly ForceTarget[];
  close(): Promise<void>;
}

/**
 * Opens a twin's FMU.
 *
 * @throws TwinError `FMU_INVALID`, `FMU_UNSUPPORTED`, `VARIABLE_UNKNOWN` with every unknown name;
 *   ConfigError with every variable that can't be what the definition makes of it, and every unit
 *   that can't be converted
 */
export async function openTwinFmu(
  twin: Twin,
  options: { lanes?: number; logger?: Logger } = {},
): Promise<TwinFmu> {
  const { definition } = twin;
  const fmu = await openFmu(twin.fmuPath, { masterStepSizeS: definition.simulation.stepSizeS });
  const units = checkedUnits(twin, fmu.modelDescription);
  const pool: FmuPool = await createFmuPool({
    fmu,
    timeoutMs: definition.simulation.timeoutS * 1000,
    ...(options.lanes === undefined ? {} : { lanes: options.lanes }),
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  });
  const targetsOf: TwinFmu['targetsOf'] = (disturbances) =>
    forceTargets({ ...definition, disturbances }, fmu.modelDescription, (name, value) =>
      units.fromFmu(name, value),
    );
  const interpolationsAs: TwinFmu['interpolationsAs'] = (said) =>
    fmuInterpolations(twin, fmu.modelDescription, said);
  return {
    fmu,
    runs: units.over(pool),
    targetsOf,
    interpolations: interpolationsAs(inputInterpolations(definition)),
    interpolationsAs,
    forces: targetsOf(definition.disturbances),
    close: () => pool.close(),
  };
}

/** Accuracy of the solver between two samples, against that of coming to rest. */
const SOLVER_SHARE = 0.02;

/** The solver's relative tolerance between samples. */
export const solverTolerance = ({ definition }: Twin): number =>
  Math.max(1e-12, definition.simulation.relativeTolerance * SOLVER_SHARE);

/** How inputs run between samples: as is said, but for those that only jump. */
function fmuInterpolations(
  twin: Twin,
  md: ModelDescription,
  said: readonly Interpolation[],
): Interpolation[] {
  return twin.definition.inputs.map(({ variable }, i) => {
    const of = findScalar(md, variable)?.variable;
    return of !== undefined && of.variability !== 'continuous' ? 'hold' : (said[i] ?? 'linear');
  });
}

/** Names that a definition may use: arrays by their elements. */
function usableNames(md: ModelDescription): string[] {
  return md.variables.flatMap((v) => (v.dimensions.length === 0 ? [v.name] : elementNames(md, v)));
}

/**
 * Checks every variable of a definition, its type and its unit.
 *
 * @throws as {@link openTwinFmu}
 */
export function checkedUnits(twin: Twin, md: ModelDescription): InDefinitionUnits {
  const { definition } = twin;
  const problems: Problem[] = [];
  const unknown: string[] = [];
  const units = new InDefinitionUnits(md);
  const checked = { ...definition, virtualSensors: modelSensors(definition) };
  for (const section of ['inputs', 'measured', 'parameters', 'virtualSensors'] as const) {
    checked[section].forEach(({ variable, unit }, i) => {
      const path = `${section}[${i}]`;
      const trying = (key: string, attempt: () => void) => {
        try {
          attempt();
        } catch (error) {
          if (!(error instanceof TwinError)) throw error;
          problems.push({ path: `${path}.${key}`, message: error.message });
        }
      };
      trying('variable', () => {
        const scalar = findScalar(md, variable);
        if (scalar === undefined) {
          unknown.push(variable);
          return;
        }
        if (section === 'parameters') checkFreedom(scalar);
        trying('unit', () => units.add(scalar, unit));
      });
    });
  }
  const named = new Set([...definition.inputs, ...definition.parameters].map((v) => v.variable));
  definition.disturbances.forEach(({ on, unit = '' }, i) => {
    const scalar = findScalar(md, on);
    if (scalar === undefined) {
      unknown.push(on);
      return;
    }
    try {
      checkMovable(scalar);
      if (!named.has(on)) units.add(scalar, unit);
    } catch (error) {
      if (!(error instanceof TwinError)) throw error;
      problems.push({ path: `disturbances[${i}].on`, message: error.message });
    }
  });
  if (unknown.length > 0) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `The FMU ${twin.fmuPath} has no variable ${unknownNames(unknown, usableNames(md))}: use the names that \`twinloop fmu info\` lists.`,
    );
  }
  if (problems.length > 0) throw new ConfigError(`${definition.name} with its FMU`, problems);
  return units;
}

/** A parameter must be able to take any value: what only switches can't be estimated. */
function checkFreedom({ name, variable }: Scalar): void {
  if (variable.type === 'Float64' || variable.type === 'Float32') return;
  throw new TwinError(
    'VALUE_INVALID',
    `${name} is of type ${variable.type}, and what only takes single values can't be estimated: make it an item of \`inputs\` with a \`value\`.`,
  );
}

/** What may be set only before a run cannot be disturbed along it. */
export const isMovable = ({ variable }: Scalar): boolean =>
  (variable.type === 'Float64' || variable.type === 'Float32') &&
  (variable.causality === 'input' || variable.variability === 'tunable');

function checkMovable(scalar: Scalar): void {
  if (isMovable(scalar)) return;
  const { name, variable } = scalar;
  throw new TwinError(
    'VALUE_INVALID',
    `${name} is a ${variable.variability} ${variable.causality} of type ${variable.type}, which nothing can be added to while the model runs: expected an input or a tunable parameter of type Float64.`,
  );
}

/** Values of parameters by the names of the FMU's variables. */
export const namedParameters = (
  { definition }: Twin,
  point: ArrayLike<number>,
): Record<string, number> =>
  Object.fromEntries(definition.parameters.map((p, i) => [p.variable, point[i]!]));
