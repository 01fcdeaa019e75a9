import { h, setText } from './dom.js';
import { formatAge, formatNumber, formatUnit } from './format.js';
import type { AssetSummary, FleetSummary } from './protocol.js';

/** Most urgent first: what can't be trusted is before what is well, behind what is beyond a limit. */
function urgencyOf(asset: AssetSummary): number {
  const untrusted = asset.freshness.state === 'live' ? 0 : 50;
  const share = asset.worst === undefined ? 0 : Math.min(10, asset.worst.share);
  return 100 * Math.min(1, asset.alarms) + untrusted + 20 * Math.min(1, asset.warnings) + share;
}

const STATE_TEXT: Readonly<Record<AssetSummary['freshness']['state'], string>> = {
  waiting: 'not heard yet',
  learning: 'learning',
  live: 'live',
  silent: 'silent',
  behind: 'twin behind',
  unread: 'not read',
};

/** How a machine stands, as glyph and word: shape first, then colour. */
function conditionOf(asset: AssetSummary): { glyph: string; word: string; kind: string } {
  if (asset.alarms > 0) return { glyph: '▲', word: 'past a limit', kind: 'alarm' };
  if (asset.freshness.state !== 'live') {
    return { glyph: '▨', word: STATE_TEXT[asset.freshness.state], kind: 'untrusted' };
  }
  if (asset.warnings > 0) return { glyph: '!', word: 'look at it', kind: 'warning' };
  if ((asset.worst?.share ?? 0) > 0.8) return { glyph: '◆', word: 'near a limit', kind: 'ahead' };
  return { glyph: '○', word: 'well', kind: 'good' };
}

/** All machines of a fleet, the most urgent first; one click leads to each. */
export function createFleetView(root: HTMLElement): { show(summary: FleetSummary): void } {
  const heading = h('h1', { id: 'fleet-title' });
  const fault = h('p', { class: 'freshness' });
  const filter = h('input', {
    type: 'search',
    id: 'fleet-filter',
    placeholder: 'name, twin, state …',
    'aria-label': 'Filter machines',
  });
  const rows = h('tbody', { id: 'machines' });
  const columns = ['State', 'Machine', 'Nearest to a limit', 'Unlike its siblings', 'Measured'];
  const head = columns.map((text) => h('th', { text, scope: 'col' }));
  const table = h('table', {}, h('thead', {}, h('tr', {}, ...head)), rows);
  root.replaceChildren(
    h(
      'section',
      { 'aria-labelledby': 'fleet-title', class: 'fleet' },
      h(
        'div',
        { class: 'bar between' },
        heading,
        h('label', { class: 'choice' }, h('span', { text: 'Filter' }), filter),
      ),
      fault,
      h('div', { class: 'scroll panel' }, table),
    ),
  );
  let known: FleetSummary | undefined;

  function row(asset: AssetSummary, nowMs: number): HTMLElement {
    const { glyph, word, kind } = conditionOf(asset);
    const link = h('a', {
      class: 'machine-link',
      href: `?asset=${encodeURIComponent(asset.id)}`,
      text: asset.id,
    });
    const age = asset.measuredAtMs;
    return h(
      'tr',
      {},
      h(
        'td',
        { class: `state state-${kind}`, title: asset.freshness.text },
        h('span', { 'aria-hidden': 'true', text: glyph }),
        h('span', { text: word }),
      ),
      h('td', {}, link, h('span', { class: 'hint', text: ` ${asset.twin}` })),
      h('td', { text: worstText(asset) }),
      h('td', { text: differsText(asset) }),
      h('td', { text: age === undefined ? 'never' : formatAge(Math.max(0, nowMs - age) / 1000) }),
    );
  }

  function draw(): void {
    if (known === undefined) return;
    const wanted = filter.value.trim().toLowerCase();
    const shown = known.assets
      .filter((a) => `${a.id} ${a.twin} ${conditionOf(a).word}`.toLowerCase().includes(wanted))
      .sort((a, b) => urgencyOf(b) - urgencyOf(a) || a.id.localeCompare(b.id));
    setText(heading, headingOf(known));
    setText(fault, known.fault === undefined ? '' : `SiteWise cannot be read: ${known.fault}`);
    const { nowMs } = known;
    rows.replaceChildren(...shown.map((asset) => row(asset, nowMs)));
  }
  filter.addEventListener('input', draw);
  return {
    show(summary) {
      known = summary;
      draw();
    },
  };
}

/** A sentence first: how many need somebody. */
function headingOf({ assets, of }: FleetSummary): string {
  const count = (kind: string) => assets.filter((a) => conditionOf(a).kind === kind).length;
  const parts = [
    [count('alarm'), 'past a limit'],
    [count('untrusted'), 'without fresh news'],
    [count('warning'), 'to look at'],
  ] as const;
  const told = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  if (assets.length === 0) return `Reading ${of} machines …`;
  return told.length === 0
    ? `All ${of} machines are well`
    : `Of ${of} machines: ${told.join(', ')}`;
}

function worstText({ worst }: AssetSummary): string {
  if (worst === undefined) return '';
  const unit = worst.unit === '' ? '' : ` ${formatUnit(worst.unit)}`;
  return `${worst.label} ${formatNumber(worst.value)} of ${formatNumber(worst.limit)}${unit}`;
}

function differsText({ differs }: AssetSummary): string {
  if (differs === undefined) return '';
  return `${differs.label} ${formatNumber(differs.value)}, usual ${formatNumber(differs.usual)}`;
}
