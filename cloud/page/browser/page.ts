import { createDashboard, type Dashboard } from './dashboard.js';
import { type Connection, createHeader } from './header-view.js';
import type { Snapshot, Update } from './protocol.js';
import { Store } from './store.js';
import { onThemeChange } from './theme.js';

/** Without a message for so long, the connection is taken for lost although it looks open. */
const SILENCE_MS = 10_000;
/** An event source that has given up is opened anew after this. */
const REOPEN_MS = 2000;

const store = new Store();
const header = document.getElementById('header');
const main = document.getElementById('main');
if (header === null || main === null) throw new Error('index.html lacks its header or main');
const showHeader = createHeader(header, store);
let connection: Connection = 'connecting';
let dashboard: Dashboard | undefined;
let machineText = '';

function setConnection(next: Connection): void {
  connection = next;
  document.body.classList.toggle('lost', next === 'lost');
  showHeader(connection);
}

/** Shows what is known; a machine that differs from the one before gets a page of its own. */
function show(): void {
  const { machine } = store;
  const text = JSON.stringify(machine);
  if (machine !== undefined && text !== machineText && main !== null) {
    machineText = text;
    dashboard = createDashboard(main, store, machine);
  }
  dashboard?.update();
  showHeader(connection);
}

function listen(): void {
  const events = new EventSource('/api/events');
  const take = (event: MessageEvent<string>) => {
    store.take(JSON.parse(event.data) as Snapshot | Update);
    setConnection('open');
    show();
  };
  events.addEventListener('snapshot', take);
  events.addEventListener('update', take);
  events.addEventListener('error', () => {
    setConnection('lost');
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, REOPEN_MS);
  });
}

onThemeChange(() => {
  machineText = '';
  show();
});
setInterval(() => {
  if (connection === 'open' && Date.now() - store.heardAtMs > SILENCE_MS) setConnection('lost');
  showHeader(connection);
}, 1000);
listen();
