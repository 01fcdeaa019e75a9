import { createDashboard, type Dashboard } from './dashboard.js';
import { createFleetView } from './fleet-view.js';
import { type Connection, createHeader } from './header-view.js';
import type { FleetSummary, Snapshot, Update } from './protocol.js';
import { Store } from './store.js';
import { onThemeChange } from './theme.js';
import { formatAddress, parseAddress } from './view-address.js';
import { createWallMode, isOnWall } from './wall-mode.js';

/** Without a message for so long, the connection is taken for lost although it looks open. */
const SILENCE_MS = 10_000;
/** An event source that has given up is opened anew after this. */
const REOPEN_MS = 2000;
/** A fleet's overview is asked for so often. */
const FLEET_MS = 5000;
/** … and so often before it was read once. */
const FIRST_FLEET_MS = 500;

/** The machine that the address names, if it names one. */
const asset = new URLSearchParams(location.search).get('asset');

if (parseAddress(location.hash).onWall === true) document.body.dataset.view = 'wall';

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
    dashboard = createDashboard(main, store, machine, asset);
  }
  dashboard?.update();
  showHeader(connection);
}

function listen(): void {
  const events = new EventSource(
    `/api/events${asset === null ? '' : `?asset=${encodeURIComponent(asset)}`}`,
  );
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
/** A fleet shows its overview until a machine is chosen; a single machine is shown at once. */
function begin(): void {
  showHeader(connection);
  if (asset === null && Number(document.documentElement.dataset.machines) !== 1) {
    watchFleet();
    return;
  }
  setInterval(() => {
    if (connection === 'open' && Date.now() - store.heardAtMs > SILENCE_MS) setConnection('lost');
    showHeader(connection);
  }, 1000);
  listen();
}

async function readFleet(): Promise<FleetSummary | undefined> {
  try {
    const answer = await fetch('/api/fleet');
    return answer.ok ? ((await answer.json()) as FleetSummary) : undefined;
  } catch {
    // The server is away: said in the head of the page.
    return undefined;
  }
}

function watchFleet(): void {
  if (main === null || header === null) return;
  header.hidden = true;
  const view = createFleetView(main);
  const wall = createWallMode(() => {
    const onWall = isOnWall();
    history.replaceState(null, '', `${location.pathname}${formatAddress({ onWall })}`);
  });
  main.append(wall);
  let atMs = Date.now();
  let isRead = false;
  const ask = async () => {
    const summary = await readFleet();
    if (summary !== undefined) {
      atMs = Date.now();
      view.show(summary);
      isRead ||= summary.assets.length === summary.of;
    }
    document.body.classList.toggle('lost', Date.now() - atMs > SILENCE_MS);
    setTimeout(ask, isRead ? FLEET_MS : FIRST_FLEET_MS);
  };
  void ask();
}

begin();
