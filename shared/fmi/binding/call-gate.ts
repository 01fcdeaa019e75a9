import { TwinError } from '../../core/index.js';
import { traceLine } from './call-trace.js';
import type { InstanceOptions } from './instance.js';
import {
  closeLog,
  type NativeFunction,
  type NativeLibrary,
  openLog,
  type Pointer,
} from './native.js';
import { FMI_STATUS, FmiCallError, LastWords, STATUS_WARNING } from './status.js';

/** The one way from an instance to its FMU's C functions: finds, traces and checks every call. */
export class CallGate {
  /** What the FMU complained about last. */
  readonly said = new LastWords();
  /** What the FMU hands back with its messages. */
  readonly environment: Pointer;
  /** The FMU's own instance; NULL before instantiation and after it was freed. */
  component: Pointer | null = null;
  readonly #prefix: 'fmi' | 'fmi2' | 'fmi3';
  readonly #library: NativeLibrary;
  readonly #onCall: ((text: string) => void) | undefined;
  readonly #functions = new Map<string, NativeFunction | undefined>();

  constructor(
    prefix: 'fmi' | 'fmi2' | 'fmi3',
    library: NativeLibrary,
    options: Pick<InstanceOptions, 'onLog' | 'onCall'>,
  ) {
    this.#prefix = prefix;
    this.#library = library;
    this.#onCall = options.onCall;
    this.environment = openLog((status, category, message) => {
      this.said.note(status, message);
      options.onLog?.({ status: FMI_STATUS[status] ?? String(status), category, message });
    });
  }

  /** A function by its name without prefix; `undefined` where the library lacks it. */
  find(name: string, result: string, args: readonly string[]): NativeFunction | undefined {
    if (this.#functions.has(name)) return this.#functions.get(name);
    const full = `${this.#prefix}${name}`;
    const native = this.#library.find(full, result, args);
    const onCall = this.#onCall;
    const bound =
      onCall === undefined || native === undefined
        ? native
        : (...values: unknown[]) => {
            const returned: unknown = native(...values);
            onCall(traceLine(full, values, returned, result));
            return returned;
          };
    this.#functions.set(name, bound);
    return bound;
  }

  /** A function that must be there. @throws TwinError `FMU_UNSUPPORTED` */
  bind(name: string, result: string, args: readonly string[]): NativeFunction {
    const found = this.find(name, result, args);
    if (found === undefined) {
      throw new TwinError(
        'FMU_UNSUPPORTED',
        `The FMU's library has no function ${this.#prefix}${name}.`,
      );
    }
    return found;
  }

  /**
   * Calls a function of the instance that returns a status.
   *
   * @param args types of the arguments behind the instance
   * @throws FmiCallError for Discard, Error and Fatal, with what the FMU logged
   */
  call(name: string, args: readonly string[], ...values: unknown[]): void {
    const status = this.bind(name, 'int', ['void *', ...args])(this.component, ...values) as number;
    if (status > STATUS_WARNING) throw this.error(name, status);
  }

  /** The error of a call. */
  error(name: string, status: number | string, detail = this.said.toString()): FmiCallError {
    return new FmiCallError(`${this.#prefix}${name}`, status, detail);
  }

  /** Takes what an instantiate function returned. @throws FmiCallError for NULL */
  instantiated(name: string, component: unknown, token: string): void {
    if (component === null || component === 0n) {
      const reason =
        this.said.toString() ||
        `it gave no reason; the ${token} may not match its binary, or a licence may be missing.`;
      throw this.error(name, 'NULL', reason);
    }
    this.component = component as Pointer;
  }

  /** Frees the instance; `false` when that was done before. */
  free(name = 'FreeInstance'): boolean {
    if (this.component === null) return false;
    this.bind(name, 'void', ['void *'])(this.component);
    this.component = null;
    closeLog(this.environment);
    return true;
  }
}
