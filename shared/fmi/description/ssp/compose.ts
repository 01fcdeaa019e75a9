import type {
  CoSimulationInfo,
  Dimension,
  ModelDescription,
  ModelVariable,
  ScalarValue,
  Unknown,
  VariableType,
} from '../model-description.js';
import type { Port, SystemComponent, Wire } from '../system.js';
import type { ConnectorType, Ssd } from './ssd.js';
import type { Network, Node } from './wiring.js';

const HELD_TYPES: Readonly<Record<ConnectorType, VariableType>> = {
  real: 'Float64',
  integer: 'Int32',
  boolean: 'Boolean',
  string: 'String',
  binary: 'Binary',
  enumeration: 'Int32',
};

const portKey = ({ component, variable }: Port) => `${component} ${variable}`;

/** The description of a system as of one FMU: all variables of its components, and its connectors. */
export function describeSystem(
  ssd: Ssd,
  components: readonly SystemComponent[],
  network: Network,
  wires: readonly Wire[],
  held: Readonly<Record<string, ScalarValue>>,
): { modelDescription: ModelDescription; ports: Port[]; clashes: string[] } {
  const fed = new Set(wires.map((w) => portKey(w.to)));
  const variables: ModelVariable[] = [];
  const ports: Port[] = [];
  const add = (variable: Omit<ModelVariable, 'valueReference'>, port: Port): void => {
    variables.push({ ...variable, valueReference: ports.length });
    ports.push(port);
  };
  for (const node of network.nodes.values()) {
    if (node.variable === undefined)
      add(heldVariable(node, components, wires, held, fed), node.port);
  }
  components.forEach((component, index) => {
    const base = ports.length;
    const md = component.fmu.modelDescription;
    const shown = md.variables.filter(
      (v) => v.causality !== 'independent' && v.clocks.length === 0 && v.type !== 'Clock',
    );
    // Dimensions name other variables by their references.
    const moved = (d: Dimension): Dimension =>
      'start' in d
        ? d
        : { valueReference: base + shown.findIndex((v) => v.valueReference === d.valueReference) };
    for (const v of shown) {
      const port = { component: index, variable: v.name };
      const start = component.startValues[v.name];
      add(
        {
          ...inSystem(component.name, v),
          ...(fed.has(portKey(port)) && asFed(v)),
          ...(start !== undefined && startOf(v, start)),
          dimensions: v.dimensions.map(moved),
        },
        port,
      );
    }
  });
  const seen = new Set<string>();
  const clashes = variables.flatMap(({ name }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [name];
  });
  return { modelDescription: description(ssd, components, variables), ports, clashes };
}

/** A variable of a component, with the component's path before every name. */
function inSystem(path: string, v: ModelVariable): ModelVariable {
  const named = (name: string) => `${path}.${name}`;
  return {
    ...v,
    name: named(v.name),
    aliases: v.aliases.map((a) => ({ ...a, name: named(a.name) })),
    ...(v.derivative !== undefined && { derivative: named(v.derivative) }),
    ...(v.previous !== undefined && { previous: named(v.previous) }),
    ...(v.declaredType !== undefined && { declaredType: named(v.declaredType) }),
    line: 0,
  };
}

/** What is fed from elsewhere can't be set any more. */
function asFed(v: ModelVariable): Partial<ModelVariable> {
  return v.causality === 'input'
    ? { causality: 'local', initial: 'calculated' }
    : { causality: 'calculatedParameter', initial: 'calculated' };
}

function startOf(v: ModelVariable, start: unknown): Partial<ModelVariable> {
  const list = (Array.isArray(start) ? start : [start]) as ScalarValue[];
  const isNumber = v.type === 'Float64' || v.type === 'Float32' || v.type.includes('Int');
  return { start: isNumber ? list.map((x) => (typeof x === 'string' ? Number(x) : x)) : list };
}

/** What a connector carries: as it says, in the width of what it feeds or is fed by. */
function typeOf({ type }: Node, like: ModelVariable | undefined): VariableType {
  if (type === undefined) return like?.type ?? 'Float64';
  if (type === 'integer' && like?.type.includes('nt')) return like.type;
  return HELD_TYPES[type];
}

/** A connector of a system as a variable. */
function heldVariable(
  node: Node,
  components: readonly SystemComponent[],
  wires: readonly Wire[],
  held: Readonly<Record<string, ScalarValue>>,
  fed: ReadonlySet<string>,
): Omit<ModelVariable, 'valueReference'> {
  const key = portKey(node.port);
  const isFed = fed.has(key);
  const settable = !isFed && (node.kind === 'input' || node.kind.endsWith('arameter'));
  // What it feeds, or is fed by, tells what it does not say itself.
  const wire = wires.find((w) => portKey(isFed ? w.to : w.from) === key);
  const other = wire && (isFed ? wire.from : wire.to);
  const like = components[other?.component ?? -1]?.fmu.modelDescription.variables.find(
    (v) => v.name === other?.variable,
  );
  const isParameter = node.kind !== 'input' && node.kind !== 'output';
  const given = held[node.name];
  const start =
    given ?? (settable && wire !== undefined ? inverse(wire, like?.start?.[0]) : undefined);
  const unit =
    node.unit?.name ?? (wire?.factor === 1 && wire.offset === 0 ? like?.unit : undefined);
  return {
    name: node.name,
    type: typeOf(node, like),
    causality: !settable
      ? node.kind === 'output'
        ? 'output'
        : 'local'
      : isParameter
        ? 'parameter'
        : 'input',
    variability: isParameter
      ? like?.variability === 'tunable'
        ? 'tunable'
        : 'fixed'
      : (like?.variability ?? 'continuous'),
    ...(isParameter && settable
      ? { initial: 'exact' as const }
      : !settable && { initial: 'calculated' as const }),
    ...(start !== undefined && settable && { start: [start] }),
    ...(unit !== undefined && { unit }),
    relativeQuantity: false,
    unbounded: false,
    dimensions: [],
    reinit: false,
    clocks: [],
    canHandleMultipleSetPerTimeInstant: true,
    intermediateUpdate: false,
    aliases: [],
    line: node.line,
  };
}

