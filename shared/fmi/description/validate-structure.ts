import type { ModelDescription } from './model-description.js';
import type { Report } from './xml-attributes.js';
import { quote } from './xml-attributes.js';

/** Checks the model's structure: outputs, derivatives, initial unknowns, dependencies. */
export function checkStructure(md: ModelDescription, report: Report): void {
  const s = md.modelStructure;
  const byName = new Map(md.variables.map((v) => [v.name, v]));
  const listed = new Set<string>();
  for (const unknown of s.outputs) {
    if (listed.has(unknown.name))
      report(unknown.line, `output ${quote(unknown.name)} is listed twice.`);
    listed.add(unknown.name);
    if (byName.get(unknown.name)?.causality !== 'output') {
      report(
        unknown.line,
        `${quote(unknown.name)} is listed as output, but its causality is ${byName.get(unknown.name)?.causality}.`,
      );
    }
  }
  for (const v of md.variables) {
    if (v.causality === 'output' && !listed.has(v.name) && v.type !== 'Clock') {
      report(v.line, `output ${quote(v.name)} is missing in <ModelStructure>.`);
    }
  }
  const derivatives = new Set<string>();
  for (const unknown of s.continuousStateDerivatives) {
    if (derivatives.has(unknown.name)) {
      report(unknown.line, `derivative ${quote(unknown.name)} is listed twice.`);
    }
    derivatives.add(unknown.name);
    if (byName.get(unknown.name)?.derivative === undefined) {
      report(
        unknown.line,
        `${quote(unknown.name)} is listed as derivative, but names no state (attribute derivative).`,
      );
    }
  }
  checkInitialUnknowns(md, report);
  const lists = [
    s.outputs,
    s.continuousStateDerivatives,
    s.clockedStates,
    s.initialUnknowns,
    s.eventIndicators,
  ];
  for (const unknown of lists.flat()) {
    const kinds = unknown.dependenciesKind;
    if (kinds === undefined) continue;
    if (kinds.length !== unknown.dependencies?.length) {
      report(
        unknown.line,
        `${quote(unknown.name)} has ${unknown.dependencies?.length ?? 0} dependencies but ${kinds.length} dependenciesKind.`,
      );
    }
    for (const kind of kinds) {
      if (!['dependent', 'constant', 'fixed', 'tunable', 'discrete'].includes(kind)) {
        report(unknown.line, `${quote(kind)} is no kind of dependency.`);
      }
    }
  }
}

/** FMI 2.0.4 section 2.2.8, FMI 3.0.2 section 2.4.8: exactly what is computed at initialization. */
function checkInitialUnknowns(md: ModelDescription, report: Report): void {
  const { initialUnknowns, continuousStateDerivatives } = md.modelStructure;
  const key = (v: { type: string; valueReference: number }) => `${v.type} ${v.valueReference}`;
  const byName = new Map(md.variables.map((v) => [v.name, v]));
  const derivatives = new Set(continuousStateDerivatives.map((u) => u.name));
  const states = new Set([...derivatives].flatMap((name) => byName.get(name)?.derivative ?? []));
  const expected = md.variables.filter((v) => {
    if (v.type === 'Clock' || v.clocks.length > 0) return false;
    if (v.causality === 'calculatedParameter') return true;
    const computed = v.initial === 'approx' || v.initial === 'calculated';
    return computed && (v.causality === 'output' || derivatives.has(v.name) || states.has(v.name));
  });
  // Aliases stand for each other.
  const listed = new Set(initialUnknowns.flatMap((u) => byName.get(u.name) ?? []).map(key));
  const wanted = new Set(expected.map(key));
  for (const v of expected) {
    if (listed.has(key(v))) continue;
    report(
      v.line,
      `${quote(v.name)} (${v.causality}, initial=${v.initial ?? '(none)'}) is missing among the initial unknowns of <ModelStructure>.`,
      'warning',
    );
  }
  for (const unknown of initialUnknowns) {
    const v = byName.get(unknown.name);
    if (v !== undefined && !wanted.has(key(v))) {
      report(
        unknown.line,
        `${quote(unknown.name)} is listed as initial unknown, but is none.`,
        'warning',
      );
    }
  }
}
