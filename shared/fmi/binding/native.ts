import koffi from 'koffi';
import { messageOf, TwinError } from '../../core/index.js';
import { formatPrintf } from './printf.js';

/** Addresses in native memory. */
export type Pointer = bigint;

/** Memory that native code and JavaScript see alike. */
export interface NativeBuffer<T> {
  pointer: Pointer;
  memory: ArrayBuffer;
  values: T;
}

type TypedArrayConstructor<T> = {
  new (buffer: ArrayBuffer, offset: number, length: number): T;
  BYTES_PER_ELEMENT: number;
};

/** Native memory that was given back, by its size in bytes; always powers of two. */
const spare = new Map<number, { pointer: Pointer; memory: ArrayBuffer }[]>();

/** Allocates zeroed native memory for `length` elements; {@link release} gives it back. */
export function allocate<T>(type: TypedArrayConstructor<T>, length: number): NativeBuffer<T> {
  const bytes = 2 ** Math.ceil(Math.log2(Math.max(16, length * type.BYTES_PER_ELEMENT)));
  let block = spare.get(bytes)?.pop();
  if (block === undefined) {
    // Doubles for alignment.
    const pointer = koffi.alloc('double', bytes / 8) as Pointer;
    block = { pointer, memory: koffi.view(pointer, bytes) };
  }
  new Uint8Array(block.memory).fill(0);
  return { ...block, values: new type(block.memory, 0, length) };
}

/** Gives memory back for reuse; neither side may touch it afterwards. */
export function release(buffer: NativeBuffer<unknown>): void {
  const bytes = buffer.memory.byteLength;
  const blocks = spare.get(bytes);
  if (blocks === undefined) spare.set(bytes, [buffer]);
  else blocks.push(buffer);
}

/** Copies native memory. */
export function readBytes(pointer: Pointer, length: number): Uint8Array {
  return length === 0 ? new Uint8Array() : new Uint8Array(koffi.view(pointer, length)).slice();
}

/** The text at a `char *`; empty for NULL. */
export function readText(pointer: Pointer | null): string {
  return pointer === null || pointer === 0n ? '' : (koffi.decode.string(pointer) as string);
}

// biome-ignore lint/suspicious/noExplicitAny: native functions take what their C declaration says
export type NativeFunction = (...args: any[]) => any;

/** A loaded shared library; never unloaded, since many FMUs do not survive it. */
export interface NativeLibrary {
  /** A function by its C declaration's name, result and arguments; `undefined` where it lacks it. */
  find(name: string, result: string, args: readonly string[]): NativeFunction | undefined;
}

/**
 * Loads a shared library.
 *
 * @param prefix in front of its functions' names where it has none of the plain names
 * @throws TwinError `FMU_UNSUPPORTED` with the loader's own words
 */
export function loadLibrary(path: string, prefix = ''): NativeLibrary {
  const library = loadWithPython(path);
  return {
    find: (name, result, args) => {
      for (const full of prefix === '' ? [name] : [name, prefix + name]) {
        try {
          return library.func(full, result, [...args]) as NativeFunction;
        } catch {
          // It may have the other name, or be missing: the caller knows whether it must be there.
        }
      }
      return undefined;
    },
  };
}

/** Python's libraries as they are called, newest first: FMUs of Python exporters do not name one. */
const PYTHON_MINORS = Array.from({ length: 12 }, (_, i) => 17 - i);

function pythonNames(): string[] {
  if (process.platform === 'win32') return PYTHON_MINORS.map((minor) => `python3${minor}.dll`);
  if (process.platform === 'darwin') return PYTHON_MINORS.map((m) => `libpython3.${m}.dylib`);
  return PYTHON_MINORS.flatMap((minor) => [`libpython3.${minor}.so.1.0`, `libpython3.${minor}.so`]);
}

/** Loads a library; one that lacks Python's functions, after the Python that is found here. */
function loadWithPython(path: string): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(path);
  } catch (error) {
    const reason = messageOf(error);
    const lacksPython = /undefined symbol: _?Py|libpython3|python3\d+\.dll/.test(reason);
    if (!lacksPython) throw notLoadable(path, reason, error);
    for (const name of pythonNames()) {
      try {
        koffi.load(name, { global: true });
      } catch {
        // Not this version.
        continue;
      }
      try {
        return koffi.load(path);
      } catch (again) {
        throw notLoadable(path, `${messageOf(again)}; it was tried with ${name}`, again);
      }
    }
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${path} is an FMU by a Python exporter and needs Python's shared library, which was not found (${reason}). Install it (Debian: apt install libpython3-dev), or name its folder in LD_LIBRARY_PATH.`,
      { cause: error },
    );
  }
}

function notLoadable(path: string, reason: string, cause: unknown): TwinError<'FMU_UNSUPPORTED'> {
  return new TwinError(
    'FMU_UNSUPPORTED',
    `Could not load ${path}: ${reason}. It may be built for another system or lack a library that it needs.`,
    { cause },
  );
}

let libc: ReturnType<typeof koffi.load> | undefined;

function cRuntime(): ReturnType<typeof koffi.load> {
  libc ??= koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : null);
  return libc;
}

/** Address of a function of the C runtime, e.g. `calloc`: FMUs call it without crossing into JS. */
export function cFunction(name: string): Pointer {
  return cRuntime().symbol(name) as Pointer;
}

