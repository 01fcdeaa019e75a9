import { describe, expect, it } from 'vitest';
import type { ModelDescription } from '../../../shared/fmi/index.js';
import { checkUnits } from '../../../shared/twin/model/units.js';
import type { Twin } from '../../../shared/twin/types.js';

const md = {
  modelName: 'm',
  variables: [
    { name: 'i', unit: 'A', relativeQuantity: false, aliases: [] },
    { name: 'T', unit: 'K', relativeQuantity: false, aliases: [] },
    { name: 'M', unit: 'N.m', relativeQuantity: false, aliases: [] },
    { name: 'n', relativeQuantity: false, aliases: [] },
  ],
  unitDefinitions: [],
} as unknown as ModelDescription;

const twin = (variable: string, unit: string) =>
  ({
    definition: { inputs: [], measured: [{ variable, unit }], parameters: [], virtualSensors: [] },
  }) as unknown as Twin;

describe('units of a definition', () => {
  it.each([
    ['i', 'mA'],
    ['T', 'degC'],
    ['T', '°C'],
    ['M', 'kN.m'],
  ])('of %s are refused as %s', (variable, unit) => {
    expect(() => checkUnits(twin(variable, unit), md)).toThrow(/units contradict the FMU/);
  });
  it.each([
    ['i', 'A'],
    ['i', ''],
    ['M', 'N·m'],
    ['M', 'Nm'],
    ['n', 'rpm'],
  ])('of %s are taken as %s', (variable, unit) => {
    expect(() => checkUnits(twin(variable, unit), md)).not.toThrow();
  });
});
