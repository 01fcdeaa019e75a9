/** Symbols for units as the definition spells them. */
export function formatUnit(unit: string): string {
  return unit
    .replaceAll('N.m.s/rad', 'N·m·s/rad')
    .replaceAll('.', '·')
    .replace(/\^2\b/g, '²')
    .replace(/\^3\b/g, '³');
}

/**
 * A number with just the digits that its uncertainty supports.
 *
 * @param width what is uncertain, e.g. the band's width; left out, four digits are shown
 */
export function formatNumber(value: number | null | undefined, width?: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  let decimals: number;
  if (width !== undefined && width > 0) decimals = 1 - Math.floor(Math.log10(width));
  else decimals = size === 0 ? 0 : 3 - Math.floor(Math.log10(size));
  decimals = Math.max(0, Math.min(8, decimals));
  if (size !== 0 && (size >= 1e7 || size < 1e-5)) {
    // Below what the band can resolve, zero is the honest figure.
    if (width !== undefined && size < width / 20) return '0';
    return value.toExponential(1).replace('e-', 'e−').replace('-', '−');
  }
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
}

/** A value with its unit. */
export function formatValue(
  value: number | null | undefined,
  unit: string,
  width?: number,
): string {
  const text = formatNumber(value, width);
  return unit === '' || text === '–' ? text : `${text} ${formatUnit(unit)}`;
}

/** How long ago something was, coarse enough to read at a glance. */
export function formatAge(seconds: number): string {
  if (seconds < 1.5) return 'just now';
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** A length of time. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 3600) return `${Number((seconds / 60).toPrecision(2))} min`;
  if (seconds < 86_400) return `${Number((seconds / 3600).toPrecision(2))} h`;
  return `${Number((seconds / 86_400).toPrecision(2))} days`;
}

/** An instant on the charts' axis. */
export function formatInstant(xS: number, axis: 'machine' | 'wall'): string {
  if (axis === 'wall') return new Date(xS * 1000).toLocaleString();
  return `day ${(xS / 86_400).toFixed(2)}`;
}
