import type { SandboxLevel } from '../../../shared/fmi/index.js';

/** Something that the test FMU `intruder` tries. */
export interface HostileAttempt {
  what: string;
  /** Of the FMU: what to try. */
  mode: number;
  /** What it is tried on: the process that started the FMU, or a port that listens. */
  on?: 'caller' | 'port';
  /** By sandbox level: 1 when it gets through, 0 when it is kept out. */
  gets: Readonly<Record<SandboxLevel, 0 | 1>>;
}

const inNamespacesOnly = { namespaces: 0, process: 1, none: 1 } as const;

/** What each level keeps out of what the user who runs the FMU could do. */
export const HOSTILE_ATTEMPTS: readonly HostileAttempt[] = [
  { what: 'reads the environment', mode: 1, gets: { namespaces: 0, process: 0, none: 1 } },
  { what: 'reads a file of the user', mode: 2, gets: inNamespacesOnly },
  { what: 'writes a file of the user', mode: 11, gets: inNamespacesOnly },
  { what: 'signals another process', mode: 6, on: 'caller', gets: inNamespacesOnly },
  { what: 'uses the network', mode: 7, on: 'port', gets: inNamespacesOnly },
  { what: "reads another process's environment", mode: 8, on: 'caller', gets: inNamespacesOnly },
];
