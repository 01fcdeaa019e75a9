import { createAccountView } from './account-view.js';
import { createChart } from './chart.js';
import { h, setText } from './dom.js';
import { formatDuration, formatNumber } from './format.js';
import type { Machine } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

const RUNS_SHOWN = 8;

/** How the data flow and how the calibration does: NIS, its runs, the gateway's queue. */
export function createSystemView(store: Store, machine: Machine): View {
  const common = { axis: machine.axis, size: 'full', heightPx: 170, fromZero: true } as const;
  const nis = createChart(store, {
    ...common,
    main: { channel: 'health:nis', label: 'NIS' },
    unit: '',
  });
  const queue = createChart(store, {
    ...common,
    main: { channel: 'edge:queueDepth', label: 'waiting values' },
    unit: 'values',
  });
  const rows = h('tbody', { id: 'runs' });
  const table = h(
    'table',
    {},
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...['Started', 'Took', 'Samples', 'Mean NIS', 'Outcome'].map((text) =>
          h('th', { text, scope: 'col' }),
        ),
      ),
    ),
    rows,
  );
  const account = createAccountView();
  const edge = h('p', { class: 'now', id: 'edge' });
  const endpoints = h('dl', { class: 'endpoints' });
  const channels = machine.quantities.filter((q) => q.role === 'measured').length;
  const element = h(
    'section',
    { 'aria-labelledby': 'system-title' },
    h('h2', { id: 'system-title', text: 'The twin and its data' }),
    h(
      'div',
      { class: 'panels' },
      h(
        'article',
        { class: 'panel' },
        h('h3', { text: 'Fit of the model (NIS)' }),
        nis.element,
        h('p', {
          class: 'hint',
          text: `How far measurements fall from what the twin expects, against its own uncertainty. With ${channels} sensors it should scatter around ${channels}; much more for long means that model, sensors or assumed noise are wrong.`,
        }),
      ),
      h(
        'article',
        { class: 'panel' },
        h('h3', { text: 'Gateway' }),
        edge,
        queue.element,
        h('p', {
          class: 'hint',
          text: 'Values that wait on the gateway. Near zero is well; it grows while the cloud cannot be reached, and nothing is lost.',
        }),
      ),
      account.element,
      h(
        'article',
        { class: 'panel wide' },
        h('h3', { text: 'Last calibrations' }),
        h('div', { class: 'scroll' }, table),
      ),
    ),
    h('details', {}, h('summary', { text: 'Where everything listens' }), endpoints),
  );
  let runsText = '';
  return {
    element,
    update() {
      nis.update();
      queue.update();
      const { status } = store;
      if (status === undefined) return;
      account.update(status.account);
      setText(
        edge,
        status.edge === undefined
          ? 'The edge component does not answer.'
          : `${status.edge.queueDepth} waiting · ${status.edge.published} published · ${status.edge.dropped} dropped${status.edge.healthy ? '' : ' · not healthy'}`,
      );
      const runs = status.calibrations.slice(-RUNS_SHOWN).reverse();
      const text = JSON.stringify([runs, status.endpoints]);
      if (text === runsText) return;
      runsText = text;
      rows.replaceChildren(
        ...runs.map((run) =>
          h(
            'tr',
            { class: run.ok ? '' : 'failed' },
            h('td', { text: new Date(run.startedAtMs).toLocaleTimeString() }),
            h('td', { text: formatDuration(run.durationMs / 1000) }),
            h('td', { text: String(run.steps) }),
            h('td', { text: formatNumber(run.meanNis, 1) }),
            h('td', { text: outcomeOf(run) }),
          ),
        ),
      );
      if (runs.length === 0) {
        rows.append(h('tr', {}, h('td', { colspan: '5', text: 'None yet.' })));
      }
      endpoints.replaceChildren(
        ...Object.entries(status.endpoints).flatMap(([name, url]) => [
          h('dt', { text: name }),
          h('dd', { text: url }),
        ]),
      );
    },
  };
}

function outcomeOf(run: { ok: boolean; steps: number; message?: string | undefined }): string {
  if (!run.ok) return `✗ ${run.message ?? 'failed'}`;
  return run.steps === 0 ? 'nothing new' : '✓ done';
}
