import type { TwinDefinition } from './twin.js';

/** What a stream of a twin is. */
export type StreamRole = 'input' | 'measured' | 'parameter' | 'virtualSensor' | 'health';

/** One stream of a twin's asset: one property in SiteWise. */
export interface TwinStream {
  alias: string;
  /** Unique within the asset; the property's name in SiteWise. */
  name: string;
  unit: string;
  dataType: 'DOUBLE' | 'STRING';
  role: StreamRole;
  /** Measured by the machine, computed by the calibration, or written by people at the page. */
  origin: 'machine' | 'twin' | 'people';
  /** The composite model of the asset's model that holds its property; left out: the model itself. */
  composite?: string;
}

/**
 * The path that all aliases of a twin share, e.g. `/line1`; `/<name>` where they share none.
 * What concerns the twin as a whole is published under it.
 */
export function aliasPrefix(twin: TwinDefinition): string {
  const aliases = [...twin.measured, ...twin.parameters, ...twin.virtualSensors].map((s) =>
    s.alias.split('/').slice(0, -1),
  );
  const [first = []] = aliases;
  let length = first.length;
  for (const path of aliases) {
    let i = 0;
    while (i < length && path[i] === first[i]) i++;
    length = i;
  }
  const prefix = first.slice(0, length).join('/');
  return prefix === '' ? `/${twin.name}` : prefix;
}

/** Streams about the twin as a whole. */
export interface HealthAliases {
  nis: string;
  /** The alarms of the newest sample, as JSON. */
  alarms: string;
  /** What became of every reading and sample over the asset's life, as JSON. */
  ledger: string;
  /** Who has acknowledged which alarm, as JSON; the timestamp is when. */
  acknowledged: string;
  /** How old the newest sample in the estimate was when a run ended, seconds. */
  age: string;
}

/** The names of the streams about the twin as a whole. */
export function healthAliases(twin: TwinDefinition): HealthAliases {
  const prefix = aliasPrefix(twin);
  const of = (name: string) => `${prefix}/twin/${name}`;
  return {
    nis: of('nis'),
    alarms: of('alarms'),
    ledger: of('ledger'),
    acknowledged: of('acknowledged'),
    age: of('age'),
  };
}

/**
 * Every stream of a twin: what the machine sends, and what a calibration writes back. A parameter or
 * virtual sensor has `<alias>`, `<alias>_lower` and `<alias>_upper` (95 %); a measured channel has
 * `<alias>` from the machine and `<alias>_estimate`, `_lower`, `_upper` from the twin.
 */
export function twinStreams(twin: TwinDefinition): TwinStream[] {
  const streams: TwinStream[] = [];
  const add = (
    alias: string,
    name: string,
    unit: string,
    role: StreamRole,
    origin: TwinStream['origin'],
    dataType: TwinStream['dataType'] = 'DOUBLE',
  ) => streams.push({ alias, name, unit, role, origin, dataType });
  for (const s of twin.inputs) {
    if (s.alias !== undefined) add(s.alias, s.variable, s.unit, 'input', 'machine');
  }
  for (const s of twin.measured) {
    add(s.alias, s.variable, s.unit, 'measured', 'machine');
    for (const suffix of ['_estimate', '_lower', '_upper']) {
      add(s.alias + suffix, s.variable + suffix, s.unit, 'measured', 'twin');
    }
  }
  const estimated = [
    ...twin.parameters.map((s) => ({ ...s, role: 'parameter' as const })),
    ...twin.virtualSensors.map((s) => ({ ...s, role: 'virtualSensor' as const })),
  ];
  for (const s of estimated) {
    for (const suffix of ['', '_lower', '_upper']) {
      add(s.alias + suffix, s.variable + suffix, s.unit, s.role, 'twin');
    }
  }
  const health = healthAliases(twin);
  add(health.nis, 'twin_nis', '', 'health', 'twin');
  add(health.alarms, 'twin_alarms', '', 'health', 'twin', 'STRING');
  add(health.ledger, 'twin_ledger', '', 'health', 'twin', 'STRING');
  add(health.age, 'twin_age', 's', 'health', 'twin');
  add(health.acknowledged, 'twin_acknowledged', '', 'health', 'people', 'STRING');
  return streams;
}
