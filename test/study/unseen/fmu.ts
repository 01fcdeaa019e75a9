import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { compileFmu } from '../../unit/fmi/fixture-fmus.js';
import type { Machine } from './machines.js';

const namesOf = (m: Machine) => ({
  states: m.states.map(([name]) => name),
  ders: m.states.map(([name]) => `der_${name}`),
  inputs: m.inputs.map(([name]) => name),
  parameters: m.parameters.map(([name]) => name),
  outputs: [...m.measured.map(([name]) => name), ...m.hidden],
});

/** The machine's model as C, in the frame of the test FMUs. */
function sourceOf(m: Machine): string {
  const { states, ders, inputs, parameters, outputs } = namesOf(m);
  const given = [...states, ...inputs, ...parameters];
  const made = [...ders, ...outputs];
  const at = (name: string) => `v->r[V_${name}]`;
  const starts = [
    ...m.states.map(([name, start]) => [name, start] as const),
    ...m.inputs.map(([name, from, to]) => [name, (from + to) / 2] as const),
    ...m.parameters,
  ];
  return `#include "model.h"
enum { ${[...states, ...ders, ...parameters, ...inputs, ...outputs].map((n) => `V_${n}`).join(', ')} };
static const int states[] = {${states.map((n) => `V_${n}`)}}, ders[] = {${ders.map((n) => `V_${n}`)}};
static void start(Values *v) { ${starts.map(([n, value]) => `${at(n)} = ${value};`).join(' ')} }
static void equations(Values *v) {
    double ${given.map((n) => `${n} = ${at(n)}`).join(', ')};
    double ${made.join(', ')};
    ${m.equations.trim()}
    ${made.map((n) => `${at(n)} = ${n};`).join(' ')}
}
static void event(Values *v) { }
const Model model = {"${m.name}-1", ${states.length}, states, ders, 0, ${m.periodS / 500}, start, equations, NULL, event, NULL};
`;
}

function descriptionOf(m: Machine): string {
  const { states, ders, inputs, parameters, outputs } = namesOf(m);
  let reference = 0;
  const variable = (name: string, attributes: string, real: string) =>
    `<ScalarVariable name="${name}" valueReference="${reference++}" ${attributes}><Real${real}/></ScalarVariable>`;
  const startOf = (of: readonly (readonly [string, number, ...unknown[]])[], name: string) =>
    of.find(([n]) => n === name)![1];
  const local = 'causality="local" variability="continuous"';
  const unknowns = (from: number, count: number) =>
    Array.from({ length: count }, (_, k) => `<Unknown index="${from + k + 1}"/>`).join('');
  const n = states.length;
  const firstOutput = 2 * n + parameters.length + inputs.length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="2.0" modelName="${m.name}" guid="${m.name}-1" numberOfEventIndicators="0">
<ModelExchange modelIdentifier="${m.name}" canGetAndSetFMUstate="true" completedIntegratorStepNotNeeded="true"/>
<CoSimulation modelIdentifier="${m.name}" canHandleVariableCommunicationStepSize="true" canGetAndSetFMUstate="true"/>
<DefaultExperiment startTime="0" stopTime="1000" tolerance="1e-6" stepSize="${m.periodS}"/>
<ModelVariables>
${[
  ...states.map((s) => variable(s, `${local} initial="exact"`, ` start="${startOf(m.states, s)}"`)),
  ...ders.map((d, k) => variable(d, `${local} initial="calculated"`, ` derivative="${k + 1}"`)),
  ...parameters.map((p) =>
    variable(
      p,
      'causality="parameter" variability="tunable" initial="exact"',
      ` start="${startOf(m.parameters, p)}"`,
    ),
  ),
  ...m.inputs.map(([i, from, to]) =>
    variable(i, 'causality="input" variability="continuous"', ` start="${(from + to) / 2}"`),
  ),
  ...outputs.map((o) =>
    variable(o, 'causality="output" variability="continuous" initial="calculated"', ''),
  ),
].join('\n')}
</ModelVariables>
<ModelStructure>
<Outputs>${unknowns(firstOutput, outputs.length)}</Outputs>
<Derivatives>${unknowns(n, n)}</Derivatives>
<InitialUnknowns>${unknowns(n, n)}${unknowns(firstOutput, outputs.length)}</InitialUnknowns>
</ModelStructure>
</fmiModelDescription>`;
}

/** Builds the machine's model as an FMU. @returns its path */
export function machineFmu(m: Machine): string {
  const folder = join(tmpdir(), `twinloop-unseen-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const source = join(folder, `${m.name}.c`);
  writeFileSync(source, sourceOf(m));
  return compileFmu({ name: m.name, version: 2, xml: descriptionOf(m), source });
}
