// Grafana's own library, @grafana/data, as tests ask it. TWINLOOP_GRAFANA_DATA names a folder in which
// `npm install @grafana/data jsdom` was run.
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Override {
  matcher: { id: string; options: string };
  properties: { id: string; value: unknown }[];
}
export interface Query {
  refId: string;
  queryType: string;
  resolution?: string;
  aggregates?: string[];
  propertyAliases: string[];
}
export interface Panel {
  type: string;
  title: string;
  targets?: Query[];
  panels?: Panel[];
  transformations?: object[];
  fieldConfig: { defaults: Record<string, unknown>; overrides: Override[] };
}
export interface Field {
  name: string;
  type: string;
  values: number[];
  config: {
    custom?: Record<string, unknown>;
    unit?: string;
    thresholds?: { steps: { value: number | null }[] };
  };
  state?: { scopedVars?: { __field?: { value?: unknown } } } | null;
}
export interface Frame {
  refId: string;
  name: string;
  fields: Field[];
}
export interface Grafana {
  createTheme(): unknown;
  toDataFrame(frame: object): Frame;
  Registry: new (items: () => object[]) => object;
  applyFieldOverrides(options: object): Frame[];
  getFieldDisplayName(field: Field, frame: Frame, frames: Frame[]): string;
  getValueFormat(
    unit: string,
  ): (value: number, decimals: number) => { text: string; suffix: string };
  standardTransformers: Record<string, { id: string; name: string }>;
  standardTransformersRegistry: { setInit(items: () => object[]): void };
  transformDataFrame(
    transformations: object[],
    frames: Frame[],
  ): { subscribe(next: (frames: Frame[]) => void): void };
  displayNameOverrideProcessor(value: unknown, context: object, settings: object): unknown;
}

/** Where the library is; undefined: tests that need it are skipped. */
export const grafanaFolder = process.env.TWINLOOP_GRAFANA_DATA;
/** What a skipped test's name ends in. */
export const grafanaReason =
  grafanaFolder === undefined ? ' (skipped: no @grafana/data, set TWINLOOP_GRAFANA_DATA)' : '';
const CUSTOM = [
  'lineWidth',
  'lineStyle',
  'spanNulls',
  'showPoints',
  'fillOpacity',
  'thresholdsStyle',
  'fillBelowTo',
];

/** Loads the library with what it reads of a browser. */
export function loadGrafana(folder: string): Grafana {
  const require = createRequire(join(folder, 'package.json'));
  const { JSDOM } = require('jsdom');
  const { window } = new JSDOM('<html></html>', { url: 'http://localhost' });
  // What the library reads of a browser while it is loaded.
  const names = ['document', 'localStorage', 'Node', 'Element', 'HTMLElement', 'DOMParser'];
  for (const name of [...names, 'NodeFilter', 'navigator']) {
    Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
  }
  Object.defineProperty(globalThis, 'window', { value: window, configurable: true });
  const grafana: Grafana = require('@grafana/data');
  grafana.standardTransformersRegistry.setInit(() => {
    const all = Object.values(grafana.standardTransformers);
    // One is there under two names.
    return [...new Map(all.map((t) => [t.id, { ...t, transformation: t }])).values()];
  });
  return grafana;
}

/** A panel's series by the names that Grafana shows, from the frames that its rules are given. */
export function drawn(grafana: Grafana, panel: Panel, data: Frame[]): [string, Field][] {
  const item = (id: string, isCustom: boolean, process = (value: unknown) => value) => ({
    id: isCustom ? `custom.${id}` : id,
    path: id,
    name: id,
    isCustom,
    process,
    shouldApply: () => true,
  });
  const plain = ['color', 'noValue', 'mappings', 'thresholds', 'min', 'unit'];
  const registry = new grafana.Registry(() => [
    {
      ...item('displayName', false),
      settings: { expandTemplateVars: true },
      process: grafana.displayNameOverrideProcessor,
    },
    ...plain.map((id) => item(id, false)),
    ...CUSTOM.map((id) => item(id, true)),
  ]);
  // Rules name a field by a variable, which Grafana's template service fills in.
  const replaceVariables = (text: string, vars?: Record<string, { value?: unknown }>) =>
    text.replace(/\$\{__field\.name\}/g, () => {
      const context = vars?.__dataContext?.value as { field?: Field } | undefined;
      return context?.field?.name ?? text;
    });
  const frames = grafana.applyFieldOverrides({
    data,
    fieldConfig: panel.fieldConfig,
    replaceVariables,
    theme: grafana.createTheme(),
    fieldConfigRegistry: registry,
    timeZone: 'utc',
  });
  return frames.flatMap((frame) =>
    frame.fields
      .filter((f) => f.type !== 'time')
      .map((f): [string, Field] => [grafana.getFieldDisplayName(f, frame, frames), f]),
  );
}
