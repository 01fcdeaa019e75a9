import { TwinError } from '../../core/index.js';
import type { Float64Block, FmuInstance } from '../binding/instance.js';
import {
  findVariable,
  type ModelVariable,
  type ScalarValue,
} from '../description/model-description.js';
import { findScalar } from '../description/scalars.js';
import { coerceScalar } from '../description/start-values.js';
import type { FmuSystem, Port, Wire } from '../description/system.js';

/** A wire whose ends are plain Float64 variables, by their places in shared memory. */
interface FastWire {
  wire: Wire;
  from: number;
  to: number;
}

/** What one component is fed with. */
interface Feed {
  fast: FastWire[];
  /** Fills the component's memory of fast inputs. */
  block: Float64Block;
  slow: Wire[];
  /** Whether anything was written yet. */
  fresh: boolean;
}

/** How a component takes new values: under model exchange only at an event. */
export type Writer = (component: number, write: () => void) => void;

/** Carries values from outputs to inputs, for components that are instances in this process. */
export class SystemWires {
  readonly #system: FmuSystem;
  readonly #instances: readonly FmuInstance[];
  readonly #write: Writer;
  readonly #sources: { block: Float64Block; variables: ModelVariable[] }[];
  readonly #feeds: Feed[];
  readonly #sourcesOf: readonly (readonly number[])[];
  /** Values of the system's own connectors, by their names. */
  readonly held = new Map<string, ScalarValue>();

