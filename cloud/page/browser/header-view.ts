import { h, setText } from './dom.js';
import { formatAge } from './format.js';
import { MOOD_SYMBOLS, type Mood } from './moods.js';
import type { Store } from './store.js';

/** How the page hears from its server. */
export type Connection = 'connecting' | 'open' | 'lost';

/** The one line that says whether all is well. */
function verdictOf(store: Store, connection: Connection): { mood: Mood; text: string } {
  const { status } = store;
  if (connection === 'lost') {
    return { mood: 'bad', text: 'Connection lost – trying again; what you see is old' };
  }
  if (status === undefined) return { mood: 'wait', text: 'Connecting …' };
  if (status.fault !== undefined) return { mood: 'bad', text: 'SiteWise cannot be read' };
  if (status.measuredAtMs === undefined) {
    return { mood: 'wait', text: 'Waiting for the first measurement' };
  }
  const { freshness } = status;
  if (freshness.state === 'silent') return { mood: 'bad', text: 'No fresh measurements' };
  const alarms = status.alarms.filter((a) => a.level === 'alarm').length;
  if (alarms > 0) return { mood: 'bad', text: alarms === 1 ? '1 alarm' : `${alarms} alarms` };
  const warnings = status.alarms.filter((a) => a.level === 'warning').length;
  if (warnings > 0) {
    return { mood: 'warn', text: warnings === 1 ? '1 warning' : `${warnings} warnings` };
  }
  if (freshness.state === 'behind') return { mood: 'warn', text: 'The twin has fallen behind' };
  if (status.calibratedAtMs === undefined) {
    return { mood: 'wait', text: 'Waiting for the first calibration' };
  }
  return { mood: 'good', text: 'All is well' };
}

/** The page's head: which machine, whether all is well, how fresh, how fast time runs. */
export function createHeader(root: HTMLElement, store: Store): (connection: Connection) => void {
  const title = h('h1', { text: 'Twinloop' });
  const symbol = h('span', { class: 'symbol', 'aria-hidden': 'true' });
  const verdict = h('span', {});
  const pill = h('div', { class: 'pill wait', role: 'status', id: 'verdict' }, symbol, verdict);
  const facts = new Map<string, HTMLElement>();
  const list = h('dl', { class: 'facts' });
  const fact = (key: string, label: string, title: string) => {
    const value = h('dd', { text: '–' });
    facts.set(key, value);
    list.append(h('div', { title }, h('dt', { text: label }), value));
  };
  fact('measured', 'Last measurement', 'When the newest sensor value was taken');
  fact('calibrated', 'Twin is as of', 'The newest measurement that the calibration has taken in');
  fact('machine', 'Machine time', 'The machine’s own clock');
  fact('scale', 'Time runs', 'Machine time against the clock on the wall');
  const freshness = h('p', { class: 'freshness', id: 'freshness' });
  const bar = h('div', { class: 'bar' }, title, pill);
  if (new URLSearchParams(location.search).has('asset')) {
    bar.prepend(h('a', { class: 'to-fleet', href: '/', text: 'Fleet' }));
  }
  root.replaceChildren(bar, list, freshness);

  return (connection) => {
    const { machine, status } = store;
    if (machine !== undefined) {
      setText(title, machine.name);
      document.title = `${machine.name} – Twinloop`;
    }
    const { mood, text } = verdictOf(store, connection);
    pill.className = `pill ${mood}`;
    setText(symbol, MOOD_SYMBOLS[mood]);
    setText(verdict, text);
    if (status === undefined) return;
    const { state, text: why } = status.freshness;
    document.body.dataset.freshness = connection === 'lost' ? 'lost' : state;
    setText(freshness, state === 'live' ? '' : why);
    const nowMs = status.nowMs + (Date.now() - store.heardAtMs);
    const age = (ms: number | undefined) =>
      ms === undefined ? 'none yet' : formatAge(Math.max(0, nowMs - ms) / 1000);
    const set = (key: string, value: string) => {
      const element = facts.get(key);
      if (element !== undefined) setText(element, value);
    };
    set('measured', age(status.measuredAtMs));
    const isCarried = store.outlook !== undefined && store.nowX > store.outlook.fromX;
    set('calibrated', `${age(status.calibratedAtMs)}${isCarried ? ', carried to now' : ''}`);
    const scale = status.timeScale ?? 1;
    set(
      'machine',
      status.machineTimeS === undefined
        ? new Date(nowMs).toLocaleTimeString()
        : `day ${(status.machineTimeS / 86_400).toFixed(1)}`,
    );
    set('scale', scaleText(scale));
  };
}

function scaleText(scale: number): string {
  if (scale === 1) return 'in real time';
  if (scale >= 86_400) return `1 s here = ${Number((scale / 86_400).toPrecision(3))} days`;
  if (scale >= 3600) return `1 s here = ${Number((scale / 3600).toPrecision(3))} h`;
  if (scale >= 60) return `1 s here = ${Number((scale / 60).toPrecision(3))} min`;
  return `${Number(scale.toPrecision(3))} × real time`;
}
