import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import {
  loadConfig,
  pictureVariables,
  type TwinDefinition,
  twinSchema,
} from '../../config/index.js';
import { ConfigError, type Problem, readUserFile } from '../../core/index.js';
import { parseUnit } from '../../fmi/index.js';
import type { Twin } from '../types.js';
import { withDrawing } from './picture-file.js';

/**
 * Reads a twin definition, checks it, and fingerprints it with its FMU.
 *
 * @param path the twin.json (or YAML) file
 * @throws TwinError `FILE_NOT_FOUND` (definition or FMU); ConfigError with every problem
 */
export async function loadTwin(path: string): Promise<Twin> {
  const read = await loadConfig(twinSchema, path, 'twin definition');
  const definition =
    read.picture === undefined ? read : { ...read, picture: await withDrawing(read.picture, path) };
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw new ConfigError(path, problems);
  const fmuPath = resolve(dirname(resolve(path)), definition.fmu);
  if (/\.ssd$/i.test(fmuPath)) {
    throw new ConfigError(path, [
      {
        path: 'fmu',
        message: `found "${definition.fmu}": expected one file that holds all. Pack the system with its FMUs as a .ssp archive`,
      },
    ]);
  }
  const fmu = await readUserFile(fmuPath, 'FMU');
  return {
    definition,
    fmuPath,
    hash: twinHash(definition, createHash('sha256').update(fmu).digest('hex')),
  };
}

/**
 * What the schema alone cannot say: names used twice, a prior outside its bounds, a steady-state
 * twin with nothing to drive it.
 */
export function definitionProblems(definition: TwinDefinition): Problem[] {
  const problems: Problem[] = [];
  const seenVariables = new Map<string, string>();
  const seenAliases = new Map<string, string>();
  for (const section of ['inputs', 'measured', 'parameters', 'virtualSensors'] as const) {
    definition[section].forEach((item, i) => {
      const path = `${section}[${i}]`;
      const otherVariable = seenVariables.get(item.variable);
      if (otherVariable !== undefined) {
        problems.push({
          path: `${path}.variable`,
          message: `found "${item.variable}", which ${otherVariable} names already: expected each variable once (a measured one has its own estimate)`,
        });
      } else seenVariables.set(item.variable, path);
      if (item.alias === undefined) return;
      const otherAlias = seenAliases.get(item.alias);
      if (otherAlias !== undefined) {
        problems.push({
          path: `${path}.alias`,
          message: `found "${item.alias}", which ${otherAlias} has already: expected a stream of its own`,
        });
      } else seenAliases.set(item.alias, path);
    });
  }
  problems.push(...disturbanceProblems(definition));
  definition.inputs.forEach((input, i) => {
    if (input.value === undefined && input.alias === undefined && input.column === undefined) {
      problems.push({
        path: `inputs[${i}]`,
        message:
          'found neither `value` nor a stream: expected a fixed `value`, or the `alias` (or CSV `column`) to follow',
      });
    }
  });
  definition.parameters.forEach((p, i) => {
    const { mean } = p.prior;
    if ((p.lower !== undefined && mean < p.lower) || (p.upper !== undefined && mean > p.upper)) {
      problems.push({
        path: `parameters[${i}].prior.mean`,
        message: `found ${mean}: expected a mean inside [${p.lower ?? '-∞'}, ${p.upper ?? '∞'}]; move the prior or the bounds`,
      });
    }
  });
  for (const { path, variable } of pictureVariables(definition.picture ?? {})) {
    if (seenVariables.has(variable)) continue;
    problems.push({
      path,
      message: `found "${variable}", which the definition does not show: expected one of ${[...seenVariables.keys()].join(', ')}`,
    });
  }
  return problems;
}

/** What speaks against the disturbances of a definition. */
function disturbanceProblems({ disturbances, ...definition }: TwinDefinition): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  disturbances.forEach(({ on, unit }, i) => {
    const path = `disturbances[${i}]`;
    const { mode } = definition.simulation;
    if (mode !== 'transient') {
      problems.push({
        path,
        message: `found in a twin of mode "${mode}": expected simulation.mode "transient", as a state of rest tells of parameters and disturbances together only`,
      });
    }
    if (seen.has(on)) {
      problems.push({
        path: `${path}.on`,
        message: `found "${on}" twice: expected one disturbance for each variable`,
      });
    }
    seen.add(on);
    const output = [...definition.measured, ...definition.virtualSensors].find(
      (o) => o.variable === on,
    );
    if (output !== undefined) {
      problems.push({
        path: `${path}.on`,
        message: `found "${on}", which the model computes: expected an input or a parameter that can change while it runs`,
      });
    }
    const named = [...definition.inputs, ...definition.parameters].find((v) => v.variable === on);
    if (named !== undefined && unit !== undefined && unit !== named.unit) {
      problems.push({
        path: `${path}.unit`,
        message: `found "${unit}" for a variable whose unit is "${named.unit}": leave it out`,
      });
    }
  });
  return problems;
}

/**
 * The fingerprint that a saved state carries. What only names, alarms or publishes is left out, so
 * that an alias or an alarm limit may change without losing the state.
 *
 * @param fmuSha256 hex digest of the FMU's content
 */
export function twinHash(definition: TwinDefinition, fmuSha256: string): string {
  // A state goes on under other hypotheses, and however the model is linearised.
  const { trendScales, noiseScales, linearise, ...estimator } = definition.estimator;
  const relevant = {
    fmuSha256,
    inputs: definition.inputs.map(({ variable, value, unit }) => ({
      variable,
      value,
      ...scaleOf(unit),
    })),
    measured: definition.measured.map(({ variable, noiseStd, unit }) => ({
      variable,
      noiseStd,
      ...scaleOf(unit),
    })),
    parameters: definition.parameters.map(({ alias, unit, label, alarm, ...rest }) => ({
      ...rest,
      ...scaleOf(unit),
    })),
    simulation: {
      mode: definition.simulation.mode,
      interface: definition.simulation.interface,
    },
    estimator,
    ...(definition.disturbances.length === 0
      ? {}
      : {
          disturbances: definition.disturbances.map(({ on, std, timeConstantS, unit = '' }) => ({
            on,
            std,
            timeConstantS,
            ...scaleOf(unit),
          })),
        }),
    ...(definition.simulation.mode === 'steady-state' ? {} : { transient: definition.transient }),
  };
  return createHash('sha256').update(JSON.stringify(relevant)).digest('hex');
}

/** A twin's version, as results, states and what is kept of it are named by: the fingerprint's first digits. */
export const versionOf = (hash: string): string => hash.slice(0, 12);

/** What a unit makes of numbers; nothing for SI units, so that their spelling may change. */
function scaleOf(unit: string): { scale?: [factor: number, offset: number] } {
  const { factor, offset } = parseUnit(unit) ?? { factor: 1, offset: 0 };
  return factor === 1 && offset === 0 ? {} : { scale: [factor, offset] };
}
