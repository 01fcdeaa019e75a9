import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { InterfaceType } from '../binding/instance.js';
import type { Fmu } from '../description/fmu.js';
import type { FmuHabits } from '../solving/habits.js';

/** What runs of an FMU do by themselves because a proof found it necessary. */
export interface Fallbacks extends FmuHabits {
  /** A used process gives other results: a new one for each run. */
  freshProcess?: true;
  /** Start values that the FMU loses on its way into initialization mode, and that are set again. */
  setAgain?: string[];
  /** Relative tolerance for runs that name none: the FMU's own is too coarse. */
  tolerance?: number;
}

/** One thing that was tried, and what it means. */
export interface Proof {
  name: string;
  /** `care`: it runs, with what `detail` says; `fails`: results can't be relied on. */
  outcome: 'good' | 'care' | 'fails';
  detail: string;
}

/** What was found out about an FMU by one interface on this kind of machine. */
export interface KeptProof {
  version: 1;
  sha256: string;
  interface: InterfaceType;
  proofs: Proof[];
  fallbacks: Fallbacks;
  /** Wall time of the run of the proof, ms. */
  costMs: number;
  /** Change by a finer step and tolerance, root mean square as a share of each output's range. */
  integrationError: Record<string, number>;
}

/**
 * Where the proof of an FMU is kept: in the cache, by the hash of the archive. An unpacked folder has
 * none, as its libraries may change under it.
 */
export function proofPath(fmu: Fmu, type: InterfaceType): string | undefined {
  if (fmu.path === fmu.unzipDir) return undefined;
  const machine = `${process.platform}-${process.arch}`;
  return join(fmu.cacheDir, 'proofs', `${fmu.sha256}-${type}-${machine}.json`);
}

/** The proof that was kept of an FMU; `undefined` where there is none that can be read. */
export function readProof(fmu: Fmu, type: InterfaceType): KeptProof | undefined {
  const path = proofPath(fmu, type);
  if (path === undefined) return undefined;
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as KeptProof;
    const { tolerance = 0.5 } = found.fallbacks;
    const sound = found.version === 1 && found.sha256 === fmu.sha256 && tolerance > 0;
    return sound && tolerance < 1 ? found : undefined;
  } catch {
    // There is none, or one of a version to come: the FMU is run as one that nobody has tried.
    return undefined;
  }
}

/** Keeps a proof for all later runs. @returns its path */
export async function keepProof(fmu: Fmu, proof: KeptProof): Promise<string | undefined> {
  const path = proofPath(fmu, proof.interface);
  if (path === undefined) return undefined;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const half = `${path}.${randomUUID()}`;
  await writeFile(half, `${JSON.stringify(proof, null, 2)}\n`, { mode: 0o600 });
  await rename(half, path);
  return path;
}

/** What the fallbacks mean for runs, and why, for people. */
export function fallbackTexts({ freshInstance, freshProcess, setAgain, tolerance }: Fallbacks) {
  return [
    ...(freshProcess ? ['a new process for each run, as a used one gives other results'] : []),
    ...(freshInstance
      ? ['a new instance for each run, as its reset does not give the state of a new one']
      : []),
    ...(setAgain !== undefined
      ? [
          `start values are set again in initialization mode, as it loses them on the way there: ${setAgain.join(', ')}`,
        ]
      : []),
    ...(tolerance !== undefined
      ? [`tolerance ${tolerance} where none is given, as its own is too coarse for exact results`]
      : []),
  ];
}
