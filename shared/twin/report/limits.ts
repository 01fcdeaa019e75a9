import type { Limit } from '../../plot/index.js';

/** What has limits of alarms. */
export interface Limited {
  alarm?: { above?: number | undefined; below?: number | undefined } | undefined;
}

/** The limits of quantities as lines across a panel, each once. */
export function limitsOf(items: readonly Limited[]): Limit[] {
  const values = new Set(items.flatMap(({ alarm }) => [alarm?.above, alarm?.below]));
  return [...values].flatMap((value) =>
    value === undefined ? [] : [{ value, label: `limit ${value}` }],
  );
}
