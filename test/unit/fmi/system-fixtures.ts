import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { fixtureCache } from './fixture-fmus.js';

const NAMESPACES = [
  ['ssd', 'SystemStructureDescription'],
  ['ssc', 'SystemStructureCommon'],
  ['ssv', 'SystemStructureParameterValues'],
  ['ssm', 'SystemStructureParameterMapping'],
]
  .map(([short, long]) => `xmlns:${short}="http://ssp-standard.org/SSP1/${long}"`)
  .join(' ');

/** A SystemStructure.ssd around what lies in its system. */
export const ssd = (system: string, rest = ''): string =>
  `<?xml version="1.0" encoding="UTF-8"?>
<ssd:SystemStructureDescription ${NAMESPACES} version="1.0" name="line">
<ssd:System name="line">${system}</ssd:System>${rest}
<ssd:DefaultExperiment startTime="0" stopTime="2"/>
</ssd:SystemStructureDescription>`;

/** A file of parameter values, or of a mapping. */
export const ssv = (parameters: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>
<ssv:ParameterSet ${NAMESPACES} version="1.0" name="values"><ssv:Parameters>${parameters}</ssv:Parameters></ssv:ParameterSet>`;
export const ssm = (entries: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>
<ssm:ParameterMapping ${NAMESPACES} version="1.0">${entries}</ssm:ParameterMapping>`;

/**
 * Writes a system's archive with FMUs and other files under `resources/`, once per content.
 *
 * @returns the path of the .ssp
 */
export function buildSsp(
  text: string,
  resources: Readonly<Record<string, string | Uint8Array>>,
  entries: Readonly<Record<string, Uint8Array>> = {},
): string {
  const files = {
    'SystemStructure.ssd': new TextEncoder().encode(text),
    ...Object.fromEntries(
      Object.entries(resources).map(([name, content]) => [
        `resources/${name}`,
        typeof content !== 'string'
          ? content
          : name.endsWith('.fmu')
            ? new Uint8Array(readFileSync(content))
            : new TextEncoder().encode(content),
      ]),
    ),
    ...entries,
  };
  const archive = zipSync(files, { mtime: new Date(2000, 0, 1) });
  const folder = join(
    fixtureCache,
    createHash('sha256').update(archive).digest('hex').slice(0, 24),
  );
  const path = join(folder, 'line.ssp');
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, archive);
  renameSync(unfinished, path);
  return path;
}

/** A component of the model of decay. */
export const decay = (name: string, more = ''): string =>
  component(name, 'decay.fmu', { u: 'input', y: 'output', y2: 'output', k: 'parameter' }, more);

/** A component with connectors of numbers. */
export function component(
  name: string,
  source: string,
  connectors: Readonly<Record<string, string>>,
  more = '',
): string {
  const list = Object.entries(connectors).map(
    ([connector, kind]) =>
      `<ssd:Connector name="${connector}" kind="${kind}"><ssc:Real/></ssd:Connector>`,
  );
  return `<ssd:Component name="${name}" source="resources/${source}" type="application/x-fmu-sharedlibrary"><ssd:Connectors>${list.join('')}</ssd:Connectors>${more}</ssd:Component>`;
}

/** A connection from `a.y` to `b.u`; a name without a dot is a connector of the system itself. */
export function connection(from: string, to: string, inside = '', more = ''): string {
  const end = (which: string, name: string) => {
    const at = name.indexOf('.');
    return at < 0
      ? `${which}Connector="${name}"`
      : `${which}Element="${name.slice(0, at)}" ${which}Connector="${name.slice(at + 1)}"`;
  };
  return `<ssd:Connection ${end('start', from)} ${end('end', to)}${more}>${inside}</ssd:Connection>`;
}