/** Has the operating system end this process with its parent, even while native code hangs. */
export function dieWithParent(): void {
  if (process.platform !== 'linux') return;
  const PR_SET_PDEATHSIG = 1;
  const SIGKILL = 9;
  const prctl = cRuntime().func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/** Receives what an FMU says. */
export type LogSink = (status: number, category: string, message: string) => void;

/** Sinks by the environment pointer that their instance hands back with every message. */
const sinks = new Map<Pointer, LogSink>();
let nextEnvironment = 1n;

/** Makes an environment pointer whose messages go to the sink; never dereferenced. */
export function openLog(sink: LogSink): Pointer {
  const environment = nextEnvironment++;
  sinks.set(environment, sink);
  return environment;
}

export function closeLog(environment: Pointer): void {
  sinks.delete(environment);
}

function deliver(environment: unknown, status: number, category: string, message: string): void {
  // An FMU that passes no environment speaks for whoever came last.
  const sink = sinks.get((environment as Pointer | null) ?? 0n) ?? [...sinks.values()].at(-1);
  sink?.(status, category, message);
}

const FUNCTIONS = { logger: 'void *', allocateMemory: 'void *', freeMemory: 'void *' };
let callbacks: Record<'me' | 'cs', string> | undefined;

/** FMI 1's fmiCallbackFunctions, which is handed over by value. @returns the name of its type */
export function fmi1Callbacks(type: 'me' | 'cs'): string {
  if (callbacks === undefined) {
    koffi.struct('fmiMeCallbackFunctions', FUNCTIONS);
    koffi.struct('fmiCsCallbackFunctions', { ...FUNCTIONS, stepFinished: 'void *' });
    callbacks = { me: 'fmiMeCallbackFunctions', cs: 'fmiCsCallbackFunctions' };
  }
  return callbacks[type];
}

let fmi2Logger: Pointer | undefined;
let fmi3Logger: Pointer | undefined;
let intermediateUpdate: Pointer | undefined;

/**
 * How the arguments after the fifth of a variadic call reach the callee: so many of them in general
 * and in floating-point registers, the rest in 8-byte slots on the stack. A function declared with
 * fixed arguments of these classes finds the variadic ones exactly where `va_arg` would.
 *
 * @see System V ABI AMD64 3.2.3; Arm AAPCS64 appendix B; Apple's arm64 conventions; Microsoft x64
 */
function variadicLayout(): { general: number; floating: number; skip: number } {
  if (process.platform === 'win32') return { general: 0, floating: 0, skip: 0 };
  if (process.arch === 'x64') return { general: 1, floating: 8, skip: 0 };
  // Apple passes all variadic arguments on the stack: the free registers are skipped.
  if (process.platform === 'darwin') return { general: 3, floating: 0, skip: 3 };
  return { general: 3, floating: 8, skip: 0 };
}

/** Stack slots that are looked at: more arguments than any log message has. */
const STACK_SLOTS = 14;

const asBits = new DataView(new ArrayBuffer(8));

/** The variadic logger of FMI 1 and 2 as a function pointer; messages arrive formatted. */
export function fmi2LoggerPointer(): Pointer {
  if (fmi2Logger !== undefined) return fmi2Logger;
  const { general, floating, skip } = variadicLayout();
  const type = koffi.proto('void', [
    'void *',
    'void *',
    'int',
    'void *',
    'void *',
    ...new Array<string>(general).fill('int64'),
    ...new Array<string>(floating).fill('double'),
    ...new Array<string>(STACK_SLOTS).fill('int64'),
  ]);
  const callback = (...received: unknown[]) => {
    const status = received[2] as number;
    const category = received[3] as Pointer | null;
    const message = received[4] as Pointer | null;
    let nextGeneral = 5 + skip;
    let nextFloating = 5 + general;
    let nextStack = 5 + general + floating;
    const fromStack = () => {
      const slot = received[nextStack++];
      return slot === undefined ? 0n : BigInt(slot as number | bigint);
    };
    const text = formatPrintf(readText(message), {
      nextInteger: () =>
        nextGeneral < 5 + general
          ? BigInt(received[nextGeneral++] as number | bigint)
          : fromStack(),
      nextDouble: () => {
        if (nextFloating < 5 + general + floating) return received[nextFloating++] as number;
        asBits.setBigInt64(0, BigInt.asIntN(64, fromStack()));
        return asBits.getFloat64(0);
      },
      readText: (pointer) => readText(pointer),
    });
    deliver(received[0], status, readText(category), text);
  };
  fmi2Logger = koffi.register(callback, koffi.pointer(type)) as Pointer;
  return fmi2Logger;
}

/** FMI 3's logger as a function pointer. */
export function fmi3LoggerPointer(): Pointer {
  if (fmi3Logger !== undefined) return fmi3Logger;
  const type = koffi.proto('void', ['void *', 'int', 'void *', 'void *']);
  fmi3Logger = koffi.register(
    (environment: unknown, status: number, category: Pointer, message: Pointer) =>
      deliver(environment, status, readText(category), readText(message)),
    koffi.pointer(type),
  ) as Pointer;
  return fmi3Logger;
}

/** FMI 3's intermediate update as a function pointer; it never asks for an early return. */
export function intermediateUpdatePointer(): Pointer {
  if (intermediateUpdate !== undefined) return intermediateUpdate;
  const type = koffi.proto('void', [
    'void *',
    'double',
    'bool',
    'bool',
    'bool',
    'bool',
    'void *',
    'void *',
  ]);
  const callback = (...received: unknown[]) => {
    const earlyReturnRequested = received[6] as Pointer | null;
    if (earlyReturnRequested !== null) koffi.encode(earlyReturnRequested, 'bool', false);
  };
  intermediateUpdate = koffi.register(callback, koffi.pointer(type)) as Pointer;
  return intermediateUpdate;
}
