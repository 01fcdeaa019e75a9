import { TwinError } from '../../core/index.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
} from '../description/model-description.js';
import { scalarOf } from '../description/scalars.js';
import { variableOf } from '../description/variable-of.js';

/** A variable to record, or one element of it. */
export interface RecordedVariable extends ModelVariable {
  element?: number;
}

/**
 * The variables to record: names, elements of arrays, and patterns in which `*` stands for any characters and
 * `?` for one. A name that is a variable's own is no pattern. Each is recorded once, under the name that was
 * asked for: an alias is a column of its own.
 *
 * @param outputs default: all outputs
 * @throws TwinError `VARIABLE_UNKNOWN`, also for a pattern that fits nothing; `VALUE_INVALID`
 */
export function recordedVariables(
  md: ModelDescription,
  outputs: readonly string[] | undefined,
): RecordedVariable[] {
  const recordable = md.variables.filter((v) => v.type !== 'Clock');
  if (outputs === undefined) return recordable.filter((v) => v.causality === 'output');
  const found = new Map<string, RecordedVariable>();
  for (const asked of outputs) {
    const own = findVariable(md, asked);
    if (own !== undefined) found.set(asked, { ...own, name: asked });
    else if (/[*?]/.test(asked)) {
      const pattern = patternOf(asked);
      const fitting = recordable.filter((v) => pattern.test(v.name));
      if (fitting.length === 0) {
        throw new TwinError(
          'VARIABLE_UNKNOWN',
          `${JSON.stringify(asked)} fits no variable of ${md.modelName}. \`twinloop fmu info\` lists them.`,
        );
      }
      for (const v of fitting) found.set(v.name, v);
    } else if (/\]$/.test(asked)) {
      const { variable, element } = scalarOf(md, asked);
      found.set(asked, { ...variable, name: asked, ...(element !== undefined && { element }) });
    } else variableOf(md, asked);
  }
  return [...found.values()];
}

function patternOf(text: string): RegExp {
  const parts = text.split(/([*?])/).map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}
