import type { ModelVariable } from '../description/model-description.js';
import { FMI_STATUS } from './status.js';

/** A few names for a message. */
export function nameSome(variables: readonly ModelVariable[]): string {
  const names = variables.slice(0, 8).map((v) => v.name);
  return `setting ${names.join(', ')}${variables.length > 8 ? ', …' : ''}`;
}

/** One line of the call trace. */
export function traceLine(
  name: string,
  values: readonly unknown[],
  returned: unknown,
  resultType: string,
): string {
  const args = values.map((v) => {
    if (typeof v === 'bigint') return `0x${v.toString(16)}`;
    if (ArrayBuffer.isView(v))
      return `[${Array.from(v as Float64Array)
        .slice(0, 16)
        .join(', ')}]`;
    return typeof v === 'string' ? JSON.stringify(v) : String(v);
  });
  const outcome =
    resultType === 'int' && typeof returned === 'number'
      ? (FMI_STATUS[returned] ?? String(returned))
      : String(returned);
  return `${name}(${args.join(', ')}) -> ${outcome}`;
}
