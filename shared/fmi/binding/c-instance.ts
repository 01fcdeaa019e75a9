import type { CallGate } from './call-gate.js';
import { allocate, type Pointer, readBytes, release } from './native.js';

/** Where the two versions name the same function differently. */
export interface CNames {
  state: 'FMUstate' | 'FMUState';
  deserialize: 'DeSerialize' | 'Deserialize';
  derivatives: 'GetDerivatives' | 'GetContinuousStateDerivatives';
}

/** What FMI 2 and FMI 3 have in common but for names: modes, continuous states, FMU states. */
export class CInstance {
  protected readonly gate: CallGate;
  readonly #names: CNames;

  constructor(gate: CallGate, names: CNames) {
    this.gate = gate;
    this.#names = names;
  }

  exitInitializationMode(): void {
    this.gate.call('ExitInitializationMode', []);
  }

  terminate(): void {
    this.gate.call('Terminate', []);
  }

  enterEventMode(): void {
    this.gate.call('EnterEventMode', []);
  }

  enterContinuousTimeMode(): void {
    this.gate.call('EnterContinuousTimeMode', []);
  }

  setTime(time: number): void {
    this.gate.call('SetTime', ['double'], time);
  }

  #vector(name: string, vector: Float64Array): void {
    if (vector.length === 0) return;
    this.gate.call(name, ['double *', 'size_t'], vector, vector.length);
  }

  getContinuousStates(states: Float64Array): void {
    this.#vector('GetContinuousStates', states);
  }

  setContinuousStates(states: Float64Array): void {
    this.#vector('SetContinuousStates', states);
  }

  getDerivatives(derivatives: Float64Array): void {
    this.#vector(this.#names.derivatives, derivatives);
  }

  getNominals(nominals: Float64Array): void {
    this.#vector('GetNominalsOfContinuousStates', nominals);
  }

  getEventIndicators(indicators: Float64Array): void {
    this.#vector('GetEventIndicators', indicators);
  }

  getFmuState(previous: Pointer = 0n): Pointer {
    const holder = allocate(BigUint64Array, 1);
    try {
      holder.values[0] = previous;
      this.gate.call(`Get${this.#names.state}`, ['void *'], holder.pointer);
      return holder.values[0] as Pointer;
    } finally {
      release(holder);
    }
  }

  setFmuState(state: Pointer): void {
    this.gate.call(`Set${this.#names.state}`, ['void *'], state);
  }

  freeFmuState(state: Pointer): void {
    const holder = allocate(BigUint64Array, 1);
    try {
      holder.values[0] = state;
      this.gate.call(`Free${this.#names.state}`, ['void *'], holder.pointer);
    } finally {
      release(holder);
    }
  }

  serializeFmuState(state: Pointer): Uint8Array {
    const size = allocate(BigUint64Array, 1);
    try {
      this.gate.call(
        `Serialized${this.#names.state}Size`,
        ['void *', 'void *'],
        state,
        size.pointer,
      );
      const length = Number(size.values[0]);
      const data = allocate(Uint8Array, length);
      try {
        this.gate.call(
          `Serialize${this.#names.state}`,
          ['void *', 'void *', 'size_t'],
          state,
          data.pointer,
          length,
        );
        return readBytes(data.pointer, length);
      } finally {
        release(data);
      }
    } finally {
      release(size);
    }
  }

  deserializeFmuState(bytes: Uint8Array): Pointer {
    const data = allocate(Uint8Array, bytes.length);
    const holder = allocate(BigUint64Array, 1);
    try {
      data.values.set(bytes);
      this.gate.call(
        `${this.#names.deserialize}${this.#names.state}`,
        ['void *', 'size_t', 'void *'],
        data.pointer,
        bytes.length,
        holder.pointer,
      );
      return holder.values[0] as Pointer;
    } finally {
      release(data);
      release(holder);
    }
  }
}
