import { declaredTypeOf, type ModelDescription, type ModelVariable } from './model-description.js';
import { quote, type Report } from './xml-attributes.js';

/** Causality × variability (FMI 2.0.4 section 2.2.7, FMI 3.0.2 section 2.4.7.4). */
function checkCausality(v: ModelVariable): string | undefined {
  const { causality, variability } = v;
  const pair = `causality=${causality} with variability=${variability} is not allowed`;
  switch (causality) {
    case 'parameter':
    case 'structuralParameter':
    case 'calculatedParameter':
      return variability === 'fixed' || variability === 'tunable' ? undefined : pair;
    case 'input':
      return variability === 'discrete' || variability === 'continuous' ? undefined : pair;
    case 'output':
    case 'dependent':
      return variability === 'fixed' || variability === 'tunable' ? pair : undefined;
    case 'independent':
      return variability === 'continuous' ? undefined : pair;
    case 'local':
      return undefined;
  }
}

/** `initial` for the given causality and variability. */
function checkInitial(v: ModelVariable, major: 2 | 3): string | undefined {
  const { causality, variability, initial } = v;
  const wrong = `initial=${initial} is not allowed for ${causality}, ${variability}`;
  if (initial === undefined) return undefined;
  if (causality === 'input') return major === 2 || initial !== 'exact' ? wrong : undefined;
  if (causality === 'independent') return wrong;
  if (causality === 'parameter' || causality === 'structuralParameter') {
    return initial === 'exact' ? undefined : wrong;
  }
  if (variability === 'constant') return initial === 'exact' ? undefined : wrong;
  if (causality === 'calculatedParameter') return initial === 'exact' ? wrong : undefined;
  if (causality === 'local' && (variability === 'fixed' || variability === 'tunable')) {
    return initial === 'exact' ? wrong : undefined;
  }
  return undefined;
}

function needsStart(v: ModelVariable): boolean {
  if (v.type === 'Clock') return false;
  return (
    v.causality === 'input' ||
    v.causality === 'parameter' ||
    v.causality === 'structuralParameter' ||
    v.variability === 'constant' ||
    v.initial === 'exact' ||
    v.initial === 'approx'
  );
}

/** Variables of FMI 2 and 3: names, references, attributes that go together, start values. */
export function checkVariables(md: ModelDescription, report: Report): void {
  const names = new Map<string, number>();
  const units = new Set(md.unitDefinitions.map((u) => u.name));
  const types = new Map(md.typeDefinitions.map((t) => [t.name, t]));
  const byName = new Map(md.variables.map((v) => [v.name, v]));
  const references = new Map<number, ModelVariable>();
  const independents = md.variables.filter((v) => v.causality === 'independent');
  if (independents.length > 1) {
    report(independents[1]?.line ?? 0, 'there is more than one variable of causality independent.');
  }
  for (const v of md.variables) {
    const say = (text: string) => report(v.line, `${quote(v.name)}: ${text}.`);
    for (const name of [v.name, ...v.aliases.map((a) => a.name)]) {
      const before = names.get(name);
      if (before !== undefined) {
        report(v.line, `the name ${quote(name)} is taken already (line ${before}).`);
      } else names.set(name, v.line);
    }
    if (md.fmiMajorVersion === 3) {
      const other = references.get(v.valueReference);
      if (other !== undefined) {
        say(
          `valueReference ${v.valueReference} is taken by ${quote(other.name)} (line ${other.line})`,
        );
      } else references.set(v.valueReference, v);
    } else checkFmi2Alias(v, references, say);
    const causality = checkCausality(v);
    if (causality !== undefined) say(causality);
    const initial = checkInitial(v, md.fmiMajorVersion === 3 ? 3 : 2);
    if (initial !== undefined) say(initial);
    if (v.variability === 'continuous' && v.type !== 'Float64' && v.type !== 'Float32') {
      say(`variability=continuous is not allowed for type ${v.type}`);
    }
    if (needsStart(v) && v.start === undefined && v.dimensions.length === 0) {
      say(
        `a start value is required for ${v.causality}, ${v.variability}, initial=${v.initial ?? '(none)'}`,
      );
    }
    if (
      v.start !== undefined &&
      (v.initial === 'calculated' || v.causality === 'independent') &&
      v.type !== 'Clock'
    ) {
      say(
        `a start value is not allowed with ${v.causality === 'independent' ? 'causality=independent' : 'initial=calculated'}`,
      );
    }
    checkBounds(v, say);
    if (v.unit !== undefined && !units.has(v.unit)) {
      say(`its unit ${quote(v.unit)} is not defined in <UnitDefinitions>`);
    }
    if (v.displayUnit !== undefined) {
      const unit = md.unitDefinitions.find((u) => u.name === v.unit);
      const known = unit?.displayUnits.some((d) => d.name === v.displayUnit);
      if (v.unit === undefined) say(`displayUnit ${quote(v.displayUnit)} without a unit`);
      else if (unit !== undefined && known !== true && v.displayUnit !== v.unit) {
        say(`its displayUnit ${quote(v.displayUnit)} is not defined for the unit ${quote(v.unit)}`);
      }
    }
    if (v.declaredType !== undefined) {
      const type = types.get(v.declaredType);
      if (type === undefined) say(`its declaredType ${quote(v.declaredType)} is not defined`);
      else if (type.type !== v.type) {
        say(
          `its declaredType ${quote(v.declaredType)} is of type ${type.type}, the variable of ${v.type}`,
        );
      }
    } else if (v.type === 'Enumeration') say('an enumeration needs a declaredType');
    checkEnumeration(md, v, say);
    if (v.derivative !== undefined) {
      const state = byName.get(v.derivative);
      if (state !== undefined && state.variability !== 'continuous') {
        say(`it is the derivative of ${quote(v.derivative)}, which is not continuous`);
      }
      if (state === v) say('it is its own derivative');
    }
    if (v.reinit && !md.variables.some((d) => d.derivative === v.name)) {
      say('reinit=true, but it is no state: nothing is its derivative');
    }
    checkDimensions(md, v, say);
    for (const reference of v.clocks) {
      if (!md.variables.some((c) => c.valueReference === reference && c.type === 'Clock')) {
        say(`it belongs to clock ${reference}, but no Clock has that valueReference`);
      }
    }
  }
}

