import type { Fmu } from './fmu.js';
import type { ScalarValue } from './model-description.js';
import type { StartValue } from './start-values.js';

/** In which order components are stepped, and which values they see. */
export const MASTERS = ['gauss-seidel', 'jacobi'] as const;
export type Master = (typeof MASTERS)[number];

/** One FMU of a system. */
export interface SystemComponent {
  /** Path in the system, e.g. `line.oven`. */
  name: string;
  fmu: Fmu;
  interface: 'cs' | 'me';
  /** What the system's parameter bindings set, by the FMU's names. */
  startValues: Readonly<Record<string, StartValue>>;
}

/** One end of a connection. */
export interface Port {
  /** Index of the component; -1: a connector of the whole system. */
  component: number;
  /** The FMU's name of the variable, or the connector's. */
  variable: string;
}

/** How a value changes on its way: `factor · value + offset`, or by a table. */
export interface Wire {
  from: Port;
  to: Port;
  factor: number;
  offset: number;
  table?: readonly (readonly [ScalarValue, ScalarValue])[];
  /** Carries a parameter: at initialization only. */
  once?: true;
}

/** FMUs and how they are connected (SSP); plain data. */
export interface FmuSystem {
  components: readonly SystemComponent[];
  /** Flat: through connectors of nested systems. Each target has one. */
  wires: readonly Wire[];
  /** Where each variable of the system's description lives, by its value reference. */
  ports: readonly Port[];
  /** Values that bindings give to connectors of the whole system. */
  held: Readonly<Record<string, ScalarValue>>;
  /** Indices of the components, sources before what they feed. */
  order: readonly number[];
  master: Master;
  /** Longest step of the master, seconds; left out: the communication step. */
  stepSizeS?: number;
  /** What was left aside, for people. */
  warnings: readonly string[];
}
