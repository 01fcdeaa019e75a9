/** Colours for what is drawn on canvases, which style sheets do not reach. */
export interface Palette {
  estimate: string;
  band: string;
  bandEdge: string;
  sensor: string;
  sensorRange: string;
  truth: string;
  alarm: string;
  warn: string;
  muted: string;
  grid: string;
  ink: string;
  hatch: string;
  whatIf: string;
  ahead: string;
  aheadEdge: string;
}

let current: Palette | undefined;

/** The present theme's colours, from the style sheet's custom properties. */
export function palette(): Palette {
  if (current !== undefined) return current;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  current = {
    estimate: color('estimate'),
    band: color('band'),
    bandEdge: color('band-edge'),
    sensor: color('sensor'),
    sensorRange: color('sensor-range'),
    truth: color('truth'),
    alarm: color('alarm'),
    warn: color('warn'),
    muted: color('muted'),
    grid: color('grid'),
    ink: color('text'),
    hatch: color('hatch'),
    whatIf: color('what-if'),
    ahead: color('ahead'),
    aheadEdge: color('ahead-edge'),
  };
  return current;
}

/** Calls back when the reader's system goes from light to dark or the other way. */
export function onThemeChange(listener: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    current = undefined;
    listener();
  });
}
