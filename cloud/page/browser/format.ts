/** Symbols for units as the definition spells them. */
export function formatUnit(unit: string): string {
  return unit
    .replace(/^deg([CF])$/, '°$1')
    .replaceAll('N.m.s/rad', 'N·m·s/rad')
    .replaceAll('.', '·')
    .replace(/\^2\b/g, '²')
    .replace(/\^3\b/g, '³');
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `3·10⁻⁶`, with as many digits as asked for. */
function formatPower(value: number, digits: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential(digits).split('e');
  const power = Number(exponent);
  const raised = [...String(Math.abs(power))].map((d) => SUPERSCRIPTS[Number(d)]).join('');
  return `${mantissa}·10${power < 0 ? '⁻' : ''}${raised}`.replace('-', '−');
}

/**
 * A number with just the digits that its uncertainty supports.
 *
 * @param width what is uncertain, e.g. the band's width; left out, four digits are shown
 */
export function formatNumber(value: number | null | undefined, width?: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const magnitude = size === 0 ? 0 : Math.floor(Math.log10(size));
  const known = width !== undefined && width > 0;
  // Below what the band can resolve, zero is the honest figure.
  if (size === 0 || (known && size < width / 20)) return '0';
  // Beyond seven significant digits nobody reads on.
  const supported = known ? 1 - Math.floor(Math.log10(width)) : 3 - magnitude;
  const decimals = Math.min(supported, Math.max(0, 6 - magnitude));
  if (magnitude > 6 || magnitude < -4) {
    return formatPower(value, Math.max(0, Math.min(3, decimals + magnitude)));
  }
  const text = value.toFixed(Math.max(0, Math.min(8, decimals)));
  const trimmed = known || !text.includes('.') ? text : text.replace(/\.?0+$/, '');
  return (Number(trimmed) === 0 ? trimmed.replace('-', '') : trimmed).replace('-', '−');
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

/** How long something lasted, e.g. `3 d 18 h`. */
export function formatSpan(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** An instant on the charts' axis. */
export function formatWhen(xS: number, axis: 'machine' | 'wall'): string {
  if (axis === 'machine') return `day ${(xS / 86_400).toFixed(2)}`;
  return new Date(xS * 1000).toLocaleString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}
