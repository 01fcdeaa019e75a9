import type { TwinDefinition, TwinPicture } from '../../shared/config/index.js';
import type { Machine, Quantity } from './browser/protocol.js';

/** What the page needs to know of a twin, whatever machine it is of. */
export function describeMachine(twin: TwinDefinition, axis: Machine['axis']): Machine {
  const quantities: Quantity[] = [];
  const base = (
    role: Quantity['role'],
    s: { variable: string; alias: string; unit: string; label?: string | undefined },
  ) => ({
    id: `${role}:${s.variable}`,
    role,
    variable: s.variable,
    label: s.label ?? labelOf(s.variable, s.unit),
    named: s.label !== undefined,
    unit: s.unit,
    alias: s.alias,
  });
  for (const s of twin.inputs) {
    if (s.alias !== undefined) quantities.push(base('input', { ...s, alias: s.alias }));
  }
  for (const s of twin.measured) {
    quantities.push({ ...base('measured', s), estimate: `estimate:${s.variable}` });
  }
  for (const s of twin.parameters) quantities.push({ ...base('parameter', s), limit: s.alarm });
  for (const s of twin.virtualSensors) {
    quantities.push({ ...base('virtualSensor', s), limit: s.alarm });
  }
  return {
    name: twin.name,
    quantities,
    layout: twin.layout,
    picture: pictureOf(twin.picture),
    decides: twin.decisions !== undefined,
    axis,
  };
}

/** A definition's picture as the page takes it. */
function pictureOf(picture: TwinPicture | undefined): Machine['picture'] {
  if (picture?.parts !== undefined) return { parts: picture.parts, links: picture.links ?? [] };
  if (picture?.glb !== undefined) return { model: true, bind: picture.bind ?? [] };
  return picture?.svg === undefined ? undefined : { svg: picture.svg, bind: picture.bind ?? [] };
}

/** A variable's name for people: in words, and without its unit, which stands beside the value. */
export function labelOf(variable: string, unit: string): string {
  const ending = `_${unit}`;
  const bare =
    unit !== '' && variable.endsWith(ending) ? variable.slice(0, -ending.length) : variable;
  const words = bare
    .replaceAll('_', ' ')
    .replaceAll(/([a-z])([A-Z])(?=[a-z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  return words.trim() || variable;
}
