import { deserialize, serialize } from 'node:v8';
import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import type { Pointer } from '../binding/native.js';
import type { ScalarValue } from '../description/model-description.js';

type Held = readonly (readonly [string, ScalarValue])[];

interface Kept {
  states: Pointer[];
  /** Values of the system's own connectors. */
  held: Held;
}

/** Runs something on each component's instance. */
type Each = (run: (instance: FmuInstance, index: number) => void) => void;

/** States of a whole system: those of its components, and the values of its own connectors. */
export class SystemStates {
  readonly #each: Each;
  readonly #kept = new Map<Pointer, Kept>();
  #next = 1n;

  constructor(each: Each) {
    this.#each = each;
  }

  /** Keeps the present state. */
  take(held: ReadonlyMap<string, ScalarValue>): Pointer {
    const states: Pointer[] = [];
    this.#each((instance) => states.push(instance.getFmuState()));
    return this.#keep({ states, held: [...held] });
  }

  /** Puts the components into a state. @returns the connectors' values in it */
  restore(state: Pointer): Held {
    const { states, held } = this.#at(state);
    this.#each((instance, index) => instance.setFmuState(states[index] as Pointer));
    return held;
  }

  free(state: Pointer): void {
    const kept = this.#kept.get(state);
    this.#kept.delete(state);
    this.#each((instance, index) => {
      const own = kept?.states[index];
      if (own !== undefined) instance.freeFmuState(own);
    });
  }

  serialize(state: Pointer): Uint8Array {
    const { states, held } = this.#at(state);
    const bytes: Uint8Array[] = [];
    this.#each((instance, index) => {
      bytes.push(instance.serializeFmuState(states[index] as Pointer));
    });
    return new Uint8Array(serialize({ bytes, held }));
  }

  deserialize(bytes: Uint8Array): Pointer {
    const found = deserialize(bytes) as { bytes: Uint8Array[]; held: Held };
    const states: Pointer[] = [];
    this.#each((instance, index) => {
      states.push(instance.deserializeFmuState(found.bytes[index] as Uint8Array));
    });
    return this.#keep({ states, held: found.held });
  }

  #keep(kept: Kept): Pointer {
    const key = this.#next++;
    this.#kept.set(key, kept);
    return key;
  }

  #at(state: Pointer): Kept {
    const kept = this.#kept.get(state);
    if (kept === undefined) throw new TwinError('INTERNAL', 'A state of a system is gone.');
    return kept;
  }
}
