import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Fmu } from './fmu.js';
import type { InterfaceInfo, ModelDescription } from './model-description.js';
import { checkIdentifiers, findBinary, isNamedFor, platformFolders } from './platform.js';
import { checkStructure } from './validate-structure.js';
import { checkNames, checkVariables } from './validate-variables.js';
import { checkNamingConvention } from './variable-names.js';
import { type DescriptionProblem, quote, type Report } from './xml-attributes.js';

/** A problem of an FMU; line 0 when it is not in modelDescription.xml. */
export type FmuProblem = DescriptionProblem;

function checkTypesAndUnits(md: ModelDescription, report: Report): void {
  const unitNames = new Set<string>();
  for (const unit of md.unitDefinitions) {
    if (unitNames.has(unit.name)) report(unit.line, `unit ${quote(unit.name)} is defined twice.`);
    unitNames.add(unit.name);
    if (unit.baseUnit?.factor === 0) report(unit.line, `unit ${quote(unit.name)} has factor 0.`);
    const display = new Set<string>();
    for (const d of unit.displayUnits) {
      if (display.has(d.name)) {
        report(unit.line, `display unit ${quote(d.name)} of ${quote(unit.name)} is defined twice.`);
      }
      display.add(d.name);
    }
  }
  const typeNames = new Set<string>();
  for (const type of md.typeDefinitions) {
    if (typeNames.has(type.name)) report(type.line, `type ${quote(type.name)} is defined twice.`);
    typeNames.add(type.name);
    if (type.unit !== undefined && !unitNames.has(type.unit)) {
      report(type.line, `type ${quote(type.name)}: its unit ${quote(type.unit)} is not defined.`);
    }
    if (type.type === 'Enumeration') {
      if (type.items.length === 0)
        report(type.line, `enumeration ${quote(type.name)} has no items.`);
      const values = new Set(type.items.map((item) => String(item.value)));
      const names = new Set(type.items.map((item) => item.name));
      if (values.size < type.items.length || names.size < type.items.length) {
        report(type.line, `enumeration ${quote(type.name)} has items of the same name or value.`);
      }
    }
  }
}

function checkHeader(md: ModelDescription, report: Report): void {
  if (md.modelName === '') report(1, 'modelName is empty.');
  if (md.instantiationToken === '') {
    report(1, `${md.fmiMajorVersion === 2 ? 'guid' : 'instantiationToken'} is empty.`);
  }
  if (!md.modelExchange && !md.coSimulation && !md.scheduledExecution) {
    report(1, 'there is no <ModelExchange>, <CoSimulation> or <ScheduledExecution>.');
  }
  const { startTime = 0, stopTime, stepSize, tolerance } = md.defaultExperiment;
  if (stopTime !== undefined && stopTime < startTime) {
    report(1, `the default experiment stops (${stopTime}) before it starts (${startTime}).`);
  }
  if (stepSize !== undefined && !(stepSize > 0)) report(1, `the default stepSize is ${stepSize}.`);
  if (tolerance !== undefined && !(tolerance > 0))
    report(1, `the default tolerance is ${tolerance}.`);
  for (const info of [md.modelExchange, md.coSimulation]) {
    if (info?.canSerializeFmuState === true && !info.canGetAndSetFmuState) {
      report(info.line, 'canSerializeFMUState without canGetAndSetFMUState.');
    }
  }
}

function checkBinaries(fmu: Fmu, report: Report): void {
  const md = fmu.modelDescription;
  const infos = [md.modelExchange, md.coSimulation, md.scheduledExecution].filter(
    (info): info is InterfaceInfo => info !== undefined,
  );
  const hasSources = existsSync(join(fmu.unzipDir, 'sources'));
  const folder = join(fmu.unzipDir, 'binaries');
  const platforms = existsSync(folder) ? readdirSync(folder) : [];
  for (const { modelIdentifier, line } of infos) {
    const anywhere = platforms.some((p) =>
      ['.so', '.dll', '.dylib'].some((e) => existsSync(join(folder, p, `${modelIdentifier}${e}`))),
    );
    const found = findBinary(fmu.unzipDir, modelIdentifier);
    if (found !== undefined && !isNamedFor(found, modelIdentifier)) {
      report(
        line,
        `modelIdentifier is ${quote(modelIdentifier)}, but the only binary for this machine is ${quote(basename(found))}; it is run.`,
      );
    } else if (!anywhere && !hasSources) {
      report(
        line,
        `there is neither a binary nor a source of ${modelIdentifier} (binaries/<platform>/${modelIdentifier}.so, .dll or .dylib).`,
      );
    } else if (found === undefined && !hasSources) {
      report(
        line,
        `there is no binary of ${modelIdentifier} for this machine (${platformFolders().join(' or ')}); there are: ${platforms.join(', ')}.`,
        'warning',
      );
    }
  }
}

/**
 * Checks what the schema can't: names, references, start values, causality and variability, units,
 * types, structure, and that there is something to run.
 *
 * @param syntax the problems found while reading
 * @returns all problems, in the order of their lines
 */
export function validateFmu(fmu: Fmu, syntax: readonly FmuProblem[] = []): FmuProblem[] {
  const md = fmu.modelDescription;
  const problems: FmuProblem[] = [...syntax];
  const by = (sections: readonly [fmi2: string, fmi3: string]): Report => {
    const clause = {
      1: 'FMI 1.0, 2.1 to 2.9',
      2: `FMI 2.0.4, ${sections[0]}`,
      3: `FMI 3.0.2, ${sections[1]}`,
    }[md.fmiMajorVersion];
    return (line, message, severity = 'error') =>
      problems.push({ line, message, severity, clause });
  };
  checkHeader(md, by(['2.2.1', '2.4.1']));
  checkIdentifiers(md, by(['2.2.1', '2.4.1']));
  if (md.fmiMajorVersion === 1) {
    // Its causalities, units and structure are others, and looser.
    checkNames(md, by(['', '']));
    checkNamingConvention(md, by(['', '']));
    checkBinaries(fmu, by(['', '']));
    return sorted(problems);
  }
  checkTypesAndUnits(md, by(['2.2.2 and 2.2.3', '2.4.3 and 2.4.4']));
  checkVariables(md, by(['2.2.7', '2.4.7']));
  checkNamingConvention(md, by(['2.2.9', '2.4.7.5.1']));
  checkStructure(md, by(['2.2.8', '2.4.8']));
  checkBinaries(fmu, by(['2.3', '2.5.1']));
  return sorted(problems);
}

const sorted = (problems: readonly FmuProblem[]): FmuProblem[] =>
  problems
    .map((problem) => ({ severity: 'error' as const, ...problem }))
    .sort((a, b) => a.line - b.line);
