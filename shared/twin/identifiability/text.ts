import { secondsText } from '../../core/index.js';
import type {
  Identifiability,
  IdentifiabilityReport,
  ParameterIdentifiability,
} from './identifiability.js';
import { WANTED_SHARE } from './identifiability.js';

const figure = (value: number) => value.toPrecision(2);

/** What the noise would have to be for a parameter to be told, as a clause. */
export function noiseNeededText(p: ParameterIdentifiability): string {
  if (p.noiseStdNeeded === undefined) return 'no noise would do: no sensor tells it from others';
  const names = Object.keys(p.noiseStdNeeded);
  const values = Object.values(p.noiseStdNeeded);
  const alike = values.every((v) => Math.abs(v - values[0]!) < 1e-9 * v);
  const all =
    names.length === 1
      ? `noiseStd of ${names[0]} would have to be ${figure(values[0]!)} or lower`
      : alike
        ? `noiseStd of every sensor would have to be ${figure(values[0]!)} or lower`
        : `noiseStd would have to be ${names.map((name, i) => `${figure(values[i]!)} (${name})`).join(', ')} or lower`;
  const { singleSensor } = p;
  return singleSensor === undefined || names.length === 1
    ? all
    : `${all}, or that of ${singleSensor.variable} alone ${figure(singleSensor.noiseStd)}`;
}

function parameterLine(name: string, p: ParameterIdentifiability, from = 'one sample'): string {
  const known = p.std === null ? 'told by no sensor' : `± ${p.std.toPrecision(3)} from ${from}`;
  const verdict = p.identifiable
    ? 'identifiable'
    : p.std === null
      ? 'not identifiable at any noise'
      : `not identifiable: ${noiseNeededText(p)}`;
  return `${name.padEnd(12)} ${known}: ${verdict}`;
}

const combinationText = (combination: { parameter: string; weight: number }[]) =>
  combination.map((c) => `${c.weight.toFixed(2)}·${c.parameter}`).join(' + ');

/** What one sample tells at one place, for people. */
export function identifiabilityLines(found: Identifiability, from?: string): string[] {
  return [
    `Condition of the Fisher information: ${found.condition?.toPrecision(3) ?? 'infinite'}`,
    ...Object.entries(found.parameters).map(([name, p]) => `  ${parameterLine(name, p, from)}`),
    ...found.weakDirections.map(
      ({ combination, std }) =>
        `  cannot be told apart: ${combinationText(combination)} (± ${std === null ? 'anything' : `${(100 * std).toPrecision(2)} % of the range`})`,
    ),
  ];
}

/** The check of a twin for people. */
export function identifiabilityReportLines(report: IdentifiabilityReport): string[] {
  const { course } = report;
  const from = course === undefined ? 'one sample' : 'the course';
  const lines = [
    `${report.twin}: the definition fits its FMU; one run at the prior gave ${Object.keys(report.outputs).length} outputs.`,
    `Wanted: each parameter to ${100 * WANTED_SHARE} % of its range from ${from}.`,
    ...(course === undefined
      ? []
      : [
          `The course: ${course.samples} samples over ${secondsText(Number(course.spanS.toPrecision(3)))}, dense at first, ${course.start}; the start is taken as known.`,
        ]),
    '',
    'At the prior:',
    ...identifiabilityLines(report, from),
    '',
    'Each parameter alone worn:',
  ];
  for (const worn of report.worn) {
    const at = `${worn.parameter} = ${worn.value.toPrecision(3)}`;
    if ('error' in worn) {
      lines.push(`  ${at}: the model does not run there: ${worn.error}`);
      continue;
    }
    lines.push(`  ${parameterLine(at, worn.parameters[worn.parameter]!, from)}`);
    const others = Object.entries(worn.parameters).filter(
      ([name, p]) =>
        name !== worn.parameter && !p.identifiable && report.parameters[name]!.identifiable,
    );
    for (const [name, p] of others) lines.push(`    then ${parameterLine(name, p, from)}`);
  }
  return lines;
}
