import { didYouMean, TwinError } from '../../core/index.js';
import { findVariable, type ModelDescription, type ModelVariable } from './model-description.js';
import { quote } from './xml-attributes.js';

/** A variable by name. @throws TwinError `VARIABLE_UNKNOWN` with names that come near */
export function variableOf(md: ModelDescription, name: string): ModelVariable {
  const variable = findVariable(md, name);
  if (variable === undefined) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `${md.modelName} has no variable ${quote(name)}${didYouMean(
        name,
        md.variables.map((v) => v.name),
      )}. \`twinloop fmu info\` lists them.`,
    );
  }
  return variable;
}
