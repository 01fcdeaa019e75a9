import type { ModelVariable } from '../description/model-description.js';
import type { CallGate } from './call-gate.js';
import { nameSome } from './call-trace.js';
import type { Float64Block } from './instance.js';
import { allocate, release } from './native.js';
import { STATUS_WARNING } from './status.js';

/** Memory shared with the Real variables of an FMU of FMI 1.0 or 2.0, whose calls are alike. */
export function realBlock(gate: CallGate, variables: readonly ModelVariable[]): Float64Block {
  const n = variables.length;
  const vr = allocate(Uint32Array, n);
  vr.values.set(variables.map((v) => v.valueReference));
  const data = allocate(Float64Array, n);
  const types = ['void *', 'void *', 'size_t', 'void *'];
  const get = gate.bind('GetReal', 'int', types);
  const set = gate.bind('SetReal', 'int', types);
  const component = gate.component;
  const negated = variables.flatMap((v, i) => (v.negated === true ? [i] : []));
  const turn = () => {
    for (const i of negated) data.values[i] = -(data.values[i] as number);
  };
  return {
    values: data.values,
    get: () => {
      if (n === 0) return;
      const status = get(component, vr.pointer, n, data.pointer) as number;
      if (status > STATUS_WARNING) throw gate.error('GetReal', status);
      if (negated.length > 0) turn();
    },
    set: () => {
      if (n === 0) return;
      if (negated.length > 0) turn();
      const status = set(component, vr.pointer, n, data.pointer) as number;
      if (negated.length > 0) turn();
      if (status > STATUS_WARNING) throw gate.error('SetReal', status, nameSome(variables));
    },
    release: () => {
      release(vr);
      release(data);
    },
  };
}