function checkFmi2Alias(
  v: ModelVariable,
  references: Map<number, ModelVariable>,
  say: (text: string) => void,
): void {
  // In FMI 2 a shared reference makes aliases, per base type: one of them may be set at most.
  const base = v.type === 'Enumeration' ? 'Int32' : v.type;
  const key = v.valueReference * 8 + ['Float64', 'Int32', 'Boolean', 'String'].indexOf(base);
  const other = references.get(key);
  if (other === undefined) {
    references.set(key, v);
    return;
  }
  const settable = (w: ModelVariable) => w.causality === 'input' || w.causality === 'parameter';
  if (settable(v) && settable(other)) {
    say(
      `it is an alias of ${quote(other.name)} (valueReference ${v.valueReference}), and both can be set`,
    );
  }
  if (v.unit !== undefined && other.unit !== undefined && v.unit !== other.unit) {
    say(`it is an alias of ${quote(other.name)}, but their units differ`);
  }
}

function checkBounds(v: ModelVariable, say: (text: string) => void): void {
  if (v.min !== undefined && v.max !== undefined && v.max < v.min) {
    say(`max=${v.max} is below min=${v.min}`);
  }
  for (const value of v.start ?? []) {
    if (typeof value !== 'number' && typeof value !== 'bigint') continue;
    if (v.min !== undefined && value < v.min) say(`its start value ${value} is below min=${v.min}`);
    if (v.max !== undefined && value > v.max) say(`its start value ${value} is above max=${v.max}`);
  }
  if (v.nominal === 0) say('nominal=0 is not allowed');
}

function checkEnumeration(
  md: ModelDescription,
  v: ModelVariable,
  say: (text: string) => void,
): void {
  const type = declaredTypeOf(md, v);
  if (v.type !== 'Enumeration' || type === undefined || type.items.length === 0) return;
  for (const value of v.start ?? []) {
    if (!type.items.some((item) => Number(item.value) === Number(value))) {
      say(`its start value ${String(value)} is none of the items of ${quote(type.name)}`);
    }
  }
}

function checkDimensions(
  md: ModelDescription,
  v: ModelVariable,
  say: (text: string) => void,
): void {
  let size = 1;
  for (const dimension of v.dimensions) {
    if ('start' in dimension) {
      if (dimension.start === 0) say('a fixed dimension must be at least 1');
      size *= dimension.start;
      continue;
    }
    const parameter = md.variables.find((p) => p.valueReference === dimension.valueReference);
    if (parameter === undefined) {
      say(
        `its dimension refers to valueReference ${dimension.valueReference}, which is no variable`,
      );
      return;
    }
    if (
      parameter.type !== 'UInt64' ||
      (parameter.causality !== 'structuralParameter' && parameter.variability !== 'constant')
    ) {
      say(
        `its dimension ${quote(parameter.name)} must be a structural parameter or constant of type UInt64`,
      );
    }
    size *= Number(parameter.start?.[0] ?? 0);
  }
  const given = v.start?.length;
  // One start value may stand for all elements.
  if (given !== undefined && given !== size && !(given === 1 && v.dimensions.length > 0)) {
    say(`it has ${given} start values for ${size} ${size === 1 ? 'element' : 'elements'}`);
  }
}

/** Names alone, as FMI 1 has other attributes. */
export function checkNames(md: ModelDescription, report: Report): void {
  const lines = new Map<string, number>();
  for (const { name, line } of md.variables) {
    const before = lines.get(name);
    if (before !== undefined) {
      report(line, `the name ${quote(name)} is taken already (line ${before}).`);
    } else lines.set(name, line);
  }
}
