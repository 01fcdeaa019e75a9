import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { messageOf, TwinError } from '../../../core/index.js';
import type { Fmu } from '../fmu.js';
import { findVariable, type ScalarValue } from '../model-description.js';
import { findScalar } from '../scalars.js';
import { coerceScalar, resolveStartValues, type StartValue } from '../start-values.js';
import type { Master, SystemComponent } from '../system.js';
import { parseXml, type XmlElement } from '../xml.js';
import { AttributeReader, descriptionError, quote, words } from '../xml-attributes.js';
import { describeSystem, stepOrder } from './compose.js';
import { mapped, type ParameterValue, readMapping, readParameterSet } from './parameters.js';
import {
  readSsd,
  type Ssd,
  type SsdBinding,
  type SsdComponent,
  type SsdSource,
  type SsdSystem,
} from './ssd.js';
import { between, unitOf } from './ssp-units.js';
import { joined, type Network, readNetwork, wireTo } from './wiring.js';

export interface SystemOptions {
  master?: Master;
  /** Longest step of the master, seconds. */
  stepSizeS?: number;
}

/** Where a system's files lie. */
export interface SystemPlace {
  /** The archive or description that was named. */
  path: string;
  /** The SystemStructure.ssd. */
  ssdPath: string;
  /** The folder that sources may not leave. */
  dir: string;
  /** Of an archive; made of the parts where there is none. */
  sha256?: string;
  cacheDir: string;
}

type OpenComponent = (path: string) => Promise<Fmu>;

/** Reads a system structure and its components as one FMU. */
export async function openSystem(
  place: SystemPlace,
  options: SystemOptions,
  open: OpenComponent,
): Promise<Fmu> {
  const bytes = await readPart(place.ssdPath, place.path);
  const read = new AttributeReader();
  const source = `${place.path}:${basename(place.ssdPath)}`;
  const check = () => {
    if (read.problems.length > 0) throw descriptionError(source, read.problems);
  };
  const ssd = readSsd(parseXml(bytes, source), read);
  check();
  if (ssd === undefined) throw new TwinError('FMU_INVALID', `${source} is no system structure.`);
  const listed = listComponents(ssd.system, '');
  if (listed.length === 0) {
    throw new TwinError('FMU_INVALID', `${source} has no components: there is nothing to run.`);
  }
  const components: SystemComponent[] = [];
  for (const { path, component } of listed) {
    const opened = await openComponent(place, path, component, open, read);
    if (opened !== undefined) components.push(opened);
  }
  check();
  const network = readNetwork(ssd, components, read);
  check();
  const wires = [...network.nodes.values()].flatMap((node) => {
    // Connectors of nested systems are passed through; what they show is read from its source.
    return wireTo(ssd, network, node, components, read) ?? [];
  });
  check();
  const bound = await bindings(place, ssd, components, network, read);
  check();
  const { modelDescription, ports, clashes } = describeSystem(
    ssd,
    bound.components,
    network,
    wires,
    bound.held,
  );
  for (const name of clashes) {
    read.report(ssd.system, `${quote(name)} is the name of two variables: rename a connector.`);
  }
  const once = modelDescription.coSimulation?.canBeInstantiatedOnlyOncePerProcess === true;
  if (once) onlyOnce(components, ssd, read);
  check();
  const hash = createHash('sha256').update(bytes);
  for (const { fmu } of components) hash.update(fmu.sha256);
  const stepSizeS = options.stepSizeS ?? modelDescription.defaultExperiment.stepSize;
  return {
    path: place.path,
    sha256: place.sha256 ?? hash.digest('hex'),
    unzipDir: place.dir,
    cacheDir: place.cacheDir,
    modelDescription,
    system: {
      components: bound.components,
      wires,
      ports,
      held: bound.held,
      order: stepOrder(components, wires),
      master: options.master ?? 'gauss-seidel',
      ...(stepSizeS !== undefined && { stepSizeS }),
      warnings: bound.warnings,
    },
  };
}

function listComponents(
  system: SsdSystem,
  path: string,
): { path: string; component: SsdComponent }[] {
  return system.elements.flatMap((element) => {
    const own = joined(path, element.name);
    return element.kind === 'system'
      ? listComponents(element, own)
      : [{ path: own, component: element }];
  });
}

