/** Stops of a scale from unremarkable to remarkable that colour-blind eyes can follow by lightness too. */
const LIGHT = ['#9fb6c3', '#e6c35c', '#e07b2f', '#9c2142'] as const;
const DARK = ['#4d6472', '#b59a3b', '#ec8a3b', '#ff6b8b'] as const;

function channelsOf(hex: string): [number, number, number] {
  const n = Number.parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/**
 * A colour for a share between 0 and 1.
 *
 * @param share clamped; `undefined` gives the colour of the unknown
 */
export function scaleColour(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return 'transparent';
  const stops = matchMedia('(prefers-color-scheme: dark)').matches ? DARK : LIGHT;
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  const a = channelsOf(stops[i] ?? LIGHT[0]);
  const b = channelsOf(stops[i + 1] ?? LIGHT[0]);
  const mix = (k: 0 | 1 | 2) => Math.round(a[k] + (b[k] - a[k]) * (at - i));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}
