import type { FmiLogMessage, FmuInstance } from '../binding/instance.js';
import type { ScalarValue, VariableType } from '../description/model-description.js';
import type { Assignment } from '../description/start-values.js';
import { setAgainText } from './habits.js';

/**
 * Sets what the FMU lost on its way into initialization mode once more, and says what it does not
 * take even then.
 */
export function holdStartValues(
  instance: FmuInstance,
  assignments: readonly Assignment[],
  complain: (text: string, status?: FmiLogMessage['status']) => void,
): void {
  const lost = (assignment: Assignment) => {
    const { variable, values } = assignment;
    // Others may be computed, or set in configuration mode only.
    if (variable.initial !== 'exact' || variable.causality === 'structuralParameter') return false;
    return !alike(instance.getValue(variable), values, variable.type);
  };
  const again = assignments.filter(lost);
  for (const { variable, values } of again) instance.setValue(variable, values);
  if (again.length > 0) complain(setAgainText(again.map((a) => a.variable.name)), 'OK');
  for (const { variable, values } of again.filter(lost)) {
    complain(
      `${variable.name} was set to ${values.map(String).join(' ')}, but the FMU holds ${instance.getValue(variable).map(String).join(' ')}.`,
    );
  }
}

function alike(
  found: readonly ScalarValue[],
  wanted: readonly ScalarValue[],
  type: VariableType,
): boolean {
  // Models may keep less digits than they are given.
  const share = type === 'Float32' ? 1e-6 : 1e-9;
  return wanted.every((value, i) => {
    const other = found[i];
    if (typeof value === 'number' && typeof other === 'number') {
      return Math.abs(other - value) <= share * Math.abs(value) || Object.is(other, value);
    }
    if (value instanceof Uint8Array && other instanceof Uint8Array) {
      return Buffer.compare(value, other) === 0;
    }
    return value === other;
  });
}