/** Reads a file that a system names. */
async function readPart(path: string, of: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new TwinError(
      'FILE_NOT_FOUND',
      `${of} names ${path}, which could not be read: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * The path of a source inside of a folder; links that lead out of it count as out.
 *
 * @throws TwinError `FMU_INVALID` for what lies elsewhere, on this machine or another
 */
async function inside(dir: string, source: string): Promise<string> {
  const refused = (why: string) =>
    new TwinError(
      'FMU_INVALID',
      `source=${quote(source)}: ${why}. Name a file beside SystemStructure.ssd, as resources/a.fmu.`,
    );
  let name: string;
  try {
    name = decodeURIComponent(source);
  } catch {
    throw refused('it is no URI');
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(name))
    throw refused('only files of the system itself are read');
  if (name === '' || isAbsolute(name) || name.startsWith('\\') || name.includes('\0'))
    throw refused('it is no relative path');
  const path = resolve(dir, name);
  const leaves = (from: string, to: string) => {
    const way = relative(from, to);
    return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  if (leaves(resolve(dir), path)) throw refused('it leaves the folder of the system');
  try {
    if (leaves(await realpath(dir), await realpath(path)))
      throw refused('it leaves the folder of the system');
  } catch (error) {
    if (error instanceof TwinError) throw error;
    throw new TwinError('FILE_NOT_FOUND', `source=${quote(source)}: there is no such file.`, {
      cause: error,
    });
  }
  return path;
}

async function openComponent(
  place: SystemPlace,
  name: string,
  { source, implementation, line }: SsdComponent,
  open: OpenComponent,
  read: AttributeReader,
): Promise<SystemComponent | undefined> {
  try {
    const fmu = await open(await inside(dirname(place.ssdPath), source));
    const { coSimulation, modelExchange } = fmu.modelDescription;
    const type =
      implementation === 'ModelExchange' || (implementation === 'any' && coSimulation === undefined)
        ? 'me'
        : 'cs';
    if ((type === 'cs' ? coSimulation : modelExchange) === undefined) {
      read.report(
        { line },
        `the component ${name}: ${fmu.modelDescription.modelName} offers no ${type === 'cs' ? 'co-simulation' : 'model exchange'}.`,
      );
      return undefined;
    }
    return { name, fmu, interface: type, startValues: {} };
  } catch (error) {
    if (!(error instanceof TwinError)) throw error;
    read.report({ line }, `the component ${name}: ${error.message}`);
    return undefined;
  }
}

/** An FMU that lives once per process can't be in a system twice. */
function onlyOnce(components: readonly SystemComponent[], ssd: Ssd, read: AttributeReader): void {
  for (const { name, fmu, interface: type } of components) {
    const info =
      type === 'cs' ? fmu.modelDescription.coSimulation : fmu.modelDescription.modelExchange;
    const twice = components.filter((c) => c.fmu.unzipDir === fmu.unzipDir).length > 1;
    if (info?.canBeInstantiatedOnlyOncePerProcess === true && twice) {
      read.report(
        ssd.system,
        `the component ${name}: ${fmu.modelDescription.modelName} can be instantiated only once per process, and the system has it more often.`,
      );
    }
  }
}

/** The values of all parameter bindings: those of a system count before those of what it holds. */
async function bindings(
  place: SystemPlace,
  ssd: Ssd,
  components: readonly SystemComponent[],
  network: Network,
  read: AttributeReader,
): Promise<{
  components: SystemComponent[];
  held: Record<string, ScalarValue>;
  warnings: string[];
}> {
  const values = components.map((): Record<string, StartValue> => ({}));
  const held: Record<string, ScalarValue> = {};
  const warnings: string[] = [];
  const assign = (path: string, value: ParameterValue, where: { line: number }): void => {
    const full = joined(path, value.name);
    const node = network.nodes.get(full);
    if (node !== undefined && node.variable === undefined) {
      if (network.incoming.has(full)) {
        warnings.push(
          `The parameter ${full} is not used: the connector is fed from ${network.incoming.get(full)?.from.name}.`,
        );
      } else held[full] = plainValue(value.text);
      return;
    }
    const index = longestOwner(components, full);
    const component = components[index];
    const name = component === undefined ? '' : full.slice(component.name.length + 1);
    const md = component?.fmu.modelDescription;
    const variable = md && (findVariable(md, name) ?? findScalar(md, name)?.variable);
    if (component === undefined || md === undefined || variable === undefined) {
      // The standard lets parameter sets hold more than a system has.
      warnings.push(`The parameter ${full} is not used: nothing in the system is called so.`);
      return;
    }
    try {
      const conversion = value.suppressUnitConversion
        ? undefined
        : between(value.unit, unitOf(md, variable));
      const isArray = variable.dimensions.length > 0 && findVariable(md, name) !== undefined;
      const texts = isArray ? words(value.text) : [value.text];
      const parsed = texts.map((text) => {
        if (conversion === undefined) return text;
        return conversion.factor * Number(coerceScalar(variable, text)) + conversion.offset;
      });
      const given = isArray ? parsed : (parsed[0] as string | number);
      const [resolved] = resolveStartValues(md, { [name]: given });
      (values[index] as Record<string, StartValue>)[name] =
        resolved === undefined || findVariable(md, name) === undefined
          ? given
          : resolved.values.length === 1
            ? (resolved.values[0] as ScalarValue)
            : resolved.values;
    } catch (error) {
      if (!(error instanceof TwinError)) throw error;
      read.report(where, `the parameter ${full}: ${error.message}`);
    }
  };
  const apply = async (
    path: string,
    owner: { bindings: readonly SsdBinding[] },
    componentDir?: string,
  ) => {
    for (const binding of owner.bindings) {
      const found = await bindingValues(place, ssd, binding, componentDir, read);
      for (const value of found) assign(path, value, binding);
    }
  };
  const visit = async (system: SsdSystem, path: string): Promise<void> => {
    for (const element of system.elements) {
      const own = joined(path, element.name);
      if (element.kind === 'system') await visit(element, own);
      else await apply(own, element, components.find((c) => c.name === own)?.fmu.unzipDir);
    }
    await apply(path, system);
  };
  await visit(ssd.system, '');
  return {
    components: components.map((c, i) => ({ ...c, startValues: values[i] ?? {} })),
    held,
    warnings,
  };
}

/** The component that a full name belongs to: names of components and variables both have dots. */
function longestOwner(components: readonly SystemComponent[], full: string): number {
  let best = -1;
  components.forEach(({ name }, i) => {
    if (!full.startsWith(`${name}.`)) return;
    if (best < 0 || name.length > (components[best] as SystemComponent).name.length) best = i;
  });
  return best;
}

function plainValue(text: string): ScalarValue {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) ? number : text;
}

async function bindingValues(
  place: SystemPlace,
  ssd: Ssd,
  binding: SsdBinding,
  componentDir: string | undefined,
  read: AttributeReader,
): Promise<ParameterValue[]> {
  const load = async (
    from: SsdSource,
  ): Promise<{ root: XmlElement; own: AttributeReader; at: string } | undefined> => {
    if (from.inline !== undefined) return { root: from.inline, own: read, at: '' };
    const base = from.base === 'component' ? componentDir : dirname(place.ssdPath);
    try {
      if (base === undefined) {
        throw new TwinError('FMU_INVALID', 'sourceBase="component": expected it at a component');
      }
      const path = await inside(base, from.source as string);
      const at = `${place.path}:${from.source}`;
      return {
        root: parseXml(await readPart(path, place.path), at),
        own: new AttributeReader(),
        at,
      };
    } catch (error) {
      if (!(error instanceof TwinError)) throw error;
      read.report(binding, `the parameter binding: ${error.message}`);
      return undefined;
    }
  };
  const close = (own: AttributeReader, at: string) => {
    if (own !== read && own.problems.length > 0) throw descriptionError(at, own.problems);
  };
  const set = await load(binding);
  const mapping = binding.mapping && (await load(binding.mapping));
  if (set === undefined || (binding.mapping !== undefined && mapping === undefined)) return [];
  const values = readParameterSet(set.root, set.own, ssd.units);
  close(set.own, set.at);
  if (mapping === undefined) return mapped(values, binding.prefix, undefined, read);
  const entries = readMapping(mapping.root, mapping.own);
  const found = mapped(values, binding.prefix, entries, mapping.own);
  close(mapping.own, mapping.at);
  return found;
}
