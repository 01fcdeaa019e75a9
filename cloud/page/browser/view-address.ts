import type { Comparison, Store } from './store.js';
import { isOnWall } from './wall-mode.js';

/**
 * What is shown stands in the address, so that a link shows the same: `#show=parameter:b9`,
 * `&from=…&to=…` in seconds of the axis, `&with=before` or `event`, and `&view=wall`.
 */
export interface ViewAddress {
  show?: string;
  range?: readonly [from: number, to: number];
  comparison?: Comparison;
  onWall?: boolean;
}

/** Reads an address's fragment; what can't be read is left out. */
export function parseAddress(hash: string): ViewAddress {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const show = params.get('show');
  const compared = params.get('with');
  const from = Number(params.get('from') ?? Number.NaN);
  const to = Number(params.get('to') ?? Number.NaN);
  return {
    ...(show === null || show === '' ? {} : { show }),
    ...(Number.isFinite(from) && Number.isFinite(to) && to > from ? { range: [from, to] } : {}),
    ...(compared === 'before' || compared === 'event' ? { comparison: compared } : {}),
    ...(params.get('view') === 'wall' ? { onWall: true } : {}),
  };
}

/** @returns the fragment, empty where everything is as at first */
export function formatAddress({ show, range, comparison, onWall }: ViewAddress): string {
  const params = new URLSearchParams();
  if (show !== undefined) params.set('show', show);
  if (range !== undefined) {
    params.set('from', String(Math.round(range[0])));
    params.set('to', String(Math.round(range[1])));
  }
  if (comparison !== undefined) params.set('with', comparison);
  if (onWall === true) params.set('view', 'wall');
  const text = params.toString();
  return text === '' ? '' : `#${text}`;
}

/** Writes what is shown into the address, without a step in the browser's history. */
export function noteAddress(store: Store, show: string | undefined): void {
  const address = formatAddress({
    ...(show === undefined ? {} : { show }),
    ...(store.range === undefined ? {} : { range: store.range }),
    ...(store.comparison === undefined ? {} : { comparison: store.comparison }),
    onWall: isOnWall(),
  });
  history.replaceState(null, '', `${location.pathname}${location.search}${address}`);
}