function inverse({ factor, offset, table }: Wire, value: ScalarValue | undefined) {
  if (table !== undefined) return table.find(([, b]) => b === value)?.[0];
  if (typeof value !== 'number') return value;
  return factor === 0 ? undefined : (value - offset) / factor;
}

function description(
  ssd: Ssd,
  components: readonly SystemComponent[],
  variables: readonly ModelVariable[],
): ModelDescription {
  const mds = components.map((c) => c.fmu.modelDescription);
  const infos = components.map(({ fmu, interface: type }) =>
    type === 'cs' ? fmu.modelDescription.coSimulation : fmu.modelDescription.modelExchange,
  );
  const canKeep = components.every((c) => c.interface === 'cs');
  const coSimulation: CoSimulationInfo = {
    modelIdentifier: ssd.name,
    needsExecutionTool: infos.some((i) => i?.needsExecutionTool === true),
    canBeInstantiatedOnlyOncePerProcess: infos.some(
      (i) => i?.canBeInstantiatedOnlyOncePerProcess === true,
    ),
    canGetAndSetFmuState: canKeep && infos.every((i) => i?.canGetAndSetFmuState === true),
    canSerializeFmuState: canKeep && infos.every((i) => i?.canSerializeFmuState === true),
    providesDirectionalDerivatives: false,
    providesAdjointDerivatives: false,
    canNotUseMemoryManagementFunctions: false,
    sourceFiles: [],
    line: 0,
    canHandleVariableCommunicationStepSize: components.every(
      ({ fmu, interface: type }) =>
        type === 'me' ||
        fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize === true,
    ),
    maxOutputDerivativeOrder: 0,
    canInterpolateInputs: false,
    canRunAsynchronuously: false,
    providesIntermediateUpdate: false,
    mightReturnEarlyFromDoStep: false,
    canReturnEarlyAfterIntermediateUpdate: false,
    hasEventMode: false,
    providesEvaluateDiscreteStates: false,
  };
  const references = new Map(variables.map((v) => [v.name, v.valueReference]));
  const unknowns = (of: (md: ModelDescription) => readonly Unknown[]): Unknown[] =>
    components.flatMap((component) =>
      of(component.fmu.modelDescription).flatMap((u) => {
        const name = `${component.name}.${u.name}`;
        const valueReference = references.get(name);
        return valueReference === undefined ? [] : [{ name, valueReference, line: 0 }];
      }),
    );
  const steps = mds.flatMap((md) => md.defaultExperiment.stepSize ?? []);
  const stepSize = ssd.stepSizeS ?? (steps.length > 0 ? Math.min(...steps) : undefined);
  return {
    fmiVersion: `SSP ${ssd.version}`,
    fmiMajorVersion: 3,
    modelName: ssd.name,
    instantiationToken: '',
    variableNamingConvention: 'structured',
    numberOfEventIndicators: mds.reduce((sum, md) => sum + md.numberOfEventIndicators, 0),
    coSimulation,
    unitDefinitions: [
      ...new Map(mds.flatMap((md) => md.unitDefinitions.map((u) => [u.name, u] as const))).values(),
    ],
    typeDefinitions: components.flatMap(({ name, fmu }) =>
      fmu.modelDescription.typeDefinitions.map((t) => ({ ...t, name: `${name}.${t.name}` })),
    ),
    logCategories: [],
    defaultExperiment: {
      ...(ssd.startTimeS !== undefined && { startTime: ssd.startTimeS }),
      ...(ssd.stopTimeS !== undefined && { stopTime: ssd.stopTimeS }),
      ...(stepSize !== undefined && stepSize > 0 && { stepSize }),
    },
    variables,
    modelStructure: {
      outputs: unknowns((md) => md.modelStructure.outputs),
      continuousStateDerivatives: unknowns((md) => md.modelStructure.continuousStateDerivatives),
      clockedStates: [],
      initialUnknowns: [],
      eventIndicators: [],
    },
  };
}

/** Indices of the components, sources before what they feed; cycles are cut where the file begins them. */
export function stepOrder(components: readonly unknown[], wires: readonly Wire[]): number[] {
  const waiting = new Set(components.keys());
  const order: number[] = [];
  const feeds = (a: number, b: number) =>
    a !== b && wires.some((w) => w.once !== true && w.from.component === a && w.to.component === b);
  while (waiting.size > 0) {
    const all = [...waiting];
    const next = all.find((b) => !all.some((a) => feeds(a, b))) ?? (all[0] as number);
    waiting.delete(next);
    order.push(next);
  }
  return order;
}
