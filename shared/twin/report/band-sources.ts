import { percentText } from '../../core/index.js';
import { inputsAlongOutput } from '../filter/persistent-error.js';
import { SOURCES, type Source } from '../filter/sources.js';
import type { CalibratorState, SensorSlopes, Twin } from '../types.js';
import { escapeHtml } from './html.js';
import { alongOutput } from './report.js';

/** Share of each source in a band's variance; they add up to 1. */
export type BandSources = Record<Source, number>;

/** What a source means, for whoever reads a report. */
const SOURCE_TEXTS: Readonly<Record<Source, string>> = {
  sensors: 'noise and stated errors of sensors',
  inputs: 'noise and stated errors of inputs',
  model: 'what the model lacks, and how it bends',
  trend: 'wear since it was seen',
  shortness: 'too few samples, or none that tell',
};

/** Shares of variances, negative ones counted as none; undefined where nothing is uncertain. */
export function sharesOf(variances: Record<Source, number>): BandSources | undefined {
  const total = SOURCES.reduce((sum, s) => sum + Math.max(0, variances[s]), 0);
  if (!(total > 0)) return undefined;
  const shares = SOURCES.map((s) => [s, Math.max(0, variances[s]) / total]);
  return Object.fromEntries(shares) as BandSources;
}

/**
 * Where the bands of parameters and virtual sensors come from at the newest sample of rest.
 *
 * @param slopes of that sample
 * @returns by variable; undefined where no account is kept, as of a moving machine
 */
export function bandSources(
  twin: Twin,
  { filter }: CalibratorState,
  slopes: SensorSlopes,
): Record<string, BandSources> | undefined {
  const { sources, persistent } = filter;
  const { parameters, measured, virtualSensors } = twin.definition;
  const n = parameters.length;
  if (sources === undefined || sources.length !== SOURCES.length * n * n) return undefined;
  const of = (f: (covariance: Float64Array) => number) =>
    Object.fromEntries(
      SOURCES.map((s, k) => [s, f(sources.subarray(k * n * n, (k + 1) * n * n))]),
    ) as Record<Source, number>;
  const found: Record<string, BandSources> = {};
  parameters.forEach(({ variable }, i) => {
    const variances = of((P) => P[i * n + i]!);
    variances.model += persistent?.[i] ?? 0;
    variances.sensors += persistent?.[n + i] ?? 0;
    variances.inputs += persistent?.[2 * n + i] ?? 0;
    const shares = sharesOf(variances);
    if (shares !== undefined) found[variable] = shares;
  });
  virtualSensors.forEach(({ variable }, s) => {
    const output = measured.length + s;
    const variances = of((P) => alongOutput(slopes, P, output, n));
    const { own, persistent: lasting } = slopes;
    variances.inputs += own?.inputs[output] ?? 0;
    variances.model += own?.model[output] ?? 0;
    if (lasting !== undefined) {
      variances.model += alongOutput(slopes, lasting.model, output, n);
      variances.sensors += alongOutput(slopes, lasting.offsets, output, n);
      if (lasting.inputs !== undefined) {
        variances.inputs += inputsAlongOutput(slopes, lasting.inputs, output, n);
      }
    }
    const shares = sharesOf(variances);
    if (shares !== undefined) found[variable] = shares;
  });
  return found;
}

/** Colours that differ in lightness too, so that they can be told in print. */
const FILL: Readonly<Record<Source, string>> = {
  sensors: '#1f4e79',
  inputs: '#5b8db8',
  model: '#b54708',
  trend: '#e3a857',
  shortness: '#c9ced6',
};
/** Least share of a band that is as wide as a line. */
const SEEN = 0.005;
const [BAR, ROW, NAME, WIDTH] = [16, 24, 220, 420] as const;

/** The shares as stacked bars, one row each, with their legend. */
export function sourcesFigure(sources: Readonly<Record<string, BandSources>>): string {
  const names = Object.keys(sources);
  const rows = names.map((name, r) => {
    let x = NAME;
    const parts = SOURCES.map((source) => {
      const share = sources[name]![source];
      const width = share * WIDTH;
      const rect = `<rect x="${x.toFixed(1)}" y="${r * ROW}" width="${width.toFixed(1)}" height="${BAR}" fill="${FILL[source]}"><title>${escapeHtml(`${name}: ${SOURCE_TEXTS[source]}, ${percentText(share)}`)}</title></rect>`;
      x += width;
      return share > 0 ? rect : '';
    });
    return `<text x="${NAME - 8}" y="${r * ROW + 12}" text-anchor="end">${escapeHtml(name)}</text>${parts.join('')}`;
  });
  const height = ROW * names.length;
  const present = SOURCES.filter((s) => names.some((name) => sources[name]![s] >= SEEN));
  const legend = present.map(
    (source, k) =>
      `<rect x="${NAME}" y="${height + 8 + k * 18}" width="12" height="12" fill="${FILL[source]}"/><text x="${NAME + 18}" y="${height + 18 + k * 18}">${escapeHtml(SOURCE_TEXTS[source])}</text>`,
  );
  const [w, h] = [NAME + WIDTH + 10, height + 12 + present.length * 18];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" font-family="system-ui,sans-serif" font-size="12">${rows.join('')}${legend.join('')}</svg>`;
}
