// Makes modelDescription.xml (FMI 2.0 and 3.0) and the C header from the variables.
import { createHash } from 'node:crypto';
import { units, variables } from './variables.mjs';

export const MODEL_IDENTIFIER = 'WebLine';
export const SOURCES = ['instance.c', 'rosenbrock.c', 'web_line.c'];
const ABOUT =
  'A roll-to-roll web line: span tensions, idle rollers with drag and slip, nips, dancer';

const states = variables.filter((v) => v.state === true);
const derivativeOf = (s) => variables.find((v) => v.derivativeOf === s.name);
const escapeXml = (text) =>
  String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const attributes = (pairs) =>
  Object.entries(pairs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('');

/** Names this version of the model; a binary refuses any other description. */
export function instantiationToken(sourceTexts) {
  const hash = createHash('sha256').update(JSON.stringify(variables));
  for (const text of sourceTexts) hash.update(text);
  return hash.digest('hex').slice(0, 24);
}

/** The header that ties the C sources to the variables' places. */
export function variablesHeader(token) {
  const kind = (v) => {
    if (v.state === true) return 'KIND_STATE';
    if (v.causality === 'input') return 'KIND_INPUT';
    if (v.variability === 'tunable') return 'KIND_TUNABLE';
    return v.variability === 'fixed' ? 'KIND_FIXED' : 'KIND_CALCULATED';
  };
  const macro = (name, values) => `#define ${name} \\\n  { ${values.join(', ')} }\n`;
  const identifier = (v) =>
    v.derivativeOf === undefined ? `VR_${v.name}` : `VR_der_${v.derivativeOf}`;
  return `/* Made from variables.mjs by build.mjs: do not edit. */
#ifndef VARIABLES_H
#define VARIABLES_H

#define INSTANTIATION_TOKEN "${token}"

enum {
${variables.map((v) => `  ${identifier(v)} = ${v.valueReference},`).join('\n')}
  VARIABLE_COUNT = ${variables.length},
  STATE_FIRST = ${states[0].valueReference},
  STATE_COUNT = ${states.length},
  DERIVATIVE_FIRST = ${derivativeOf(states[0]).valueReference}
};

enum { KIND_FIXED, KIND_TUNABLE, KIND_INPUT, KIND_STATE, KIND_CALCULATED };

${macro(
  'VARIABLE_STARTS',
  variables.map((v) => v.start ?? 0),
)}
${macro(
  'VARIABLE_MINIMA',
  variables.map((v) => v.min ?? -1e300),
)}
${macro('VARIABLE_KINDS', variables.map(kind))}
${macro(
  'STATE_NOMINALS',
  states.map((v) => v.nominal),
)}
#endif
`;
}

function unitDefinitions() {
  const lines = Object.entries(units).map(
    ([name, base]) => `    <Unit name="${name}"><BaseUnit${attributes(base)}/></Unit>`,
  );
  return `  <UnitDefinitions>\n${lines.join('\n')}\n  </UnitDefinitions>`;
}

const EXPERIMENT =
  '  <DefaultExperiment startTime="0" stopTime="60" tolerance="1e-5" stepSize="0.1"/>';

/** Unknowns of the initialization: what is calculated and leaves the model or is a rate. */
const initialUnknowns = variables.filter((v) => v.initial === 'calculated');

export function modelDescription2(token) {
  const index = (v) => v.valueReference + 1;
  const files = [...SOURCES, 'fmi2.c'].map((f) => `      <File name="${f}"/>`).join('\n');
  const abilities = attributes({
    modelIdentifier: MODEL_IDENTIFIER,
    canGetAndSetFMUstate: true,
    canSerializeFMUstate: true,
    providesDirectionalDerivative: true,
  });
  const sources = `    <SourceFiles>\n${files}\n    </SourceFiles>`;
  const scalar = (v) => {
    const outer = attributes({
      name: v.name,
      valueReference: v.valueReference,
      causality: v.causality,
      variability: v.variability,
      initial: v.initial,
      description: v.description,
    });
    const inner = attributes({
      unit: v.unit,
      start: v.start,
      min: v.min,
      max: v.max,
      nominal: v.nominal,
      derivative:
        v.derivativeOf === undefined
          ? undefined
          : index(states.find((s) => s.name === v.derivativeOf)),
    });
    return `    <ScalarVariable${outer}><Real${inner}/></ScalarVariable>`;
  };
  const unknowns = (list) => list.map((v) => `      <Unknown index="${index(v)}"/>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="2.0" modelName="${MODEL_IDENTIFIER}" guid="${token}" description="${ABOUT}" generationTool="Twinloop" license="Apache-2.0" variableNamingConvention="structured" numberOfEventIndicators="0">
  <ModelExchange${abilities}>
${sources}
  </ModelExchange>
  <CoSimulation${abilities} canHandleVariableCommunicationStepSize="true">
${sources}
  </CoSimulation>
${unitDefinitions()}
  <LogCategories>
    <Category name="logStatusError" description="What made a call fail"/>
  </LogCategories>
${EXPERIMENT}
  <ModelVariables>
${variables.map(scalar).join('\n')}
  </ModelVariables>
  <ModelStructure>
    <Outputs>
${unknowns(variables.filter((v) => v.causality === 'output'))}
    </Outputs>
    <Derivatives>
${unknowns(states.map(derivativeOf))}
    </Derivatives>
    <InitialUnknowns>
${unknowns(initialUnknowns)}
    </InitialUnknowns>
  </ModelStructure>
</fmiModelDescription>
`;
}

export function modelDescription3(token) {
  const abilities = attributes({
    modelIdentifier: MODEL_IDENTIFIER,
    canGetAndSetFMUState: true,
    canSerializeFMUState: true,
    providesDirectionalDerivatives: true,
  });
  const variable = (v) =>
    `    <Float64${attributes({
      name: v.name,
      valueReference: v.valueReference,
      causality: v.causality,
      variability: v.variability,
      initial: v.initial,
      description: v.description,
      unit: v.unit,
      start: v.start,
      min: v.min,
      max: v.max,
      nominal: v.nominal,
      derivative:
        v.derivativeOf === undefined
          ? undefined
          : states.find((s) => s.name === v.derivativeOf).valueReference,
    })}/>`;
  const structure = (element, list) =>
    list.map((v) => `    <${element} valueReference="${v.valueReference}"/>`).join('\n');
  const time = `    <Float64 name="time" valueReference="${variables.length}" causality="independent" variability="continuous" description="Simulation time" unit="s"/>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="3.0" modelName="${MODEL_IDENTIFIER}" instantiationToken="${token}" description="${ABOUT}" generationTool="Twinloop" license="Apache-2.0" variableNamingConvention="structured">
  <ModelExchange${abilities}/>
  <CoSimulation${abilities} canHandleVariableCommunicationStepSize="true"/>
${unitDefinitions()}
  <LogCategories>
    <Category name="logStatusError" description="What made a call fail"/>
  </LogCategories>
${EXPERIMENT}
  <ModelVariables>
${time}
${variables.map(variable).join('\n')}
  </ModelVariables>
  <ModelStructure>
${structure(
  'Output',
  variables.filter((v) => v.causality === 'output'),
)}
${structure('ContinuousStateDerivative', states.map(derivativeOf))}
${structure('InitialUnknown', initialUnknowns)}
  </ModelStructure>
</fmiModelDescription>
`;
}

/** How a source FMU of FMI 3.0 is compiled. */
export function buildDescription3() {
  const files = [...SOURCES, 'fmi3.c'].map((f) => `      <SourceFile name="${f}"/>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<fmiBuildDescription fmiVersion="3.0">
  <BuildConfiguration modelIdentifier="${MODEL_IDENTIFIER}">
    <SourceFileSet language="C99">
${files}
    </SourceFileSet>
  </BuildConfiguration>
</fmiBuildDescription>
`;
}
