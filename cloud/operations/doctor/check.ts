/** What one look found. */
export interface Check {
  area:
    | 'model'
    | 'siteWise'
    | 'asset'
    | 'data'
    | 'results'
    | 'state'
    | 'runs'
    | 'permission'
    | 'edge'
    | 'way';
  /** The twin, asset, stream or operation that was looked at. */
  subject: string;
  status: 'ok' | 'warning' | 'failed';
  found: string;
  /** What to do; there unless all is well. */
  remedy?: string;
}

type Area = Check['area'];

export const ok = (area: Area, subject: string, found: string): Check => ({
  area,
  subject,
  status: 'ok',
  found,
});
export const warning = (area: Area, subject: string, found: string, remedy: string): Check => ({
  area,
  subject,
  status: 'warning',
  found,
  remedy,
});
export const failed = (area: Area, subject: string, found: string, remedy: string): Check => ({
  area,
  subject,
  status: 'failed',
  found,
  remedy,
});

const UNITS = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3_600 },
  { unit: 'min', seconds: 60 },
] as const;

/** A duration for people, e.g. `3.2 h`. */
export function duration(seconds: number): string {
  const step = UNITS.find((u) => seconds >= 2 * u.seconds);
  const amount = seconds / (step?.seconds ?? 1);
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${step?.unit ?? 's'}`;
}

/** The first names of a list, and how many more there are. */
export function few(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
