import { basename } from 'node:path';
import { TwinError } from '../../core/index.js';
import { type Fmu, partsOf } from '../description/fmu.js';
import type { InterfaceInfo } from '../description/model-description.js';
import { findBinary, isNamedFor, platformFolders } from '../description/platform.js';
import {
  type Assignment,
  resolveStartValues,
  type StartValue,
} from '../description/start-values.js';
import { compileSources, compileSourcesSync } from './compile.js';
import { Fmi1Instance } from './fmi1-instance.js';
import { Fmi2Instance } from './fmi2-instance.js';
import { Fmi3Instance } from './fmi3-instance.js';
import type { FmuInstance, InstanceOptions, InterfaceType } from './instance.js';
import { loadLibrary, type NativeLibrary } from './native.js';

/** What the FMU says of an interface. @throws TwinError `FMU_UNSUPPORTED` when it has none */
export function interfaceInfo(fmu: Fmu, type: InterfaceType): InterfaceInfo {
  const md = fmu.modelDescription;
  const info = type === 'cs' ? md.coSimulation : md.modelExchange;
  if (info !== undefined) return info;
  const other =
    type === 'cs' && md.modelExchange ? 'me' : type === 'me' && md.coSimulation ? 'cs' : undefined;
  throw new TwinError(
    'FMU_UNSUPPORTED',
    `${md.modelName} offers no ${type === 'cs' ? 'co-simulation' : 'model exchange'}${other === undefined ? '; scheduled execution is not supported.' : `; use --interface ${other}.`}`,
  );
}

/** The interface to use when none is asked for: co-simulation where there is one. */
export function defaultInterface(fmu: Fmu): InterfaceType {
  const md = fmu.modelDescription;
  return md.coSimulation === undefined && md.modelExchange !== undefined ? 'me' : 'cs';
}

/**
 * Loads the library of an interface; where the FMU has only sources, compiles them first.
 *
 * @throws TwinError `FMU_UNSUPPORTED`
 */
export function loadFmuLibrary(fmu: Fmu, type: InterfaceType): NativeLibrary {
  const info = interfaceInfo(fmu, type);
  const path =
    findBinary(fmu.unzipDir, info.modelIdentifier) ??
    compileSourcesSync(fmu, info, binaryFolders());
  // Sources may put the model's name in front of every function, as static linking needs it.
  return loadLibrary(path, `${info.modelIdentifier}_`);
}

const binaryFolders = () => `binaries/${platformFolders().join(' or ')}`;

/**
 * Compiles what an FMU ships as sources only, for all its interfaces, so that processes find it.
 *
 * @throws TwinError as {@link compileSources}
 */
export async function prepareLibraries(fmu: Fmu, deadline?: AbortSignal): Promise<void> {
  for (const part of partsOf(fmu)) await preparePart(part, deadline);
}

async function preparePart(fmu: Fmu, deadline: AbortSignal | undefined): Promise<void> {
  const { coSimulation, modelExchange } = fmu.modelDescription;
  const done = new Set<string>();
  for (const info of [coSimulation, modelExchange]) {
    if (info === undefined || done.has(info.modelIdentifier)) continue;
    done.add(info.modelIdentifier);
    if (findBinary(fmu.unzipDir, info.modelIdentifier) === undefined) {
      await compileSources(fmu, info, binaryFolders(), deadline);
    }
  }
}

/** Libraries that are run although they are not called as the description says. */
export function misnamedBinaries(fmu: Fmu): string[] {
  const names = partsOf(fmu).flatMap(({ modelDescription, unzipDir }) =>
    [modelDescription.coSimulation, modelDescription.modelExchange].flatMap((info) => {
      const path = info && findBinary(unzipDir, info.modelIdentifier);
      return path === undefined || isNamedFor(path, info?.modelIdentifier ?? '')
        ? []
        : [basename(path)];
    }),
  );
  return [...new Set(names)];
}

/**
 * Makes an instance in this process. Native code runs unguarded here: an FMU that crashes takes the
 * process along; a pool keeps it apart.
 *
 * @throws TwinError `FMU_UNSUPPORTED`, `FMI_CALL_FAILED`
 */
export function instantiate(
  fmu: Fmu,
  options: InstanceOptions,
  library: NativeLibrary = loadFmuLibrary(fmu, options.interface),
): FmuInstance {
  switch (fmu.modelDescription.fmiMajorVersion) {
    case 1:
      return new Fmi1Instance(library, fmu, options);
    case 2:
      return new Fmi2Instance(library, fmu, options);
    case 3:
      return new Fmi3Instance(library, fmu, options);
  }
}

/** Sets start values on an instance that was not initialized yet, structural parameters first. */
export function applyStartValues(
  fmu: Fmu,
  instance: FmuInstance,
  startValues: Readonly<Record<string, StartValue>>,
): Assignment[] {
  const assignments = resolveStartValues(fmu.modelDescription, startValues);
  const isStructural = (a: Assignment) => a.variable.causality === 'structuralParameter';
  const structural = assignments.filter(isStructural);
  if (structural.length > 0 && instance instanceof Fmi3Instance) {
    instance.enterConfigurationMode();
    for (const { variable, values } of structural) instance.setValue(variable, values);
    instance.exitConfigurationMode();
  }
  for (const { variable, values } of assignments) {
    if (variable.causality !== 'structuralParameter') instance.setValue(variable, values);
  }
  return assignments;
}
