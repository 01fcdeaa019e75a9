import { h, setText } from './dom.js';
import type { Account } from './protocol.js';

/** What became of readings and samples: which count it is, and what it means. */
const FATES: readonly {
  of: 'reading' | 'sample';
  key: Exclude<keyof Account, 'atMs' | 'received' | 'samples'>;
  text: string;
  meaning: string;
  /** Whether it is information that the estimate lacks. */
  lacks?: true;
}[] = [
  {
    of: 'reading',
    key: 'aligned',
    text: 'in samples',
    meaning: 'joined with the other sensors’ readings of the same time',
  },
  {
    of: 'reading',
    key: 'thinned',
    text: 'passed over',
    meaning: 'between samples: the sample period is longer than the readings’ own',
  },
  { of: 'reading', key: 'duplicate', text: 'repeated', meaning: 'there already' },
  {
    of: 'reading',
    key: 'unusable',
    text: 'unusable',
    meaning: 'bad quality, or no number: see the source',
    lacks: true,
  },
  {
    of: 'reading',
    key: 'lateUnused',
    text: 'too late',
    meaning: 'behind the late window (calibration.lateWindowS)',
    lacks: true,
  },
  { of: 'sample', key: 'assimilated', text: 'used', meaning: 'in the estimate' },
  {
    of: 'sample',
    key: 'skipped',
    text: 'left out',
    meaning: 'an input or every measurement was missing: the run’s report names it',
    lacks: true,
  },
  {
    of: 'sample',
    key: 'quarantined',
    text: 'set aside',
    meaning: 'the model failed there three times: it is kept in the store',
    lacks: true,
  },
];

/** In a sentence, whether every reading is in the estimate. */
export function accountText(account: Account | undefined): string {
  if (account === undefined)
    return 'No run of the calibration has told what became of the readings.';
  const readings = count(account.received, 'reading');
  if (!addsUp(account)) {
    return `The counts of ${readings} do not match one another: run twinloop doctor.`;
  }
  const lacking = FATES.filter((f) => f.lacks === true && account[f.key] > 0);
  const late =
    account.late > 0 ? ` ${account.late.toLocaleString('en')} came late and went in.` : '';
  if (lacking.length === 0) return `All of ${readings} are accounted for.${late}`;
  const parts = lacking.map((f) => `${count(account[f.key], f.of)} ${f.text}`);
  return `Of ${readings}, the estimate lacks: ${parts.join(', ')}.${late}`;
}

/** Whether each count is the sum of its parts. */
function addsUp(account: Account): boolean {
  const sum = (of: 'reading' | 'sample') =>
    FATES.filter((f) => f.of === of).reduce((total, f) => total + account[f.key], 0);
  return sum('reading') === account.received && sum('sample') === account.samples;
}

function count(n: number, one: string): string {
  return `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
}

/** What became of every reading of the machine, as a sentence and a table. */
export function createAccountView(): {
  element: HTMLElement;
  update(account: Account | undefined): void;
} {
  const sentence = h('p', { class: 'now', id: 'account' });
  const rows = h('tbody', {});
  const head = h('tr', {});
  for (const text of ['Count', 'What', 'Meaning']) head.append(h('th', { text, scope: 'col' }));
  const table = h('table', { id: 'ledger' }, h('thead', {}, head), rows);
  let shown = '';
  return {
    element: h(
      'article',
      { class: 'panel wide' },
      h('h3', { text: 'What became of every reading' }),
      sentence,
      h('div', { class: 'scroll' }, table),
      h('p', {
        class: 'hint',
        text: 'Counted over the life of the twin. A count that grows in a marked row is information that the estimate lacks.',
      }),
    ),
    update(account) {
      setText(sentence, accountText(account));
      const text = JSON.stringify(account ?? null);
      if (text === shown) return;
      shown = text;
      table.hidden = account === undefined;
      if (account === undefined) return;
      rows.replaceChildren(
        ...FATES.map((f) =>
          h(
            'tr',
            { class: f.lacks === true && account[f.key] > 0 ? 'failed' : '' },
            h('td', { text: account[f.key].toLocaleString('en') }),
            h('td', { text: `${f.of}s ${f.text}` }),
            h('td', { text: f.meaning }),
          ),
        ),
      );
    },
  };
}