  constructor(system: FmuSystem, instances: readonly FmuInstance[], write: Writer) {
    this.#system = system;
    this.#instances = instances;
    this.#write = write;
    const running = system.wires.filter((w) => w.to.component >= 0 && w.from.component >= 0);
    this.#sourcesOf = instances.map((_, c) => [
      ...new Set(running.flatMap((w) => (w.to.component === c ? [w.from.component] : []))),
    ]);
    const isFast = (w: Wire) =>
      w.table === undefined && this.#plain(w.from) !== undefined && this.#plain(w.to) !== undefined;
    const fast = running.filter(isFast);
    this.#sources = instances.map((instance, c) => {
      const variables = [
        ...new Set(
          fast
            .filter((w) => w.from.component === c)
            .map((w) => this.#plain(w.from) as ModelVariable),
        ),
      ];
      return { variables, block: instance.float64Block(variables) };
    });
    this.#feeds = instances.map((instance, c) => {
      const own = fast.filter((w) => w.to.component === c);
      return {
        fast: own.map((wire, to) => ({
          wire,
          from: this.#sources[wire.from.component]!.variables.indexOf(
            this.#plain(wire.from) as ModelVariable,
          ),
          to,
        })),
        block: instance.float64Block(own.map((w) => this.#plain(w.to) as ModelVariable)),
        slow: running.filter((w) => w.to.component === c && !isFast(w)),
        fresh: true,
      };
    });
  }

  /** The components whose outputs a component takes, running or as parameters. */
  sourcesOf(component: number): readonly number[] {
    return this.#sourcesOf[component]!;
  }

  release(): void {
    for (const { block } of [...this.#sources, ...this.#feeds]) block.release();
  }

  /** Values are written anew after a reset. */
  forget(): void {
    for (const feed of this.#feeds) feed.fresh = true;
  }

  #md(component: number) {
    return this.#system.components[component]!.fmu.modelDescription;
  }

  /** The variable of a port that is one Float64. */
  #plain({ component, variable }: Port): ModelVariable | undefined {
    const found = findVariable(this.#md(component), variable);
    return found?.type === 'Float64' && found.dimensions.length === 0 ? found : undefined;
  }

  /** Whether a component's values can be read: FMI 1 has none before it is initialized. */
  #readable(component: number, initializing: boolean): boolean {
    return !initializing || this.#md(component).fmiMajorVersion > 1;
  }

  /** Reads what a component gives to others. */
  readSource(component: number): void {
    const { block, variables } = this.#sources[component]!;
    if (variables.length > 0) block.get();
  }

  /**
   * Writes a component's inputs from what {@link readSource} found.
   *
   * @param initializing parameters, too; what can't be read yet is left
   * @returns the wire whose value changed most, and by which share of it
   */
  feed(component: number, initializing = false): { change: number; wire?: Wire } {
    const feed = this.#feeds[component]!;
    let most: { change: number; wire?: Wire } = { change: 0 };
    const note = (wire: Wire, before: number, value: number) => {
      const change = Math.abs(value - before) / Math.max(Math.abs(value), Math.abs(before), 1e-12);
      if (change > most.change || Number.isNaN(change)) most = { change, wire };
    };
    let moved = feed.fresh && feed.fast.length > 0;
    const { values } = feed.block;
    for (const { wire, from, to } of feed.fast) {
      if (wire.once === true && !initializing) continue;
      if (!this.#readable(wire.from.component, initializing)) continue;
      const value =
        wire.factor * this.#sources[wire.from.component]!.block.values[from]! + wire.offset;
      const before = values[to]!;
      if (Object.is(value, before)) continue;
      note(wire, feed.fresh ? Number.POSITIVE_INFINITY : before, value);
      values[to] = value;
      moved = true;
    }
    const slow = feed.slow.flatMap((wire) => {
      if (wire.once === true && !initializing) return [];
      if (!this.#readable(wire.from.component, initializing)) return [];
      const value = carried(wire, this.read(wire.from));
      const before = this.read(wire.to);
      if (same(before, value)) return [];
      note(wire, Number(before), Number(value));
      return [() => this.#set(wire.to, value)];
    });
    if (moved || slow.length > 0) {
      this.#write(component, () => {
        if (moved) feed.block.set();
        for (const set of slow) set();
      });
    }
    feed.fresh = false;
    return most;
  }

  /** The value at a port; behind a connector of the system what feeds it. */
  read(port: Port): ScalarValue {
    if (port.component < 0) {
      const wire = this.#system.wires.find(
        (w) => w.to.component < 0 && w.to.variable === port.variable,
      );
      if (wire !== undefined) return carried(wire, this.read(wire.from));
      return this.held.get(port.variable) ?? 0;
    }
    const md = this.#md(port.component);
    const own = findVariable(md, port.variable);
    const { variable, element = 0 } =
      own === undefined || own.dimensions.length > 0
        ? (findScalar(md, port.variable) ?? { variable: own as ModelVariable })
        : { variable: own };
    return this.#instances[port.component]!.getValue(variable)[element] as ScalarValue;
  }

  #set({ component, variable: name }: Port, value: ScalarValue): void {
    const md = this.#md(component);
    const instance = this.#instances[component]!;
    const own = findVariable(md, name);
    if (own !== undefined && own.dimensions.length === 0) {
      instance.setValue(own, [coerceScalar(own, value)]);
      return;
    }
    const scalar = findScalar(md, name);
    if (scalar === undefined) return;
    const values = instance.getValue(scalar.variable);
    values[scalar.element ?? 0] = coerceScalar(scalar.variable, value);
    instance.setValue(scalar.variable, values);
  }

  /** Sets a connector of the whole system and all that it feeds. */
  hold(name: string, value: ScalarValue): void {
    this.held.set(name, value);
    for (const wire of this.#system.wires) {
      if (wire.from.component >= 0 || wire.from.variable !== name || wire.to.component < 0)
        continue;
      this.#write(wire.to.component, () => this.#set(wire.to, carried(wire, value)));
    }
  }
}

/** A value of a connector as its type has it. */
export function typed({ type }: ModelVariable, value: ScalarValue): ScalarValue {
  if (type === 'Boolean') return value === true || value === 1;
  if (type === 'String') return String(value);
  if (type === 'Int64' || type === 'UInt64') return BigInt(Number(value));
  return typeof value === 'boolean' ? Number(value) : value;
}

/** The same, whole numbers of 64 bits and plain ones included. */
function same(a: ScalarValue, b: ScalarValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return Number(a) === Number(b) || (Number.isNaN(Number(a)) && Number.isNaN(Number(b)));
}

/** A value at the end of its wire. @throws TwinError `VALUE_INVALID` for one that a mapping lacks */
function carried({ factor, offset, table, from, to }: Wire, value: ScalarValue): ScalarValue {
  if (table !== undefined) {
    const found = table.find(([source]) => same(source, value));
    if (found === undefined) {
      throw new TwinError(
        'VALUE_INVALID',
        `${from.variable} = ${String(value)}: the mapping to ${to.variable} has no entry for it.`,
      );
    }
    return found[1];
  }
  if (factor === 1 && offset === 0) return value;
  return factor * Number(value) + offset;
}
